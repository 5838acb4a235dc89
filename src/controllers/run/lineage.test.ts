import { describe, expect, it } from 'vitest';
import { createStore } from '../../kube/store.ts';
import { lineageOf, parentOf } from './lineage.ts';
import type { LiveRun } from './observed.ts';
import { eventRun, workflowRun } from './testing/builders.ts';

const reference = ({ metadata }: LiveRun) => ({ namespace: 'team', name: metadata.name, uid: metadata.uid });
const root = workflowRun({ name: 'root' });
const parent = eventRun({ name: 'emit' });
const child = workflowRun({ name: 'child', parent: { run: reference(parent), root: reference(root) } });

function lineage(...runs: LiveRun[]) {
  const store = createStore<LiveRun>();
  for (const run of runs) store.set(run);
  return lineageOf(child, store);
}

const going = (run: LiveRun): LiveRun => ({
  ...run,
  metadata: { ...run.metadata, deletionTimestamp: '2026-01-01T00:01:00Z' },
});
const ended = (run: LiveRun, phase: 'Succeeded' | 'Failed' | 'TimedOut' | 'Canceled'): LiveRun => ({
  ...run,
  status: { phase },
});

describe('lineage', () => {
  it('given a root, then it is live', () => {
    expect(lineageOf(root, createStore<LiveRun>())).toBe('live');
  });

  it('given a live parent and root, then so is the child', () => {
    expect(lineage(root, parent)).toBe('live');
  });

  it.each([
    ['the parent is gone', [root]],
    ['the root is gone', [parent]],
    ['another run has the name of the parent', [root, { ...parent, metadata: { ...parent.metadata, uid: 'new' } }]],
    ['the event failed', [root, ended(parent, 'Failed')]],
    ['the event timed out', [root, ended(parent, 'TimedOut')]],
    ['the event was canceled', [root, ended(parent, 'Canceled')]],
  ])('given that %s, then nobody waits for the child', (_, runs) => {
    expect(lineage(...runs)).toBe('gone');
  });

  it.each([
    ['the parent', [root, going(parent)]],
    ['the root', [going(root), parent]],
  ])('given that %s is being deleted, then the tree is ending', (_, runs) => {
    expect(lineage(...runs)).toBe('ending');
  });

  it('given an event that succeeded without waiting, or a root that failed meanwhile, then the child may go on', () => {
    expect(lineage(root, ended(parent, 'Succeeded'))).toBe('live');
    expect(lineage(ended(root, 'Failed'), parent)).toBe('live');
  });

  it('given a parent in another namespace, then it is none: its payload is not for this namespace', () => {
    const foreign = { ...parent, metadata: { ...parent.metadata, namespace: 'other' } };
    const forged = { ...reference(parent), namespace: 'other' };
    const spy = workflowRun({ name: 'spy', parent: { run: forged, root: forged } });
    const store = createStore<LiveRun>();
    store.set(foreign);
    expect(parentOf(spy, store)).toBeUndefined();
    expect(lineageOf(spy, store)).toBe('gone');
  });

  it('given a parent, then it is found by name and UID', () => {
    const store = createStore<LiveRun>();
    expect(parentOf(child, store)).toBeUndefined();
    store.set(parent);
    expect(parentOf(child, store)).toBe(parent);
    expect(parentOf(root, store)).toBeUndefined();
  });
});
