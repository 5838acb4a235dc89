import { describe, expect, it } from 'vitest';
import type { AgentResult } from '../../agent/contract.ts';
import type { ObservedPod } from './observed.ts';
import { planWorkflowRun } from './plan-workflow.ts';
import { heldPod } from './retention.ts';
import {
  at,
  CREATED,
  finishedPod,
  observedPod,
  running,
  terminated,
  workflowObservation,
  workflowRun,
} from './testing/builders.ts';
import type { WorkflowObservation } from './workflow-observation.ts';

const HELD = { container: 'step-0', seconds: 600 } as const;
const failure: Partial<AgentResult> = {
  state: 'failed',
  errorType: 'workflow_failed',
  reason: 'StepFailed',
  message: 'step build: the script ended with exit code 3',
  held: HELD,
};

/** A Pod whose step failed and whose step container waits for people. */
const held = (result: Partial<AgentResult> = {}, options: Parameters<typeof finishedPod>[1] = {}): ObservedPod =>
  finishedPod({ ...failure, ...result }, { ...options, containers: { 'step-0': running, ...options.containers } });

const plan = (changes: Partial<WorkflowObservation> = {}) =>
  planWorkflowRun(workflowObservation({ now: CREATED + 12_000, pods: [held()], retention: 'granted', ...changes }));

describe('a failed run whose workspace is to stay', () => {
  it('given a place, then the run has ended all the same, and says until when and how to look', () => {
    const decision = plan();
    const { name } = held().metadata;
    const command = `kubectl -n team exec -it ${name} -c step-0 -- sh`;
    expect(decision.verdict).toMatchObject({ phase: 'Failed', reason: 'StepFailed' });
    expect(decision.status).toMatchObject({
      completionTime: at(12_000),
      retainedWorkspace: { podName: name, podUID: 'pod-uid', container: 'step-0', until: at(610_000), command },
    });
    expect(decision.events.map(({ type, reason }) => `${type} ${reason}`)).toEqual([
      'Warning StepFailed',
      'Normal WorkspaceRetained',
    ]);
    expect(decision.events[1]?.message).toContain(`until ${at(610_000)}. To look into it: ${command}`);
    expect(decision.after.map(({ kind }) => kind)).toEqual(['releasePod']);
  });

  it('given a run out of time, then its workspace stays too', () => {
    const pods = [held({ errorType: 'timeout', reason: 'TimedOut', message: 'over' })];
    expect(plan({ pods })).toMatchObject({
      verdict: { phase: 'TimedOut' },
      status: { retainedWorkspace: { podUID: 'pod-uid' } },
    });
  });

  it('given no place, then its containers are ended, its log stays, and that is told', () => {
    const decision = plan({ retention: 'refused' });
    expect(decision.verdict?.phase).toBe('Failed');
    expect(decision.status).not.toHaveProperty('retainedWorkspace');
    expect(decision.after.map(({ kind }) => kind)).toEqual(['releasePod', 'stopPod']);
    expect(decision.events.at(-1)).toMatchObject({ type: 'Warning', reason: 'WorkspaceNotRetained' });
  });

  it('given a run that was canceled meanwhile, then its Pod goes at once', () => {
    const decision = plan({ run: workflowRun({ spec: { cancel: true } }) });
    expect(decision.verdict?.phase).toBe('Canceled');
    expect(decision.status).not.toHaveProperty('retainedWorkspace');
    expect(decision.after.map(({ kind }) => kind)).toEqual(['releasePod', 'deletePod']);
  });

  it('given another attempt that follows, then this one is not kept, and its log stays', () => {
    const run = workflowRun({ spec: { retry: { limit: 1, onWorkflowFailure: true } } });
    const decision = plan({ run });
    expect(decision.verdict).toMatchObject({ phase: 'Pending', reason: 'RetryBackoff' });
    expect(decision.status).not.toHaveProperty('retainedWorkspace');
    expect(decision.after).toEqual([{ kind: 'stopPod', name: held().metadata.name, uid: 'pod-uid' }]);
  });

  it('given a workspace that is kept already, then nothing more is told of it', () => {
    const { status, verdict } = plan();
    const run = workflowRun({ status: { ...status, phase: verdict!.phase } });
    expect(plan({ run })).toMatchObject({ events: [], before: [] });
    expect(plan({ run }).verdict).toBeUndefined();
  });
});

describe('a Pod that is held for people', () => {
  it('given one, then until its seconds are over, from the end of the agent', () => {
    expect(heldPod(held())).toEqual({ container: 'step-0', untilMs: CREATED + 610_000 });
  });

  it.each<[string, ObservedPod]>([
    ['one whose agent still runs', observedPod({ containers: { agent: running } })],
    ['one whose agent says nothing of it', finishedPod({ state: 'failed' })],
    ['one that has stopped', held({}, { phase: 'Failed', containers: { 'step-0': terminated('Completed', 0) } })],
    ['one that is being deleted', held({}, { deletedAfter: 20_000 })],
    ['one that speaks of more than a day', held({ held: { container: 'step-0', seconds: 86_401 } })],
  ])('given %s, then it is not held', (_, pod) => {
    expect(heldPod(pod)).toBeUndefined();
  });
});
