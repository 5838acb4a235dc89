import { describe, expect, it } from 'vitest';
import { awaitedBy } from '../../fanout/shared.ts';
import { createStore } from '../../kube/store.ts';
import { byDuplicateOf, RUN_INDEXES } from './indexes.ts';
import type { LiveRun } from './observed.ts';
import { eventRun, fanOutOf, workflowRun } from './testing/builders.ts';
import { waitersIn } from './waiters.ts';

const root = workflowRun({ name: 'root' });
const reference = ({ metadata }: LiveRun) => ({ namespace: 'team', name: metadata.name, uid: metadata.uid });

function waiters(run: LiveRun, ...others: LiveRun[]): string[] {
  const store = createStore<LiveRun>({ indexes: { [RUN_INDEXES.duplicateOf]: byDuplicateOf } });
  for (const one of [...others, root, run]) store.set(one);
  return waitersIn(store)(run).map(({ metadata }) => metadata.name!);
}

describe('who waits for a run', () => {
  it.each([
    [undefined, ['root']],
    [true, ['root']],
    [false, []],
  ])(
    'given a fan-out with waitForChildren: %s, then its run waits or not, and its children are waited for or not',
    (waitForChildren, expected) => {
      const emit = fanOutOf(root, 'emit', { spec: waitForChildren === undefined ? {} : { waitForChildren } });
      expect(waiters(emit)).toEqual(expected);
      const child = workflowRun({ name: 'child', parent: { run: reference(emit), root: reference(root) } });
      expect(waiters(child, emit)).toEqual(expected.map(() => 'root-emit'));
    },
  );

  it('given duplicates of its event, then they wait, as long as they have not ended', () => {
    const first = eventRun({ name: 'first' });
    const second = eventRun({ name: 'second', status: { phase: 'Waiting', duplicateOf: 'first' } });
    const ended = eventRun({ name: 'ended', status: { phase: 'Succeeded', duplicateOf: 'first' } });
    expect(waiters(first, second, ended)).toEqual(['second']);
  });

  it('given events that share it, then they wait, if they are still there and go on', () => {
    const [one, two] = ['one', 'two'].map(name => fanOutOf(workflowRun({ name: `of-${name}` }), name));
    const names = [one!, two!, eventRun({ name: 'gone' })].map(reference);
    const annotations = Object.assign({}, ...names.map(awaitedBy));
    const base = workflowRun({ name: 'shared' });
    const shared = { ...base, metadata: { ...base.metadata, annotations } };
    expect(waiters(shared, one!, two!)).toEqual(['of-one-one', 'of-two-two']);
    expect(waiters(shared, one!, { ...two!, status: { phase: 'TimedOut' } })).toEqual(['of-one-one']);
  });

  it('given a parent that has ended, or nobody, then nobody waits', () => {
    const emit = fanOutOf(root, 'emit');
    expect(waiters(emit, { ...root, status: { phase: 'Failed' } })).toEqual([]);
    expect(waiters(eventRun({ name: 'alone' }))).toEqual([]);
  });
});
