import { describe, expect, it } from 'vitest';
import type { Attempt } from '../../api/takorun-status.ts';
import { podName } from '../../fanout/names.ts';
import { nextStatus } from './apply.ts';
import { planWorkflowRun } from './plan-workflow.ts';
import {
  at,
  COMMIT,
  CREATED,
  finishedPod,
  observedPod,
  type PodOptions,
  prepared,
  repository,
  running,
  settings,
  waiting,
  workflowObservation,
  workflowRun,
} from './testing/builders.ts';
import type { WorkflowObservation } from './workflow-observation.ts';

const first: Attempt = { number: 1, podName: 'one', podUID: 'pod-1', startTime: at(0) };
const lost: Attempt = { ...first, completionTime: at(10_000), reason: 'PodLost', message: 'it is gone' };

/** A run whose first attempt has ended 10 s after it was made. */
const between = (spec = {}, attempts = [lost]) =>
  workflowRun({ spec, status: { phase: 'Pending', startTime: at(0), revision: COMMIT, attempts } });

const plan = (changes: Partial<WorkflowObservation>) => planWorkflowRun(workflowObservation(changes));
/** Two seconds and a half after the end of the attempt: its wait, a second give or take, is over. */
const DUE = CREATED + 12_500;

describe('a failed attempt', () => {
  it('given a reason that may pass, then it is closed, the run waits, and says what, why and until when', () => {
    const run = workflowRun({ status: { phase: 'Running', startTime: at(0), attempts: [first] } });
    const decision = plan({ run, now: CREATED + 10_000 });
    expect(decision).toMatchObject({
      before: [],
      verdict: { phase: 'Pending', reason: 'RetryBackoff' },
      status: { attempts: [{ number: 1, reason: 'PodLost', completionTime: at(10_000) }] },
      after: [],
    });
    expect(decision.status).not.toHaveProperty('errorType');
    expect(decision.status).not.toHaveProperty('completionTime');
    expect(decision.verdict?.message).toMatch(
      /^attempt 1 of 4 ended \(PodLost\): .*; the next one may start at 2026-01-01T00:00:1[12]Z$/,
    );
    expect(decision.events).toEqual([{ type: 'Warning', reason: 'RetryBackoff', message: decision.verdict?.message }]);
    // 10 s is written as 10 s and may have been 10.999: a second, give or take 10 %, and what the time may lack.
    expect(decision.requeueAfterMs).toBeGreaterThanOrEqual(900 + 999);
    expect(decision.requeueAfterMs).toBeLessThanOrEqual(1_100 + 999);
  });

  it('given the last attempt that is allowed, then the run ends with what ended it', () => {
    const run = workflowRun({ spec: { retry: { limit: 0 } }, status: { phase: 'Running', attempts: [first] } });
    expect(plan({ run, now: CREATED + 10_000 })).toMatchObject({
      verdict: { phase: 'Failed', reason: 'PodLost' },
      status: { errorType: 'execution_failed', completionTime: at(10_000) },
    });
  });

  it('given the policy of the repository and none of the run, then that one holds', () => {
    const run = workflowRun({ status: { phase: 'Running', attempts: [first] } });
    const once = repository({ spec: { runTemplate: { retry: { limit: 0 } } } });
    expect(plan({ run, repository: once, now: CREATED + 10_000 }).verdict).toMatchObject({ phase: 'Failed' });
  });

  it('given a deadline before the next one could start, then nobody waits for it', () => {
    const run = workflowRun({
      spec: { timeout: '11s' },
      status: { phase: 'Running', startTime: at(0), attempts: [first] },
    });
    expect(plan({ run, now: CREATED + 10_000 }).verdict).toMatchObject({ phase: 'Failed', reason: 'PodLost' });
  });

  it('given a run that was retried as a whole, then its attempts are counted from there', () => {
    const again = { number: 5, podName: 'five', podUID: 'pod-5', startTime: at(0) };
    const retry = { requestedAt: 'now', message: 'it runs again', count: 1, startTime: at(0), attempts: 4 };
    const run = workflowRun({ status: { phase: 'Running', startTime: at(0), attempts: [again], retry } });
    expect(plan({ run, now: CREATED + 10_000 }).verdict).toMatchObject({
      reason: 'RetryBackoff',
      message: expect.stringContaining('attempt 5 of 8 ended'),
    });
  });

  it('given a cancel, then there is no other one', () => {
    const run = workflowRun({ spec: { cancel: true }, status: { phase: 'Running', attempts: [first] } });
    expect(plan({ run, now: CREATED + 10_000 }).verdict?.phase).not.toBe('Pending');
  });

  it('given a step that failed, then it is a result, unless the run asks for another attempt', () => {
    const failed = { state: 'failed', errorType: 'workflow_failed', reason: 'StepFailed', message: 'exit 1' } as const;
    const pods = [finishedPod(failed, { phase: 'Failed' })];
    expect(plan({ pods, now: CREATED + 20_000 }).verdict).toMatchObject({ phase: 'Failed', reason: 'StepFailed' });
    const run = workflowRun({ spec: { retry: { limit: 1, onWorkflowFailure: true } } });
    expect(plan({ run, pods, now: CREATED + 20_000 })).toMatchObject({
      verdict: { phase: 'Pending', reason: 'RetryBackoff', message: expect.stringContaining('attempt 1 of 2') },
      after: [{ kind: 'releasePod' }],
    });
  });

  it('given a volume claim as its workspace, then its Pod is deleted at once to free it', () => {
    const pods = [observedPod({ phase: 'Failed', claimed: true })];
    expect(plan({ pods, now: CREATED + 10_000 })).toMatchObject({
      after: [{ kind: 'deletePod', uid: 'pod-uid' }, { kind: 'releasePod' }],
    });
  });

  it('given a crash after the status was written, then the same is decided, and told only once', () => {
    const run = workflowRun({ status: { phase: 'Running', startTime: at(0), attempts: [first] } });
    const observation = workflowObservation({ run, now: CREATED + 10_000 });
    const decision = planWorkflowRun(observation);
    const written = nextStatus(run, decision, observation.now);
    const again = planWorkflowRun({ ...observation, run: { ...run, status: written } as typeof run });
    expect(nextStatus(run, again, observation.now)).toEqual({ ...written });
    expect(again).toMatchObject({ events: [], requeueAfterMs: decision.requeueAfterMs });
  });
});

