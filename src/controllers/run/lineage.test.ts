import { describe, expect, it } from 'vitest';
import type { RunParent } from '../../api/takorun.ts';
import { childRun, planChildren } from '../../fanout/children.ts';
import { buildSubscriber } from '../../fanout/testing/builders.ts';
import { createStore } from '../../kube/store.ts';
import { ancestorsOf, lineageOf, parentOf, withCancelFromAbove } from './lineage.ts';
import type { LiveRun } from './observed.ts';
import { CREATED, eventRun, fanOutOf, workflowRun } from './testing/builders.ts';

const reference = ({ metadata }: LiveRun): RunParent['run'] => ({
  namespace: metadata.namespace!,
  name: metadata.name,
  uid: metadata.uid,
});
const root = workflowRun({ name: 'root' });
const parent = fanOutOf(root, 'emit');
const child = workflowRun({ name: 'child', parent: { run: reference(parent), root: reference(root) } });
const below = fanOutOf(child, 'publish');
const grandchild = workflowRun({ name: 'grandchild', parent: { run: reference(below), root: reference(root) } });

function storeOf(...runs: LiveRun[]) {
  const store = createStore<LiveRun>();
  for (const run of runs) store.set(run);
  return store;
}
const lineage = (...runs: LiveRun[]) => lineageOf(child, storeOf(...runs));

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

  it('given a run in the middle of the tree that is going or gone, then nothing starts far below it', () => {
    const look = (...runs: LiveRun[]) => lineageOf(grandchild, storeOf(root, below, ...runs));
    expect(look(parent, child)).toBe('live');
    expect(look(going(parent), child)).toBe('ending');
    expect(look(parent, going(child))).toBe('ending');
    expect(look(child)).toBe('gone');
    expect(look(parent)).toBe('gone');
  });

  it('given a root that is not the top of the tree, then the run only claims it', () => {
    const other = workflowRun({ name: 'other' });
    const run = workflowRun({ name: 'x', parent: { run: reference(parent), root: reference(other) } });
    expect(lineageOf(run, storeOf(root, parent, other))).toBe('gone');
  });

  it('given runs that claim each other for parents, then that ends', () => {
    const one = workflowRun({ name: 'one', parent: { run: reference(workflowRun({ name: 'two' })) } });
    const two = workflowRun({ name: 'two', parent: { run: reference(one) } });
    expect(lineageOf(one, storeOf(one, two))).toBe('gone');
  });

  it('given an event that succeeded without waiting, or a root that failed meanwhile, then the child may go on', () => {
    expect(lineage(root, ended(parent, 'Succeeded'))).toBe('live');
    expect(lineage(ended(root, 'Failed'), parent)).toBe('live');
  });

  it.each([
    ['waits for', undefined, 'gone'],
    ['does not wait for', false, 'live'],
  ] as const)('given the fan-out of a failed run that it %s, then it is %s', (_, waitForChildren, expected) => {
    const step = fanOutOf(root, 'step', { spec: { waitForChildren } });
    expect(lineageOf(step, storeOf(ended(root, 'Failed')))).toBe(expected);
    expect(lineageOf(step, storeOf(root))).toBe('live');
  });

  it('given a run above that is canceled, then so is one that was not told, and what has ended is left as it is', () => {
    const store = storeOf({ ...root, spec: { ...root.spec, cancel: true } }, parent);
    expect(ancestorsOf(child, store)).toHaveLength(2);
    expect(withCancelFromAbove(child, store).spec.cancel).toBe(true);
    expect(withCancelFromAbove(ended(child, 'Succeeded'), store).spec.cancel).toBeUndefined();
    expect(withCancelFromAbove(child, storeOf(root, parent))).toBe(child);
  });

  it('given a parent, then it is found by name and UID', () => {
    const store = storeOf();
    expect(parentOf(child, store)).toBeUndefined();
    store.set(parent);
    expect(parentOf(child, store)).toBe(parent);
    expect(parentOf(root, store)).toBeUndefined();
  });

  it('given a parent that the owner does not confirm, then it is none', () => {
    const { ownerReferences: _, ...metadata } = child.metadata;
    const forged = { ...child, metadata };
    expect(parentOf(forged, storeOf(root, parent))).toBeUndefined();
    expect(lineageOf(forged, storeOf(root, parent))).toBe('gone');
  });
});

describe('lineage over namespaces', () => {
  const event = eventRun({ name: 'release' });
  const expanded: LiveRun = { ...event, status: { phase: 'Waiting', fanOut: { expanded: true } } };
  const [planned] = planChildren(event.metadata.uid, [
    { subscriber: buildSubscriber({ namespace: 'apps' }), inputs: { version: '1' } },
  ]).children;
  const elsewhere = childRun(event, planned!, { now: CREATED }) as unknown as LiveRun;

  it('given a child of an event that went out, then it is live and has that parent', () => {
    expect(lineageOf(elsewhere, storeOf(expanded))).toBe('live');
    expect(parentOf(elsewhere, storeOf(expanded))).toBe(expanded);
  });

  it('given an event that has not gone out yet, then it is too early', () => {
    expect(lineageOf(elsewhere, storeOf(event))).toBe('early');
  });

  it('given an event that failed, is being deleted, or is gone, then nothing starts', () => {
    expect(lineageOf(elsewhere, storeOf(ended(event, 'Failed')))).toBe('gone');
    expect(lineageOf(elsewhere, storeOf(going(expanded)))).toBe('ending');
    expect(lineageOf(elsewhere, storeOf())).toBe('gone');
  });

  it('given a run that no event planned, then it has no parent: the payload is not for it', () => {
    const run = reference(event);
    const spy = workflowRun({ name: 'spy', namespace: 'apps', parent: { run, root: run } });
    expect(parentOf(spy, storeOf(expanded))).toBeUndefined();
    expect(lineageOf(spy, storeOf(expanded))).toBe('gone');
  });
});
