import { describe, expect, it } from 'vitest';
import type { AgentResult } from '../../agent/contract.ts';
import { planWorkflowRun } from './plan-workflow.ts';
import {
  at,
  CREATED,
  fanOutOf,
  finishedPod,
  type PodOptions,
  running,
  settings,
  terminated,
  waiting,
  workflowObservation,
  workflowRun,
} from './testing/builders.ts';
import type { WorkflowObservation } from './workflow-observation.ts';

const NOW = CREATED + 20_000;
const plan = (
  result: Partial<AgentResult> | string,
  pod: PodOptions = {},
  changes: Partial<WorkflowObservation> = {},
) => planWorkflowRun(workflowObservation({ now: NOW, pods: [finishedPod(result, pod)], ...changes }));
const releasePod = { kind: 'releasePod', uid: 'pod-uid' };
/** What a retry looks like: the attempt is closed, and the run waits. */
const retried = (reason: string, message: unknown = expect.any(String)) => ({
  verdict: { phase: 'Pending', reason: 'RetryBackoff' },
  status: { attempts: [{ number: 1, reason, message, completionTime: expect.any(String) }] },
  events: [{ type: 'Warning', reason: 'RetryBackoff', message: expect.stringContaining(reason) }],
});
const canceled = { run: workflowRun({ spec: { cancel: true } }) };
const ref = { name: 'result', digest: 'e'.repeat(64) };

describe('the result of an agent', () => {
  it('given a success, then the run has succeeded, with steps and outputs, and its Pod is let go', () => {
    expect(plan({ outputs: { 'build.version': '1.4.0' } })).toMatchObject({
      before: [],
      verdict: { phase: 'Succeeded', reason: 'Succeeded' },
      status: {
        completionTime: at(20_000),
        steps: [{ id: 'build', phase: 'Succeeded' }],
        outputs: { 'build.version': '1.4.0' },
        attempts: [{ number: 1, completionTime: at(20_000), reason: 'Succeeded' }],
      },
      after: [releasePod],
      events: [{ type: 'Normal', reason: 'Succeeded' }],
    });
  });

  it('given a child that succeeded, then there is no event: there may be thousands', () => {
    const run = workflowRun({ parent: {} });
    expect(plan({}, { run }, { run })).toMatchObject({ verdict: { phase: 'Succeeded' }, events: [] });
  });

  it('given a failed step, then the run has failed by the workflow, and says which step', () => {
    const message = 'step test: the script ended with exit code 3';
    const failed = { state: 'failed', errorType: 'workflow_failed', reason: 'StepFailed', message } as const;
    expect(plan(failed)).toMatchObject({
      verdict: { phase: 'Failed', reason: 'StepFailed', message },
      status: { errorType: 'workflow_failed', attempts: [{ reason: 'StepFailed', message }] },
      events: [{ type: 'Warning', reason: 'StepFailed', message }],
    });
  });

  it('given what the failed step wrote last, then it stands below the message', () => {
    const message = 'step test: the script ended with exit code 3';
    const output = 'FAIL src/app.test.ts\nexpected 3, got 4';
    const failed = { state: 'failed', errorType: 'workflow_failed', reason: 'StepFailed', message, output } as const;
    const whole = `${message}; the last lines of its output:\n${output}`;
    expect(plan(failed)).toMatchObject({
      verdict: { message: whole },
      status: { attempts: [{ message: whole }] },
    });
  });

  it('given a failure without words, then the status has some', () => {
    expect(plan({ state: 'failed' })).toMatchObject(retried('AgentFailed', 'the agent gave no reason'));
  });

  it('given an agent whose time was over, then the run is TimedOut', () => {
    expect(plan({ state: 'failed', errorType: 'timeout', reason: 'TimedOut', message: 'over' })).toMatchObject({
      verdict: { phase: 'TimedOut', reason: 'TimedOut' },
      status: { errorType: 'timeout', timeoutExceeded: true },
    });
  });

  it.each([
    ['empty', ''],
    ['no JSON', 'Killed'],
    ['of another protocol', '{"protocol":99,"state":"succeeded","steps":[]}'],
    ['cut in the middle', '{"protocol":1,"state":"succ'],
  ])('given a message that is %s, then the agent has failed, and its log is pointed to', (_, message) => {
    expect(plan(message)).toMatchObject(retried('AgentFailed', expect.stringContaining('its log may say why')));
  });

  it('given an agent that was killed for its memory, then that is said', () => {
    const decision = plan('', { containers: { agent: terminated('OOMKilled', 137) } });
    expect(decision.verdict).toMatchObject({ phase: 'Failed', reason: 'OOMKilled' });
    expect(decision.verdict?.message).toContain('container agent went over its memory limit');
  });

  it('given an agent without a result after a cancel, then the run is Canceled', () => {
    expect(plan('', {}, canceled).verdict).toMatchObject({ phase: 'Canceled', reason: 'Canceled' });
  });
});

