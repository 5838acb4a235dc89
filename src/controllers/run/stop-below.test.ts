import { describe, expect, it } from 'vitest';
import { planWorkflowRun } from './plan-workflow.ts';
import {
  CREATED,
  creating,
  fanOutOf,
  finishedPod,
  observedPod,
  settings,
  workflowObservation,
  workflowRun,
} from './testing/builders.ts';

const canceled = workflowRun({ spec: { cancel: true } });
const below = fanOutOf(canceled, 'emit', { status: { phase: 'Waiting' } });
const background = fanOutOf(canceled, 'notify', { spec: { waitForChildren: false }, status: { phase: 'Running' } });
const at = (ms: number) => ({ now: CREATED + ms });

describe('a run that ends before what runs below it', () => {
  it('given a cancel and a Pod that is gone without a word, then all below is canceled first, awaited or not', () => {
    const pods = [finishedPod('', { run: canceled })];
    const decision = planWorkflowRun(workflowObservation({ run: canceled, pods, fanOuts: [below, background] }));
    expect(decision).toMatchObject({
      verdict: { phase: 'Running', reason: 'Canceling', message: 'the run was canceled; first ends what runs below' },
      status: { attempts: [{ number: 1 }] },
      before: [
        { kind: 'cancelRun', name: 'core-lib-release-emit' },
        { kind: 'cancelRun', name: 'core-lib-release-notify' },
      ],
      after: [],
    });
    expect(decision.status?.attempts?.[0]?.completionTime).toBeUndefined();
    const ended = [below, background].map(run => ({ ...run, status: { phase: 'Canceled' as const } }));
    expect(planWorkflowRun(workflowObservation({ run: canceled, pods, fanOuts: ended }))).toMatchObject({
      verdict: { phase: 'Canceled' },
      after: [{ kind: 'releasePod' }],
    });
  });

  it('given one below that is told already, then it is not told again', () => {
    const told = { ...below, spec: { ...below.spec, cancel: true } };
    const pods = [finishedPod('', { run: canceled })];
    const decision = planWorkflowRun(workflowObservation({ run: canceled, pods, fanOuts: [told] }));
    expect([decision.verdict?.reason, decision.before]).toEqual(['Canceling', []]);
  });

  it('given a time limit, then those below may say first that theirs is over, as they have the same one', () => {
    const run = workflowRun();
    const pods = [observedPod({ run, containers: { agent: creating } })];
    const late = { run, pods, fanOuts: [fanOutOf(run, 'emit', { status: { phase: 'Waiting' } })] };
    const end = settings.defaultTimeoutMs + 45_000;
    expect(planWorkflowRun(workflowObservation({ ...late, ...at(end) }))).toMatchObject({
      verdict: { phase: 'Running', reason: 'TimingOut' },
      before: [{ kind: 'cancelRun' }],
    });
  });
});