describe('a run between two attempts', () => {
  it('given that its wait is not over, then it waits, whoever asks', () => {
    const decision = plan({ run: between(), now: CREATED + 11_500, preparation: prepared() });
    expect(decision).toMatchObject({
      before: [],
      verdict: { phase: 'Pending', reason: 'RetryBackoff', message: expect.stringContaining('it is gone') },
      events: [],
    });
  });

  it('given that its wait is over, then the next Pod is created under a name of its own, and nothing is written before', () => {
    const run = between();
    const decision = plan({ run, now: DUE, preparation: prepared() });
    expect(decision.status).toBeUndefined();
    expect(decision.before).toMatchObject([
      { kind: 'createPod', pod: { metadata: { name: podName(run.metadata, 2), labels: { 'tako.dev/attempt': '2' } } } },
    ]);
    const [action] = decision.before;
    const pod = action?.kind === 'createPod' ? action.pod : undefined;
    const assignment = JSON.parse((pod?.spec.containers[0]?.env?.[0]?.value ?? '').replaceAll('$$', '$'));
    expect(assignment).toMatchObject({ run: { attempt: 2 }, deadline: at(settings.defaultTimeoutMs) });
  });

  it('given a child, then its time limit counts from its first attempt', () => {
    const child = workflowRun({
      spec: { timeout: '1m' },
      parent: { deadline: at(600_000) },
      status: { phase: 'Pending', startTime: at(0), attempts: [lost] },
    });
    expect(plan({ run: child, now: CREATED + 60_000, preparation: prepared() })).toMatchObject({
      before: [],
      verdict: { phase: 'TimedOut', message: expect.stringContaining('before attempt 2 could start') },
    });
  });

  it.each<[string, PodOptions]>([
    ['runs on a node that does not answer', { deletedAfter: 9_000, bound: true, containers: { agent: running } }],
    ['is told to end', { deletedAfter: 9_000, bound: true }],
    ['has containers that still run', { phase: 'Running', bound: true, deletedAfter: 9_000 }],
  ])('given a Pod that %s, then the next one waits for it', (_, pod) => {
    const pods = [observedPod({ ...pod, uid: 'pod-1' })];
    const decision = plan({ run: between(), now: DUE, pods, preparation: prepared() });
    expect(decision).toMatchObject({
      before: [],
      verdict: { phase: 'Pending', reason: 'PodTerminating', message: expect.stringContaining('out-of-service') },
      after: [],
      events: [{ type: 'Warning', reason: 'PodTerminating' }],
    });
  });

  it('given a Pod that nobody has told to end, then it is told, and the next one waits for it', () => {
    const pods = [observedPod({ phase: 'Running', bound: true, uid: 'pod-1' })];
    expect(plan({ run: between(), now: DUE, pods, preparation: prepared() })).toMatchObject({
      before: [],
      verdict: { reason: 'PodTerminating' },
      after: [{ kind: 'deletePod', uid: 'pod-1' }],
    });
  });

  it('given a Pod that has ended meanwhile, then it is let go, and the next one is made', () => {
    const over = observedPod({ phase: 'Failed', uid: 'pod-1' });
    const waits = plan({ run: between(), now: CREATED + 11_000, pods: [over], preparation: prepared() });
    expect(waits.after).toMatchObject([{ kind: 'releasePod', uid: 'pod-1' }]);
    const decision = plan({ run: between(), now: DUE, pods: [over], preparation: prepared() });
    expect(decision.before).toMatchObject([{ kind: 'createPod' }]);
  });

  it('given the next Pod, which the status does not know yet, then it is the current one', () => {
    const run = between();
    const pods = [
      observedPod({ phase: 'Failed', uid: 'pod-1', finalizers: [] }),
      observedPod({ attempt: 2, uid: 'pod-2', createdAfter: 12_500, containers: { agent: running } }),
    ];
    expect(plan({ run, now: CREATED + 16_000, pods, preparation: prepared() })).toMatchObject({
      before: [],
      verdict: { phase: 'Running' },
      status: { startTime: at(0), attempts: [lost, { number: 2, podUID: 'pod-2' }] },
    });
  });

  it('given an attempt that was recorded and whose Pod is gone, then it is not made again: the next number follows', () => {
    const second = { number: 2, podName: 'two', podUID: 'pod-2', startTime: at(13_000) };
    const decision = plan({ run: between({}, [lost, second]), now: CREATED + 60_000, preparation: prepared() });
    expect(decision).toMatchObject({
      before: [],
      verdict: { reason: 'RetryBackoff', message: expect.stringContaining('attempt 2 of 4') },
    });
  });

  it('given many attempts, then the status has the last sixteen', () => {
    const attempts = Array.from({ length: 16 }, (_, index) => ({ ...lost, number: index + 1 }));
    const pods = [observedPod({ attempt: 17, uid: 'pod-17', containers: { agent: running } })];
    const { status } = plan({ run: between({}, attempts), now: CREATED + 90_000, pods });
    expect(status?.attempts?.map(({ number }) => number)).toEqual(Array.from({ length: 16 }, (_, index) => index + 2));
  });

  it.each([
    ['a cancel', { cancel: true }, 'Canceled', 'Canceled'],
    ['a suspension', { suspend: true }, 'Pending', 'Suspended'],
  ])('given %s, then no Pod is made', (_, spec, phase, reason) => {
    expect(plan({ run: between(spec), now: DUE, preparation: prepared() })).toMatchObject({
      before: [],
      verdict: { phase, reason },
    });
  });

  it('given a repository that is gone meanwhile, then it is waited for from then on, and not for ever', () => {
    const preparation = { kind: 'waiting', reason: 'RepositoryNotFound', message: 'there is none' } as const;
    const later = [{ ...lost, completionTime: at(500_000) }];
    expect(plan({ run: between({}, later), now: CREATED + 503_000, preparation })).toMatchObject({
      verdict: { phase: 'Pending', reason: 'RepositoryNotFound' },
    });
    expect(plan({ run: between({}, later), now: CREATED + 600_000, preparation })).toMatchObject({
      verdict: { phase: 'Failed', reason: 'RepositoryNotFound' },
    });
  });

  it('given a place that others have taken meanwhile, then it waits for its turn', () => {
    expect(plan({ run: between(), now: DUE, held: { reason: 'ConcurrencyLimit', limit: 1 } })).toMatchObject({
      before: [],
      verdict: { phase: 'Queued', reason: 'ConcurrencyLimit' },
    });
  });

  it('given a second Pod with another problem, then its own time to start counts', () => {
    const pods = [
      observedPod({ attempt: 2, uid: 'pod-2', createdAfter: 100_000, containers: { agent: waiting('ErrImagePull') } }),
    ];
    const run = between({}, [{ ...lost, completionTime: at(95_000) }]);
    expect(plan({ run, now: CREATED + 110_000, pods })).toMatchObject({
      verdict: { phase: 'Pending', reason: 'ImagePullBackOff' },
      requeueAfterMs: settings.startTimeoutMs - 10_000,
    });
  });
});