describe('a step container that died', () => {
  const died = {
    state: 'failed',
    errorType: 'workflow_failed',
    reason: 'StepContainerDied',
    message: 'step build: the container ended',
  } as const;

  it('given a memory kill, then that is the reason, and what to do', () => {
    const decision = plan(died, { containers: { 'step-0': terminated('OOMKilled', 137) } });
    expect(decision.verdict).toMatchObject({ phase: 'Failed', reason: 'OOMKilled' });
    expect(decision.verdict?.message).toMatch(/^step build: the container ended: container step-0 .*mem_limit/);
  });

  it('given an exit code, then it is told', () => {
    const decision = plan(died, { containers: { 'step-0': terminated('Error', 127) } });
    expect(decision.verdict?.message).toContain('container step-0 ended with exit code 127');
  });

  it('given a kubelet that has not looked yet, then the end waits for it, but not for long', () => {
    const pod = { containers: { 'step-0': running } };
    const soon = plan(died, pod, { now: CREATED + 12_000 });
    expect(soon).toEqual({ before: [], after: [], events: [], requeueAfterMs: 3_000 });
    expect(plan(died, pod, { now: CREATED + 15_000 }).verdict).toMatchObject({ reason: 'StepContainerDied' });
  });

  it('given a step that was killed and a kubelet that has not looked yet, then the end waits for it, but not for long', () => {
    const killed = {
      state: 'failed',
      errorType: 'workflow_failed',
      reason: 'StepFailed',
      message: 'step build: the script ended with exit code 137',
      steps: [{ id: 'build', phase: 'Failed', exitCode: 137 }],
    } as const;
    const pod = { containers: { 'step-0': running } };
    const soon = plan(killed, pod, { now: CREATED + 12_000 });
    expect(soon).toEqual({ before: [], after: [], events: [], requeueAfterMs: 3_000 });
    expect(plan(killed, pod, { now: CREATED + 15_000 }).verdict).toMatchObject({ reason: 'StepFailed' });
    const said = plan(killed, { containers: { 'step-0': terminated('OOMKilled', 137) } }, { now: CREATED + 12_000 });
    expect(said.verdict).toMatchObject({ reason: 'OOMKilled' });
    // A container that stays for people has nothing to say.
    const held = { ...killed, held: { container: 'step-0', seconds: 600 } };
    expect(plan(held, pod, { now: CREATED + 12_000 }).verdict).toMatchObject({ reason: 'StepFailed' });
  });

  it('given containers that have all ended without a word, then there is nothing to wait for', () => {
    const decision = plan(died, { containers: { 'step-0': terminated('Completed', 0) } }, { now: CREATED + 11_000 });
    expect(decision.verdict).toMatchObject({ phase: 'Failed', reason: 'StepContainerDied' });
  });

  it('given a container that never came up, then the cause is told instead of the symptom', () => {
    const late = { ...died, errorType: 'execution_failed', reason: 'StepContainerNotStarted' } as const;
    const decision = plan(late, { containers: { 'step-0': waiting('ErrImagePull', 'not found') } });
    expect(decision).toMatchObject(retried('ImagePullBackOff'));
  });

  it('given a step that failed by itself, then a container that ended later is not its cause', () => {
    const failed = { ...died, reason: 'StepFailed', message: 'exit code 1' } as const;
    const decision = plan(failed, { containers: { 'step-0': terminated('Error', 143) } });
    expect(decision.verdict).toMatchObject({ reason: 'StepFailed', message: 'exit code 1' });
  });

  it('given a success, then nothing that happened to containers later matters', () => {
    const decision = plan({}, { containers: { 'step-0': terminated('OOMKilled', 137) } });
    expect(decision.verdict).toMatchObject({ phase: 'Succeeded' });
  });
});

