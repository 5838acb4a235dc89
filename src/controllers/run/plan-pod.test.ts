import { describe, expect, it } from 'vitest';
import type { TakoRunStatus } from '../../api/takorun-status.ts';
import { planWorkflowRun } from './plan-workflow.ts';
import {
  at,
  COMMIT,
  CREATED,
  creating,
  fanOutOf,
  observedPod,
  type PodOptions,
  running,
  settings,
  terminated,
  waiting,
  workflowObservation,
  workflowRun,
} from './testing/builders.ts';
import type { WorkflowObservation } from './workflow-observation.ts';

const plan = (pod: PodOptions, changes: Partial<WorkflowObservation> = {}) =>
  planWorkflowRun(workflowObservation({ now: CREATED + 10_000, pods: [observedPod(pod)], ...changes }));
const deletePod = { kind: 'deletePod', name: expect.any(String), uid: 'pod-uid' };
const releasePod = { kind: 'releasePod', uid: 'pod-uid' };
/** What a retry looks like: the attempt is closed, and the run waits. */
const retried = (reason: string, message: unknown = expect.any(String)) => ({
  verdict: { phase: 'Pending', reason: 'RetryBackoff' },
  status: { attempts: [{ number: 1, reason, message, completionTime: expect.any(String) }] },
  events: [{ type: 'Warning', reason: 'RetryBackoff', message: expect.stringContaining(reason) }],
});
const canceling = { run: workflowRun({ spec: { cancel: true } }) };

