import { describe, expect, it } from 'vitest';
import type { ChildrenSummary, TakoRunStatus } from '../../api/takorun-status.ts';
import { emptySummary } from '../../fanout/summary.ts';
import { planWorkflowRun } from './plan-workflow.ts';
import { at, CREATED, fanOutOf, workflowObservation, workflowRun } from './testing/builders.ts';

function counted(changes: Partial<ChildrenSummary>): Pick<TakoRunStatus, 'childrenSummary' | 'treeSummary'> {
  const summary = { ...emptySummary(), ...changes };
  return { childrenSummary: summary, treeSummary: { ...summary, depth: 1 } };
}

describe('a run that ended without waiting for its children', () => {
  const run = workflowRun({
    status: { phase: 'Succeeded', completionTime: at(5_000), ...counted({ total: 1, pending: 1 }) },
  });
  const plan = (fanOut: TakoRunStatus, finished = run) =>
    planWorkflowRun(
      workflowObservation({
        run: finished,
        now: CREATED + 6_000,
        fanOuts: [fanOutOf(finished, 'announce', { status: fanOut })],
      }),
    );

  it('given a child that ends later, then the numbers follow and the phase stays', () => {
    const decision = plan({ phase: 'Succeeded', ...counted({ total: 1, completed: 1 }) });

    expect(decision.status).toMatchObject({ childrenSummary: { total: 1, completed: 1, pending: 0 }, children: '1/1' });
    expect(decision).toMatchObject({ events: [] });
    expect(decision.verdict).toBeUndefined();
  });

  it('given children that were deleted after their time, then the numbers stay', () => {
    expect(plan({ phase: 'Succeeded', ...counted({ total: 0 }) }).status).toBeUndefined();
  });

  it('given a fan-out that was not seen before, then it is counted', () => {
    const unaware = workflowRun({ status: { phase: 'Failed', completionTime: at(5_000) } });
    const decision = plan({ phase: 'Succeeded', ...counted({ total: 1, completed: 1 }) }, unaware);
    expect(decision.status).toMatchObject({ childrenSummary: { total: 1, completed: 1 } });
  });

  it('given that all have ended, then the numbers are final', () => {
    const done = workflowRun({ status: { ...run.status, ...counted({ total: 1, completed: 1 }) } });
    expect(plan({ phase: 'Succeeded', ...counted({ total: 1, canceled: 1 }) }, done).status).toBeUndefined();
  });

  it('given a child of a child that still runs, then the numbers of the tree follow', () => {
    const tree = workflowRun({
      status: {
        ...run.status,
        ...counted({ total: 1, completed: 1 }),
        treeSummary: { ...emptySummary(), total: 2, completed: 1, running: 1, depth: 2 },
      },
    });
    const below = {
      ...counted({ total: 1, completed: 1 }),
      treeSummary: { ...emptySummary(), total: 2, completed: 2, depth: 2 },
    };
    expect(plan({ phase: 'Succeeded', ...below }, tree).status?.treeSummary).toMatchObject({
      completed: 2,
      running: 0,
    });
  });
});