describe('an agent that was told to stop', () => {
  const stopped = {
    state: 'failed',
    errorType: 'canceled',
    reason: 'Canceled',
    message: 'the run was stopped',
  } as const;

  it('given a cancel, then the run is Canceled', () => {
    expect(plan(stopped, {}, canceled)).toMatchObject({
      verdict: { phase: 'Canceled' },
      status: { errorType: 'canceled' },
    });
  });

  it('given no cancel, then somebody deleted the Pod', () => {
    expect(plan(stopped)).toMatchObject(retried('PodDeleted'));
  });

  it('given an eviction, then the node is quoted', () => {
    const evicted = {
      phase: 'Failed',
      reason: 'Evicted',
      message: 'low on memory',
      disruption: 'TerminationByKubelet',
    };
    expect(plan(stopped, evicted)).toMatchObject({ ...retried('Evicted', 'low on memory'), after: [releasePod] });
  });

  it("given the Pod's own deadline, then the run is TimedOut", () => {
    expect(plan(stopped, { phase: 'Failed', reason: 'DeadlineExceeded' })).toMatchObject({
      verdict: { phase: 'TimedOut', reason: 'DeadlineExceeded' },
      status: { errorType: 'timeout', timeoutExceeded: true },
    });
  });
});

describe('a step container that died while its Pod was being ended', () => {
  const died = {
    state: 'failed',
    errorType: 'workflow_failed',
    reason: 'StepContainerDied',
    message: 'step build: the container ended',
  } as const;
  const killed = { containers: { 'step-0': terminated('Error', 143) } };

  it('given somebody deleted the Pod, then it is not the doing of the workflow: every container is told to end at once', () => {
    expect(plan(died, { ...killed, deletedAfter: 9_000 })).toMatchObject(retried('PodDeleted'));
  });

  it('given an eviction, then the node is quoted', () => {
    const evicted = { reason: 'Evicted', message: 'low on memory', disruption: 'TerminationByKubelet' };
    expect(plan(died, { ...killed, ...evicted })).toMatchObject(retried('Evicted', 'low on memory'));
  });

  it('given a cancel, then the run is Canceled', () => {
    expect(plan(died, { ...killed, deletedAfter: 9_000 }, canceled)).toMatchObject({ verdict: { phase: 'Canceled' } });
  });

  it('given an agent that was killed since it did not end in time, then that is not its failure', () => {
    expect(plan('', { ...killed, deletedAfter: 9_000 })).toMatchObject(retried('PodDeleted'));
    expect(plan('', { phase: 'Failed', reason: 'DeadlineExceeded' })).toMatchObject({ verdict: { phase: 'TimedOut' } });
  });

  it('given steps that ended well and a result that there was no time to hand over, then it is not that of a gateway', () => {
    const undelivered = { ...died, errorType: 'execution_failed', reason: 'ResultsUndelivered' } as const;
    expect(plan(undelivered, { deletedAfter: 9_000 })).toMatchObject(retried('PodDeleted'));
    expect(plan(undelivered).verdict).toMatchObject({ phase: 'Failed', reason: 'ResultsUndelivered' });
  });

  it('given a step that failed by itself before, then that is the result', () => {
    const failed = { ...died, reason: 'StepFailed' };
    expect(plan(failed, { ...killed, deletedAfter: 9_000 })).toMatchObject({ verdict: { reason: 'StepFailed' } });
  });
});