describe('a workflow run with a Pod', () => {
  it('given a Pod that has just been created, then nothing is written yet', () => {
    const decision = plan({ containers: { agent: creating } }, { now: CREATED + 2_000 });
    expect(decision).toEqual({ before: [], after: [], events: [], requeueAfterMs: 3_000 });
  });

  it('given a problem that may pass right after the creation, then nothing is written yet; one that cannot is told at once', () => {
    const pending = { unschedulable: '0/1 nodes are available' };
    expect(plan(pending, { now: CREATED + 1_000 })).toEqual({
      before: [],
      after: [],
      events: [],
      requeueAfterMs: 4_000,
    });
    const bad = { containers: { agent: running, 'step-0': waiting('InvalidImageName') } };
    expect(plan(bad, { now: CREATED + 1_000 }).verdict).toMatchObject({ phase: 'Failed' });
  });

  it('given a Pod that takes its time, then the run is Pending and the attempt is recorded', () => {
    expect(plan({ containers: { agent: creating } })).toMatchObject({
      before: [],
      verdict: { phase: 'Pending', reason: 'PodStarting' },
      status: {
        startTime: at(0),
        revision: COMMIT,
        attempts: [{ number: 1, podUID: 'pod-uid', startTime: at(0) }],
      },
      events: [],
      requeueAfterMs: 80_000,
    });
  });

  it('given a Pod that does not start in time without a reason, then the Pod goes, the events are pointed to, and another one follows', () => {
    const decision = plan({ containers: { agent: creating } }, { now: CREATED + settings.startTimeoutMs });
    expect(decision).toMatchObject({ ...retried('PodNotStarted'), before: [], after: [deletePod] });
    expect(decision.verdict?.message).toMatch(
      /kubectl -n team get events --field-selector involvedObject.name=core-lib/,
    );
  });

  it('given an agent that runs, then so does the run, until a while after its deadline', () => {
    expect(plan({ containers: { agent: running } })).toMatchObject({
      before: [],
      verdict: { phase: 'Running', reason: 'Running' },
      status: { attempts: [{ number: 1 }] },
      requeueAfterMs: settings.defaultTimeoutMs + 45_000 - 10_000,
    });
  });

  it.each([
    ['has just started', 1_000, 1_500, 2_500],
    ['was slow to start', 6_500, 6_900, 1_100],
    ['starts in the future, as its node says', 60_000, 2_000, 6_000],
  ])('given a Pod of scripts alone that %s, then the status keeps silent for a while', (_, started, elapsed, left) => {
    const pod = { containers: { agent: { running: { startedAt: at(started) } } }, onlyScripts: true };
    const decision = plan(pod, { now: CREATED + elapsed });
    expect(decision).toEqual({ before: [], after: [], events: [], requeueAfterMs: left });
    expect(plan(pod, { now: CREATED + elapsed + left }).verdict).toMatchObject({ phase: 'Running' });
  });

  it('given an agent that may call the gateway, then its attempt is recorded as soon as it runs', () => {
    for (const pod of [{}, { onlyScripts: true, cached: true }]) {
      const decision = plan({ ...pod, containers: { agent: running } }, { now: CREATED + 1_500 });
      expect(decision).toMatchObject({ verdict: { phase: 'Running' }, status: { attempts: [{ number: 1 }] } });
    }
  });

  it('given an attempt in the status, then it stays as it was recorded', () => {
    const attempts = [{ number: 1, podName: 'x', podUID: 'pod-uid', startTime: at(3_000) }];
    const run = workflowRun({ status: { phase: 'Running', startTime: at(3_000), attempts } });
    expect(plan({ containers: { agent: running } }, { run }).status).toMatchObject({ startTime: at(3_000), attempts });
  });

  it('given children of a fan-out while the steps run, then they are counted', () => {
    const run = workflowRun();
    const summary = { total: 3, completed: 1, failed: 0, timedOut: 0, canceled: 0, running: 2, pending: 0 };
    const fanOut = fanOutOf(run, 'emit', { status: { phase: 'Waiting', childrenSummary: summary } });
    const decision = plan({ containers: { agent: running } }, { run, fanOuts: [fanOut] });
    expect(decision.status).toMatchObject({ children: '1/3', childrenSummary: summary });
  });

  it.each([
    ['ErrImagePull', 'ImagePullBackOff'],
    ['CreateContainerConfigError', 'CreateContainerConfigError'],
  ])(
    'given %s, then the run waits and tells it, and the attempt fails when the time to start is over',
    (word, reason) => {
      const pod = { containers: { agent: running, 'step-0': waiting(word, 'no such thing') } };
      expect(plan(pod)).toMatchObject({
        before: [],
        verdict: { phase: 'Pending', reason },
        events: [{ type: 'Warning', reason, message: expect.stringContaining('no such thing') }],
        requeueAfterMs: 80_000,
      });
      const run = workflowRun({ spec: { retry: { limit: 0 } } });
      expect(plan(pod, { run, now: CREATED + settings.startTimeoutMs })).toMatchObject({
        before: [],
        verdict: { phase: 'Failed', reason, message: expect.stringContaining('no such thing') },
        status: { errorType: 'execution_failed', attempts: [{ reason, completionTime: at(settings.startTimeoutMs) }] },
        after: [deletePod, releasePod],
      });
    },
  );

  it('given a kubelet that words the same problem anew, then status and events stay as they are', () => {
    const ready = {
      type: 'Ready',
      status: 'Unknown' as const,
      lastTransitionTime: at(5_000),
      reason: 'ImagePullBackOff',
      message: 'first',
    };
    const status: TakoRunStatus = { phase: 'Pending', conditions: [ready] };
    const pod = { containers: { agent: running, 'step-0': waiting('ErrImagePull', 'other words') } };
    const decision = plan(pod, { run: workflowRun({ status }) });
    expect(decision).toMatchObject({ verdict: { reason: 'ImagePullBackOff', message: 'first' }, events: [] });
  });

  it.each([
    ['InvalidImageName', waiting('InvalidImageName')],
    ['StartError', terminated('StartError', 128)],
    ['RunContainerError', waiting('RunContainerError')],
  ])('given %s, then the run fails at once and the Pod goes', (reason, container) => {
    expect(plan({ containers: { agent: running, 'step-0': container } })).toMatchObject({
      before: [],
      verdict: { phase: 'Failed', reason },
      after: [deletePod, releasePod],
    });
  });

  it('given no node for the Pod, then the scheduler is quoted, and the run fails in time', () => {
    const pod = { unschedulable: '0/1 nodes are available: 1 Insufficient memory.' };
    expect(plan(pod)).toMatchObject({
      verdict: { phase: 'Pending', reason: 'Unschedulable', message: expect.stringContaining('Insufficient memory') },
    });
    expect(plan(pod, { now: CREATED + settings.startTimeoutMs }).verdict).toMatchObject({ phase: 'Failed' });
  });

  it('given a reason that is no word, then the condition has one that the API server takes', () => {
    const pod = observedPod({ phase: 'Failed', reason: 'not a word!' });
    const decision = planWorkflowRun(workflowObservation({ now: CREATED + 10_000, pods: [pod] }));
    expect(decision.verdict?.reason).toBe('ContainerProblem');
  });

  it('given a memory kill while the agent runs, then the run goes on: the agent decides', () => {
    const pod = { containers: { agent: running, 'step-0': terminated('OOMKilled', 137) } };
    expect(plan(pod)).toMatchObject({ before: [], verdict: { phase: 'Running' } });
  });

  it('given an agent that does not report after the deadline, then the run is TimedOut and the Pod goes', () => {
    const now = CREATED + settings.defaultTimeoutMs + 45_000;
    expect(plan({ containers: { agent: running } }, { now })).toMatchObject({
      before: [],
      verdict: { phase: 'TimedOut', reason: 'DeadlineExceeded' },
      status: { errorType: 'timeout', timeoutExceeded: true },
      after: [deletePod, releasePod],
    });
  });

  it('given a time limit that is shorter than the time to start, then it is kept', () => {
    const run = workflowRun({ spec: { timeout: '10s' } });
    const pod = { containers: { agent: waiting('ErrImagePull') } };
    expect(plan(pod, { run }).requeueAfterMs).toBe(45_000);
    expect(plan(pod, { run, now: CREATED + 55_000 }).verdict).toMatchObject({ phase: 'TimedOut' });
  });
});

