import { describe, expect, it } from 'vitest';
import { isChildOf } from './objects.ts';
import { buildEventRun, buildWorkflowRun } from './testing/builders.ts';
import { createMemoryRunner } from './testing/memory-runner.ts';
import { runnerConformance } from './testing/runner.conformance.ts';

runnerConformance('the memory runner', async () => {
  const runner = createMemoryRunner();
  return {
    runner,
    parent: buildEventRun({ name: 'one' }),
    otherParent: buildEventRun({ name: 'two' }),
    report: async (run, status) => runner.report(run, status),
    cancelRequested: async run => runner.get(run)?.cancelRequested ?? false,
    remove: async run => runner.delete(run),
    countChildren: async parent =>
      runner.runs().filter(({ manifest }) => manifest.spec.parent?.run.uid === parent.metadata.uid).length,
  };
});

describe('memory runner', () => {
  it('given no such run, when its state is reported, then the test that does so fails', () => {
    expect(() => createMemoryRunner().report({ namespace: 'team', name: 'x' }, {})).toThrow('no run team/x');
  });
});

describe('isChildOf', () => {
  const parent = { namespace: 'team', name: 'release', uid: '1' };
  const owned = (uid: string, controller = true) => [{ apiVersion: 'v1', kind: 'X', name: 'x', uid, controller }];

  it('given a run of the same namespace, then its controller says so, whatever spec.parent claims', () => {
    const run = buildWorkflowRun({ parent: { run: parent } });
    expect(isChildOf(run, parent)).toBe(false);
    expect(isChildOf({ ...run, metadata: { ...run.metadata, ownerReferences: owned('1') } }, parent)).toBe(true);
    expect(isChildOf({ ...run, metadata: { ...run.metadata, ownerReferences: owned('1', false) } }, parent)).toBe(
      false,
    );
    expect(isChildOf({ ...run, metadata: { ...run.metadata, ownerReferences: owned('2') } }, parent)).toBe(false);
  });

  it('given a run of another namespace, then spec.parent says so', () => {
    expect(isChildOf(buildWorkflowRun({ namespace: 'apps', parent: { run: parent } }), parent)).toBe(true);
    expect(isChildOf(buildWorkflowRun({ namespace: 'apps' }), parent)).toBe(false);
  });
});