describe('a result that was stored apart', () => {
  const stored = { steps: [{ id: 'build', phase: 'Succeeded' as const }], outputs: { 'build.log': 'x' } };

  it('given the ConfigMap, then steps and outputs are taken from it, and the status says where it is', () => {
    expect(plan({ ref, steps: [] }, {}, { stored })).toMatchObject({
      verdict: { phase: 'Succeeded' },
      status: { steps: stored.steps, outputs: stored.outputs, resultRef: ref },
    });
  });

  it('given no such ConfigMap, then the run has failed: its outputs are lost', () => {
    expect(plan({ ref, steps: [] }, {}, { stored: 'missing' })).toMatchObject({
      verdict: { phase: 'Failed', reason: 'ResultLost', message: expect.stringContaining('ConfigMap result') },
      status: { errorType: 'execution_failed' },
    });
  });

  it('given more steps than the status may hold, then the first are listed and the others counted', () => {
    const steps = Array.from({ length: 70 }, (_, index) => ({ id: `s${index}`, phase: 'Succeeded' as const }));
    const { status } = plan({ ref, steps: [] }, {}, { stored: { steps } });
    expect(status?.steps).toHaveLength(64);
    expect(status?.stepsOmitted).toBe(6);
  });

  it('given outputs that are long or many, then the status keeps the short ones, up to what it may hold', () => {
    const outputs = Object.fromEntries(
      Array.from({ length: 100 }, (_, index) => [`build.${index}`, 'v'.repeat(1_000)]),
    );
    const { status } = plan(
      { ref, steps: [] },
      {},
      { stored: { steps: [], outputs: { long: 'x'.repeat(4_097), ...outputs } } },
    );
    expect(status?.outputs).not.toHaveProperty('long');
    expect(Object.keys(status?.outputs ?? {}).length).toBeGreaterThan(10);
    expect(Buffer.byteLength(JSON.stringify(status?.outputs))).toBeLessThanOrEqual(33 * 1_024);
  });
});

