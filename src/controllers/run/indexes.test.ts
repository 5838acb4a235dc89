import { describe, expect, it } from 'vitest';
import type { TakoRunStatus } from '../../api/takorun-status.ts';
import { awaitedBy } from '../../fanout/shared.ts';
import { createStore } from '../../kube/store.ts';
import {
  awaitersConcerned,
  below,
  byAwaiters,
  byDuplicateOf,
  byParentUid,
  duplicatesConcerned,
  inTree,
  RUN_INDEXES,
  sharedRuns,
} from './indexes.ts';
import type { LiveRun } from './observed.ts';
import { eventRun, workflowRun } from './testing/builders.ts';

const root = { namespace: 'team', name: 'root', uid: 'uid-root' };
const key = 'team/run';

function awaited(status: TakoRunStatus, ...names: string[]): LiveRun {
  const run = workflowRun({ name: 'run', status });
  const waiters = names.map(name => awaitedBy({ namespace: 'team', name, uid: `uid-${name}` }));
  return { ...run, metadata: { ...run.metadata, annotations: Object.assign({}, ...waiters) } };
}

describe('who hears of a shared run', () => {
  it.each<[string, TakoRunStatus, string[], TakoRunStatus, string[], string[]]>([
    ['another message', { phase: 'Running', message: 'a' }, ['one'], { phase: 'Running', message: 'b' }, ['one'], []],
    ['another phase', { phase: 'Running' }, ['one', 'two'], { phase: 'Failed' }, ['one', 'two'], ['one', 'two']],
    ['one more that waits', { phase: 'Running' }, ['one'], { phase: 'Running' }, ['one', 'two'], ['two']],
  ])('given %s, then those who have to', (_, before, old, after, names, told) => {
    const event = { type: 'updated', key, old: awaited(before, ...old), object: awaited(after, ...names) } as const;
    expect(awaitersConcerned(event)).toEqual(told.map(name => `team/${name}`));
  });

  it('given that it goes away, then all; given that it is first seen, then nobody, for they are looked at then too', () => {
    expect(awaitersConcerned({ type: 'deleted', key, old: awaited({}, 'one') })).toEqual(['team/one']);
    expect(awaitersConcerned({ type: 'added', key, object: awaited({}, 'one') })).toEqual([]);
  });
});

describe('who hears of the first run of an event', () => {
  const runs = createStore<LiveRun>({ indexes: { [RUN_INDEXES.duplicateOf]: byDuplicateOf } });
  runs.set(eventRun({ name: 'waiting', status: { phase: 'Waiting', duplicateOf: 'run' } }));
  runs.set(eventRun({ name: 'ended', status: { phase: 'Succeeded', duplicateOf: 'run' } }));
  runs.set(eventRun({ name: 'other', status: { phase: 'Waiting', duplicateOf: 'another' } }));
  const updated = (before: TakoRunStatus, after: TakoRunStatus) => {
    const [old, object] = [before, after].map(status => eventRun({ name: 'run', status })) as [LiveRun, LiveRun];
    return duplicatesConcerned(runs, { type: 'updated', key, old, object });
  };

  it('given a change that its duplicates take over, then those that wait', () => {
    expect(updated({ phase: 'Running' }, { phase: 'Succeeded' })).toEqual(['team/waiting']);
    expect(updated({ phase: 'Waiting' }, { phase: 'Waiting', fanOut: { expanded: true } })).toEqual(['team/waiting']);
    expect(duplicatesConcerned(runs, { type: 'deleted', key, old: eventRun({ name: 'run' }) })).toEqual([
      'team/waiting',
    ]);
  });

  it('given any other, then nobody', () => {
    expect(updated({ phase: 'Waiting', message: 'a' }, { phase: 'Waiting', message: 'b' })).toEqual([]);
    expect(duplicatesConcerned(runs, { type: 'added', key, object: eventRun({ name: 'run' }) })).toEqual([]);
  });
});

describe('what a run waits for', () => {
  const place = (name: string, depth: number, step?: string) => ({
    name,
    parent: { root, depth, ...(step === undefined ? {} : { step }) },
  });

  it('given runs that an event shares, then those are among them, but none that is above it', () => {
    const runs = createStore<LiveRun>({
      indexes: { [RUN_INDEXES.parent]: byParentUid, [RUN_INDEXES.awaitedBy]: byAwaiters },
    });
    const event = eventRun(place('emit', 2, 'emit'));
    const annotations = awaitedBy({ namespace: 'team', name: 'emit', uid: event.metadata.uid });
    const add = (run: LiveRun, noted: Record<string, string> = annotations) =>
      runs.set({ ...run, metadata: { ...run.metadata, annotations: noted } });
    add(
      workflowRun({
        name: 'own',
        parent: { root, depth: 2, run: { namespace: 'team', name: 'emit', uid: event.metadata.uid } },
      }),
      {},
    );
    add(workflowRun(place('beside', 2)));
    add(workflowRun(place('deeper', 5)));
    add(workflowRun(place('above', 1)));
    add(workflowRun({ name: 'stranger', parent: { root: { ...root, uid: 'other' }, depth: 2 } }));
    expect(sharedRuns(event, runs).map(({ metadata }) => metadata.name)).toEqual(['beside', 'deeper', 'above']);
    expect(below(runs)(event).map(({ metadata }) => metadata.name)).toEqual(['own', 'beside', 'deeper']);
    expect(below(runs)(workflowRun(place('leaf', 3)))).toEqual([]);
  });
});

describe('the index of trees', () => {
  it('given runs of workflows below a root, then they are in its tree; events and the root are not', () => {
    expect(inTree(workflowRun({ parent: { root } }))).toEqual(['uid-root']);
    expect(inTree(eventRun({ parent: { root } }))).toEqual([]);
    expect(inTree(workflowRun())).toEqual([]);
  });
});
