import { describe, expect, it } from 'vitest';
import type { TakoRunStatus } from '../../api/takorun-status.ts';
import { planWorkflowRun } from './plan-workflow.ts';
import type { Preparation } from './prepare.ts';
import { at, CREATED, prepared, repository, settings, workflowObservation, workflowRun } from './testing/builders.ts';
import type { PodRefusal, WorkflowObservation } from './workflow-observation.ts';

const plan = (changes: Partial<WorkflowObservation> = {}) => planWorkflowRun(workflowObservation(changes));
const ready = { preparation: prepared() };
const inTree = { deadline: at(600_000) };

/** A status whose Ready condition has this reason. */
function toldOf(reason: string, message = 'as before'): TakoRunStatus {
  const ready = { type: 'Ready', status: 'Unknown' as const, lastTransitionTime: at(0), reason, message };
  return { phase: 'Pending', conditions: [ready] };
}

describe('start of a workflow run', () => {
  it('given all that it needs, then its Pod is created, nothing is written, and it is looked at again soon', () => {
    const decision = plan(ready);
    expect(decision.before).toMatchObject([{ kind: 'createPod' }]);
    expect(decision).toMatchObject({ after: [], events: [], requeueAfterMs: 5_000 });
    expect(decision.status).toBeUndefined();
  });

  it('given the Pod, then its agent is told commit, inputs, run id and deadline', () => {
    const run = workflowRun({ spec: { timeout: '10m' } });
    const decision = plan({ run, preparation: prepared(undefined, { inputs: { bump: 'patch' } }) });
    const [action] = decision.before;
    const pod = action?.kind === 'createPod' ? action.pod : undefined;
    const assignment = pod?.spec.containers[0]?.env?.[0]?.value ?? '';
    expect(JSON.parse(assignment.replaceAll('$$', '$'))).toMatchObject({
      inputs: { bump: 'patch' },
      deadline: at(600_000),
      run: {
        name: 'core-lib-release',
        uid: 'uid-core-lib-release',
        runId: expect.stringMatching(/^exec-20260101-000000-/),
      },
    });
    expect(pod?.spec.activeDeadlineSeconds).toBe(599 + 60);
  });

  it('given the same observation twice, then the decision is the same', () => {
    expect(plan(ready)).toEqual(plan(ready));
  });

  it('given a cache, then the Pod has it, and its claim is made first when it is missing', () => {
    const cache = { settings: { maxBytes: 1, maxAgeSeconds: 1, seconds: 60 }, isMissing: false };
    expect(plan({ ...ready, cache }).before).toMatchObject([
      {
        kind: 'createPod',
        pod: { spec: { volumes: expect.arrayContaining([expect.objectContaining({ name: 'cache' })]) } },
      },
    ]);
    expect(plan({ ...ready, cache: { ...cache, isMissing: true } }).before).toMatchObject([
      { kind: 'createCacheClaim' },
      { kind: 'createPod' },
    ]);
  });

  it.each([
    ['a cache, then it has that too', { settings: { maxBytes: 1, maxAgeSeconds: 1, seconds: 60 }, isMissing: true }, 2],
    ['none, then it goes without', undefined, 1],
  ])('given a further attempt and %s', (_, cache, actions) => {
    const last = { number: 1, podName: 'p', podUID: 'u', startTime: at(0), completionTime: at(0), reason: 'PodLost' };
    const run = workflowRun({ status: { phase: 'Pending', startTime: at(0), attempts: [last] } });
    const { before } = plan({ ...ready, cache, run, now: CREATED + 30_000 });
    expect(before).toHaveLength(actions);
    expect(before.at(-1)?.kind).toBe('createPod');
    expect(JSON.stringify(before).includes('tako-cache')).toBe(actions === 2);
  });

  it.each(['dataSource', 'dataSourceRef'])(
    'given a workspace that is to be a copy of the cache by its %s, then the run fails',
    field => {
      const volumeClaimTemplate = { spec: { [field]: { kind: 'PersistentVolumeClaim', name: 'tako-cache' } } };
      const refused = {
        before: [],
        verdict: { phase: 'Failed', reason: 'NotAllowed', message: expect.stringContaining('copy of the cache') },
        status: { errorType: 'execution_failed' },
      };
      expect(plan({ ...ready, run: workflowRun({ spec: { workspace: { volumeClaimTemplate } } }) })).toMatchObject(
        refused,
      );
      const spec = { runTemplate: { workspace: { volumeClaimTemplate } } };
      expect(plan({ ...ready, repository: repository({ spec }) })).toMatchObject(refused);
    },
  );

  it('given a canceled run, then it ends as Canceled before it started', () => {
    expect(plan({ ...ready, run: workflowRun({ spec: { cancel: true } }) })).toMatchObject({
      before: [],
      verdict: { phase: 'Canceled', reason: 'Canceled' },
      status: { errorType: 'canceled', completionTime: at(1_000) },
      events: [{ type: 'Warning', reason: 'Canceled' }],
    });
  });

  it('given a child elsewhere whose event has not gone out yet, then it waits, but a cancel and its time limit end it', () => {
    const early = { ...ready, lineage: 'early' as const };
    expect(plan(early)).toMatchObject({ before: [], requeueAfterMs: 5_000 });
    expect(plan(early).status).toBeUndefined();
    expect(plan({ ...early, run: workflowRun({ spec: { cancel: true } }) }).verdict).toMatchObject({
      phase: 'Canceled',
    });
    expect(plan({ ...early, now: CREATED + settings.defaultTimeoutMs }).verdict).toMatchObject({ phase: 'TimedOut' });
  });

  it('given a run whose time is over, then it ends as TimedOut', () => {
    expect(plan({ ...ready, now: CREATED + settings.defaultTimeoutMs })).toMatchObject({
      before: [],
      verdict: { phase: 'TimedOut', reason: 'DeadlineExceeded' },
      status: { errorType: 'timeout', timeoutExceeded: true },
    });
  });

  it('given a child, then the time of its tree counts, and not the time that it queued', () => {
    const queued = { ...ready, run: workflowRun({ parent: inTree, spec: { timeout: '1m' } }) };
    expect(plan({ ...queued, now: CREATED + 590_000 }).before).toHaveLength(1);
    expect(plan({ ...queued, now: CREATED + 600_000 }).verdict).toMatchObject({ phase: 'TimedOut' });
  });

  it('given an open breaker, then it fails at once, with why and until when, and no Pod', () => {
    const circuit = 'workflow release of acme/core-lib is not run: it is tried again later';
    expect(plan({ ...ready, circuit })).toMatchObject({
      before: [],
      verdict: { phase: 'Failed', reason: 'CircuitOpen', message: circuit },
      status: { errorType: 'circuit_breaker', completionTime: at(1_000) },
      events: [{ type: 'Warning', reason: 'CircuitOpen' }],
    });
  });

  it('given a suspended run, then it waits and says how to go on', () => {
    const decision = plan({ run: workflowRun({ spec: { suspend: true } }) });
    expect(decision).toMatchObject({ before: [], verdict: { phase: 'Pending', reason: 'Suspended' }, events: [] });
    expect(decision.verdict?.message).toContain('set spec.suspend to false');
  });

  it('given an event that has not gone out yet, then a child elsewhere waits, but not beyond a cancel or its time', () => {
    const child = { ...ready, lineage: 'early', run: workflowRun({ parent: inTree }) } as const;
    expect(plan(child)).toMatchObject({ before: [], requeueAfterMs: expect.any(Number) });
    expect(plan(child).verdict).toBeUndefined();
    const canceled = workflowRun({ parent: inTree, spec: { cancel: true } });
    expect(plan({ ...child, run: canceled }).verdict).toMatchObject({ phase: 'Canceled' });
    expect(plan({ ...child, now: CREATED + 600_000 }).verdict).toMatchObject({ phase: 'TimedOut' });
  });

  it('given a parent that is being deleted, then it waits: garbage collection comes, or leaves it behind', () => {
    expect(plan({ ...ready, lineage: 'ending', run: workflowRun({ parent: inTree }) })).toEqual({
      before: [],
      after: [],
      events: [],
      requeueAfterMs: 10_000,
    });
  });

  it('given a parent that is gone, then the run ends, as nobody waits for it', () => {
    expect(plan({ ...ready, lineage: 'gone', run: workflowRun({ parent: inTree }) })).toMatchObject({
      before: [],
      verdict: { phase: 'Canceled', reason: 'ParentGone' },
    });
  });

  it('given no place, then it is Queued, once says since when, and is looked at again at its deadline', () => {
    const child = workflowRun({ parent: inTree });
    const decision = plan({ run: child, held: { reason: 'ConcurrencyLimit', limit: 1 } });
    expect(decision).toMatchObject({
      before: [],
      verdict: { phase: 'Queued', reason: 'ConcurrencyLimit' },
      status: { queuedTime: at(1_000) },
      events: [],
      requeueAfterMs: 599_000,
    });
    const again = workflowRun({ parent: inTree, status: { phase: 'Queued', queuedTime: at(1_000) } });
    expect(
      plan({ run: again, held: { reason: 'ConcurrencyLimit', limit: 1 }, now: CREATED + 9_000 }).status?.queuedTime,
    ).toBe(at(1_000));
  });

  it('given a dry run, then no Pod is created and the message says what would run', () => {
    const decision = plan({ ...ready, run: workflowRun({ spec: { dryRun: true } }) });
    expect(decision).toMatchObject({ before: [], verdict: { phase: 'Succeeded', reason: 'DryRun' } });
    expect(decision.verdict?.message).toContain('release of acme/core-lib would run at aaaaaaaaaaaa');
  });
});

