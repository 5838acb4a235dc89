import { describe, expect, it } from 'vitest';
import { buildEventRun } from './testing/builders.ts';
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
    awaiters: async run => (runner.get(run)?.waiters ?? []).map(({ uid }) => uid),
    countChildren: async parent =>
      runner.runs().filter(({ manifest }) => manifest.spec.parent?.run.uid === parent.metadata.uid).length,
  };
});

describe('memory runner', () => {
  it('given no such run, when its state is reported, then the test that does so fails', () => {
    expect(() => createMemoryRunner().report({ namespace: 'team', name: 'x' }, {})).toThrow('no run team/x');
  });
});