describe('a workflow run whose Pod has the cache', () => {
  const late = { now: CREATED + settings.startTimeoutMs };
  const avoidCache = { kind: 'avoidCache', message: expect.stringContaining('did not start in time') };

  it.each([
    ['no node takes it', { unschedulable: 'pod has unbound immediate PersistentVolumeClaims' }, 'unbound immediate'],
    [
      'its node does not start it and does not say why',
      { containers: { agent: creating }, bound: true },
      'did not start in time',
    ],
  ])('given %s, then the next attempt goes without the cache, and so do others for a while', (_, pod, words) => {
    const decision = plan({ ...pod, cached: true }, late);
    expect(decision).toMatchObject(retried('CacheNotMounted', expect.stringContaining(words)));
    expect(decision.status?.attempts?.[0]?.message).toContain('kubectl -n team describe pvc tako-cache');
    expect(decision.after).toEqual(expect.arrayContaining([avoidCache, deletePod]));
  });

  it('given no attempt is left, then it fails, and others go without all the same', () => {
    const run = workflowRun({ spec: { retry: { limit: 0 } } });
    const decision = plan({ unschedulable: 'no volume', cached: true }, { ...late, run });
    expect(decision.verdict).toMatchObject({ phase: 'Failed', reason: 'CacheNotMounted' });
    expect(decision.after).toEqual(expect.arrayContaining([avoidCache, deletePod]));
  });

  it('given a cause that is not its volumes, then the cache has nothing to do with it', () => {
    const decision = plan(
      { containers: { agent: waiting('ImagePullBackOff'), 'step-0': creating }, cached: true },
      late,
    );
    expect(decision).toMatchObject(retried('ImagePullBackOff'));
    expect(decision.after).not.toContainEqual(avoidCache);
  });

  it('given nodes that are full, then the cache has nothing to do with it, and it is final', () => {
    const decision = plan({ unschedulable: '0/3 nodes are available: 3 Insufficient cpu.', cached: true }, late);
    expect(decision.verdict).toMatchObject({ phase: 'Failed', reason: 'Unschedulable' });
    expect(decision.after).not.toContainEqual(avoidCache);
  });

  it('given a Pod without the cache, then no node for it is final', () => {
    const decision = plan({ unschedulable: 'no volume' }, late);
    expect(decision.verdict).toMatchObject({ phase: 'Failed', reason: 'Unschedulable' });
    expect(decision.after).not.toContainEqual(avoidCache);
  });
});

