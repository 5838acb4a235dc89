import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CHILDREN_FINALIZER } from '../../api/meta.ts';
import { deleteElsewhere, planDeleted, releaseOfEnded } from './plan-elsewhere.ts';
import { eventRun, workflowRun } from './testing/builders.ts';

const free = eventRun();
const held = { ...free, metadata: { ...free.metadata, finalizers: ['other/one', CHILDREN_FINALIZER] } };
const here = workflowRun({ name: 'here' });
const there = workflowRun({ name: 'there', namespace: 'apps' });
const leaving = { ...there, metadata: { ...there.metadata, deletionTimestamp: '2026-01-01T00:01:00Z' } };
const deletion = { kind: 'deleteRun', namespace: 'apps', name: 'there', uid: 'uid-there' };
const release = { kind: 'releaseRun', finalizers: ['other/one', CHILDREN_FINALIZER] };

describe('a run that is being deleted', () => {
  it('given no finalizer of ours, then there is nothing to do', () => {
    expect(planDeleted({ run: free, children: [here, there], settled: true }).after).toEqual([]);
  });

  it('given children in another namespace, then those are deleted, and the run is kept', () => {
    const decision = planDeleted({ run: held, children: [here, there], settled: true });
    expect(decision).toMatchObject({ after: [deletion], requeueAfterMs: 1_000 });
  });

  it('given children that are being deleted, then they are waited for', () => {
    const decision = planDeleted({ run: held, children: [leaving], settled: true });
    expect(decision).toMatchObject({ after: [], requeueAfterMs: 1_000 });
  });

  it('given none elsewhere any more, then the run is let go, whatever is in its own namespace', () => {
    expect(planDeleted({ run: held, children: [here], settled: true })).toMatchObject({ after: [release] });
  });

  it('given children that the store may not show yet, then the run is kept', () => {
    const decision = planDeleted({ run: held, children: [], settled: false });
    expect(decision).toMatchObject({ after: [], requeueAfterMs: 1_000 });
  });

  it('given any children, then the run is let go when and only when none is elsewhere, and no child twice', () => {
    const child = fc.record({ at: fc.constantFrom('team', 'apps', 'web'), leaves: fc.boolean() });
    fc.assert(
      fc.property(fc.array(child, { maxLength: 300 }), fc.boolean(), (list, settled) => {
        const children = list.map(({ at, leaves }, index) => {
          const run = workflowRun({ name: `c${index}`, namespace: at });
          return leaves ? { ...run, metadata: { ...run.metadata, deletionTimestamp: 'now' } } : run;
        });
        const { after, requeueAfterMs } = planDeleted({ run: held, children, settled });
        const elsewhere = children.filter(({ metadata }) => metadata.namespace !== 'team');
        expect(after.some(({ kind }) => kind === 'releaseRun')).toBe(elsewhere.length === 0 && settled);
        expect(requeueAfterMs === undefined).toBe(elsewhere.length === 0 && settled);
        const deleted = after.flatMap(action => (action.kind === 'deleteRun' ? [action.uid] : []));
        const open = elsewhere.filter(({ metadata }) => !('deletionTimestamp' in metadata));
        expect(deleted).toEqual(open.slice(0, 100).map(({ metadata }) => metadata.uid));
      }),
    );
  });
});

describe('a run that has ended', () => {
  it.each([
    ['children elsewhere', [there], true, []],
    ['children elsewhere that go', [leaving], true, []],
    ['no child elsewhere', [here], true, [release]],
    ['a store that is behind', [here], false, []],
  ] as const)('given %s, then it is let go only when nobody needs it', (_, children, settled, actions) => {
    expect(releaseOfEnded({ run: held, children, settled })).toEqual(actions);
    expect(releaseOfEnded({ run: free, children, settled })).toEqual([]);
  });
});

describe('the children of a run whose time is over', () => {
  it('given some elsewhere, then those are deleted one by one, with another look', () => {
    expect(deleteElsewhere(free, [here, there])).toEqual({ actions: [deletion], againMs: 1_000 });
    expect(deleteElsewhere(free, [here])).toEqual({ actions: [] });
  });
});