describe('a workflow run that cannot start', () => {
  const unknown: Preparation = { kind: 'waiting', reason: 'RepositoryNotFound', message: 'there is no TakoRepository' };

  it('given a repository that may come, then it waits, tells it once, and looks again', () => {
    const decision = plan({ preparation: unknown, repository: undefined });
    expect(decision).toMatchObject({
      before: [],
      verdict: { phase: 'Pending', reason: 'RepositoryNotFound', message: 'there is no TakoRepository' },
      events: [{ type: 'Warning', reason: 'RepositoryNotFound', message: 'there is no TakoRepository' }],
      requeueAfterMs: 5_000,
    });
    const again = plan({ preparation: unknown, run: workflowRun({ status: toldOf('RepositoryNotFound') }) });
    expect(again.events).toEqual([]);
  });

  it('given little time left for the repository, then it looks again when that is over', () => {
    const late = plan({ preparation: unknown, now: CREATED + settings.repositoryTimeoutMs - 700 });
    expect(late.requeueAfterMs).toBe(700);
  });

  it('given a repository that did not come in time, then it fails with what was missing', () => {
    expect(plan({ preparation: unknown, now: CREATED + settings.repositoryTimeoutMs })).toMatchObject({
      verdict: { phase: 'Failed', reason: 'RepositoryNotFound' },
      status: { errorType: 'execution_failed', completionTime: at(settings.repositoryTimeoutMs) },
      events: [{ type: 'Warning', reason: 'RepositoryNotFound' }],
    });
  });

  it.each([
    ['a run', {}, 'annotate the run with tako.dev/retry-at, or create a new run'],
    ['a run of a tree', { parent: inTree }, 'annotate the root of its tree with tako.dev/retry-at'],
  ])('given %s that gives up, then it says so, and how it is taken up again', (_, of, how) => {
    const run = workflowRun(of);
    const late = plan({ run, preparation: unknown, now: CREATED + settings.repositoryTimeoutMs });
    expect(late.verdict?.message).toMatch(/^there is no TakoRepository; the run gave up after 1m30s: once that/);
    expect(late.verdict?.message).toContain(how);
  });

  it('given a check that failed for good, then it fails at once', () => {
    const preparation: Preparation = {
      kind: 'failed',
      reason: 'InvalidInputs',
      message: 'input count: expected a number',
    };
    expect(plan({ preparation })).toMatchObject({
      before: [],
      verdict: { phase: 'Failed', reason: 'InvalidInputs', message: 'input count: expected a number' },
      status: { errorType: 'execution_failed' },
      events: [{ type: 'Warning', reason: 'InvalidInputs' }],
    });
  });

  it('given nothing prepared, then nothing happens', () => {
    expect(plan()).toEqual({ before: [], after: [], events: [] });
    expect(plan({ ...ready, repository: undefined })).toEqual({ before: [], after: [], events: [] });
  });

  const refused = (reason: PodRefusal['reason'], changes: Partial<WorkflowObservation> = {}) =>
    plan({ ...ready, refusal: { reason, message: 'said the API server' }, ...changes });

  it('given a policy that forbids the Pod, then it waits a while, as service accounts may come later, and then fails', () => {
    expect(refused('PodForbidden')).toMatchObject({
      verdict: { phase: 'Pending', reason: 'PodForbidden' },
      requeueAfterMs: 5_000,
    });
    expect(refused('PodForbidden', { now: CREATED + settings.startTimeoutMs })).toMatchObject({
      verdict: { phase: 'Failed', reason: 'PodForbidden', message: 'said the API server' },
      status: { errorType: 'execution_failed' },
    });
  });

  it.each(['PodInvalid', 'PodConflict'] as const)('given %s, then it fails at once', reason => {
    expect(refused(reason)).toMatchObject({
      before: [],
      verdict: { phase: 'Failed', reason },
      status: { errorType: 'execution_failed' },
      events: [{ type: 'Warning', reason }],
    });
  });

  it('given a ready repository, then the status names it from the start', () => {
    expect(plan({ preparation: unknown, repository: repository() }).status?.repository).toBe('acme/core-lib');
  });
});