describe('a workflow run whose Pod is taken away', () => {
  it('given a cancel, then the Pod is deleted and the run goes on until it is gone', () => {
    const run = workflowRun({ spec: { cancel: true }, status: { phase: 'Running' } });
    expect(plan({ containers: { agent: running } }, { run })).toMatchObject({
      before: [deletePod],
      verdict: { phase: 'Running', reason: 'Canceling' },
      after: [],
    });
  });

  it('given a Pod that is being deleted, then it may report until its grace period is over', () => {
    expect(plan({ containers: { agent: running }, deletedAfter: 9_000 })).toEqual({
      before: [],
      after: [],
      events: [],
      requeueAfterMs: 9_000,
    });
  });

  it('given a Pod that never came to a node, when it is deleted, then nobody is waited for', () => {
    expect(plan({ deletedAfter: 9_000 }, canceling).verdict).toMatchObject({ phase: 'Canceled' });
  });

  it('given a Pod that was deleted without a report after a cancel, then the run is Canceled', () => {
    const pod = { containers: { agent: running }, deletedAfter: 9_000 };
    expect(plan(pod, { ...canceling, now: CREATED + 19_000 })).toMatchObject({
      verdict: { phase: 'Canceled', reason: 'Canceled' },
      status: { errorType: 'canceled' },
      after: [releasePod],
    });
  });

  it('given a Pod that was deleted without a report, then the attempt is over, but its Pod is kept until its node says so', () => {
    const pod = { containers: { agent: running }, deletedAfter: 9_000 };
    expect(plan(pod, { now: CREATED + 19_000 })).toMatchObject({ ...retried('PodDeleted'), before: [], after: [] });
    const taken = { ...pod, disruption: 'DeletionByTaintManager' };
    expect(plan(taken, { now: CREATED + 19_000 })).toMatchObject(retried('DeletionByTaintManager'));
  });

  it.each([
    [
      'over its limit of storage',
      { phase: 'Failed', reason: 'Evicted', message: 'exceeds the limit' },
      {},
      'Failed',
      'StorageLimitExceeded',
      'execution_failed',
    ],
    [
      'past its deadline',
      { phase: 'Failed', reason: 'DeadlineExceeded' },
      {},
      'TimedOut',
      'DeadlineExceeded',
      'timeout',
    ],
    ['lost after a cancel', { phase: 'Failed' }, canceling, 'Canceled', 'Canceled', 'canceled'],
  ] as const)('given a Pod that is %s, then that is told', (_, pod, changes, phase, reason, errorType) => {
    expect(plan(pod, changes)).toMatchObject({
      verdict: { phase, reason },
      status: { errorType, attempts: [{ reason, completionTime: at(10_000) }] },
      after: [releasePod],
    });
  });

  it.each([
    [
      'evicted',
      { phase: 'Failed', reason: 'Evicted', message: 'low on memory', disruption: 'TerminationByKubelet' },
      'Evicted',
    ],
    ['lost', { phase: 'Failed' }, 'PodLost'],
  ] as const)('given a Pod that is %s, then it is let go, and another one follows', (_, pod, reason) => {
    expect(plan(pod)).toMatchObject({ ...retried(reason), before: [], after: [releasePod] });
  });

  it('given a Pod that the status knows and that is not there any more, then the attempt is lost', () => {
    const attempts = [{ number: 1, podName: 'x', podUID: 'pod-uid' }];
    const run = workflowRun({ status: { phase: 'Running', attempts } });
    const decision = planWorkflowRun(workflowObservation({ run, now: CREATED + 10_000 }));
    expect(decision).toMatchObject({ ...retried('PodLost'), before: [], after: [] });
  });

  it('given several Pods, then the last attempt decides', () => {
    const old = observedPod({ attempt: 1, uid: 'old', phase: 'Failed' });
    const last = observedPod({ attempt: 2, uid: 'last', containers: { agent: running } });
    const decision = planWorkflowRun(workflowObservation({ now: CREATED + 10_000, pods: [last, old] }));
    expect(decision).toMatchObject({
      verdict: { phase: 'Running' },
      status: { attempts: [{ number: 2, podUID: 'last' }] },
    });
  });
});