describe('a workflow run that waits for its children', () => {
  const done = { steps: [{ id: 'emit', phase: 'Succeeded' as const }], waitFor: ['emit'] };
  const run = workflowRun();
  const emit = (phase?: 'Waiting' | 'Succeeded' | 'Failed' | 'TimedOut' | 'Canceled', spec = {}) =>
    fanOutOf(run, 'emit', { spec, status: phase === undefined ? {} : { phase, message: '1 of 2 children failed' } });
  const summary = { total: 2, completed: 0, failed: 0, timedOut: 0, canceled: 0, running: 2, pending: 0 };

  it('given children that run, then it is Waiting, counts them, and its Pod is let go', () => {
    const fanOut = fanOutOf(run, 'emit', { status: { phase: 'Waiting', childrenSummary: summary } });
    expect(plan(done, { run }, { run, fanOuts: [fanOut] })).toMatchObject({
      before: [],
      verdict: { phase: 'Waiting', reason: 'WaitingForChildren' },
      status: { children: '0/2', childrenSummary: summary },
      after: [releasePod],
      requeueAfterMs: settings.defaultTimeoutMs - 20_000,
    });
  });

  it('given a fan-out that the store does not show yet, then it waits a moment', () => {
    expect(plan(done, { run }, { run })).toEqual({ before: [], after: [], events: [], requeueAfterMs: 1_000 });
  });

  it('given a fan-out that is not there after all, then it counts as deleted', () => {
    expect(plan(done, { run }, { run, now: CREATED + 60_000 }).verdict).toMatchObject({
      phase: 'Failed',
      message: expect.stringContaining('its run was deleted'),
    });
  });

  const waitingRun = (spec = {}, steps = done.steps) =>
    workflowRun({ spec, status: { phase: 'Waiting', steps, startTime: at(0) } });

  it.each([
    ['Succeeded', 'Succeeded', undefined],
    ['Failed', 'Failed', 'workflow_failed'],
    ['TimedOut', 'Failed', 'timeout'],
    ['Canceled', 'Failed', 'workflow_failed'],
  ] as const)('given children that ended as %s, then it ends as %s', (child, phase, errorType) => {
    const decision = planWorkflowRun(workflowObservation({ run: waitingRun(), now: NOW, fanOuts: [emit(child)] }));
    expect(decision.verdict?.phase).toBe(phase);
    expect(decision.status?.errorType).toBe(errorType);
    expect(decision.status?.completionTime).toBe(at(20_000));
  });

  it('given a fan-out that was deleted while the run waits for it, then that is no success', () => {
    const pods = [finishedPod(done, { run, finalizers: [] })];
    const decision = planWorkflowRun(workflowObservation({ run: waitingRun(), pods, now: CREATED + 11_000 }));
    expect(decision.verdict).toMatchObject({
      phase: 'Failed',
      message: expect.stringContaining('its run was deleted'),
    });
  });

  it('given an earlier fan-out that succeeded and a last one that was deleted, then that is no success either', () => {
    const steps = [{ id: 'first', phase: 'Succeeded' as const }, ...done.steps];
    const first = fanOutOf(run, 'first', { status: { phase: 'Succeeded' } });
    const decision = planWorkflowRun(workflowObservation({ run: waitingRun({}, steps), now: NOW, fanOuts: [first] }));
    expect(decision.verdict).toMatchObject({ phase: 'Failed' });
  });

  it('given a cancel, then the children are canceled, and it goes on until they have ended', () => {
    const observation = { run: waitingRun({ cancel: true }), now: NOW };
    expect(planWorkflowRun(workflowObservation({ ...observation, fanOuts: [emit('Waiting')] }))).toMatchObject({
      before: [{ kind: 'cancelRun', namespace: 'team', name: 'core-lib-release-emit' }],
      verdict: { phase: 'Waiting', reason: 'Canceling' },
    });
    const asked = planWorkflowRun(
      workflowObservation({ ...observation, fanOuts: [emit('Waiting', { cancel: true })] }),
    );
    expect(asked.before).toEqual([]);
    expect(planWorkflowRun(workflowObservation({ ...observation, fanOuts: [emit('Canceled')] })).verdict).toMatchObject(
      {
        phase: 'Canceled',
      },
    );
  });

  it('given a time limit that passes, then the children may end by themselves before they are told to', () => {
    const over = CREATED + settings.defaultTimeoutMs;
    const at30 = (ms: number) =>
      planWorkflowRun(workflowObservation({ run: waitingRun(), now: over + ms, fanOuts: [emit('Waiting')] }));
    expect(at30(0)).toMatchObject({
      before: [],
      verdict: { phase: 'Waiting', reason: 'TimingOut' },
      requeueAfterMs: 5_000,
    });
    expect(at30(30_000).before).toHaveLength(1);
  });

  it('given children that had to be canceled because the time was over, then it is TimedOut', () => {
    const ready = {
      type: 'Ready',
      status: 'Unknown' as const,
      lastTransitionTime: at(0),
      reason: 'TimingOut',
      message: '',
    };
    const timing = workflowRun({
      status: { phase: 'Waiting', steps: done.steps, startTime: at(0), conditions: [ready] },
    });
    const now = CREATED + settings.defaultTimeoutMs + 60_000;
    expect(planWorkflowRun(workflowObservation({ run: timing, now, fanOuts: [emit('Canceled')] }))).toMatchObject({
      verdict: { phase: 'TimedOut', reason: 'DeadlineExceeded' },
      status: { errorType: 'timeout', timeoutExceeded: true },
    });
  });

  it('given a step that failed while an earlier fan-out is waited for, then that fan-out is canceled, and the run ends with it', () => {
    const failed = { state: 'failed', errorType: 'workflow_failed', reason: 'StepFailed', message: 'x' } as const;
    const background = fanOutOf(run, 'background', { spec: { waitForChildren: false }, status: { phase: 'Waiting' } });
    const decision = plan(failed, { run }, { run, fanOuts: [emit('Waiting'), background] });
    expect(decision).toMatchObject({ verdict: { phase: 'Running', reason: 'StoppingChildren' }, after: [] });
    expect(decision.before).toEqual([{ kind: 'cancelRun', namespace: 'team', name: 'core-lib-release-emit' }]);
    expect(plan(failed, { run }, { run, fanOuts: [emit('Canceled'), background] })).toMatchObject({
      verdict: { phase: 'Failed', reason: 'StepFailed' },
      before: [],
    });
  });
});
