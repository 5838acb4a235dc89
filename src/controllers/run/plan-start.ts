import { toTimestamp } from '../../api/timestamp.ts';
import { countedFrom } from '../../fanout/deadline.ts';
import { formatDuration } from '../../workflow/duration.ts';
import { isCopyOfCache } from '../cache/claim.ts';
import type { Action, Decision } from './decision.ts';
import { NOTHING } from './decision.ts';
import { runIdOf } from './identity.ts';
import type { LiveRun } from './observed.ts';
import { planQueued } from './plan-queued.ts';
import { planBackoff, retryDueMs } from './plan-retry.ts';
import { buildPod } from './pod.ts';
import type { PreparedWorkflow } from './prepare.ts';
import {
  deadlineOf,
  EARLY_LOOK_MS,
  ENDING_LOOK_MS,
  type PodRefusal,
  QUIET_START_MS,
  type WorkflowObservation,
} from './workflow-observation.ts';
import { end, hold } from './workflow-status.ts';
import { retainSeconds, workspaceSource } from './workspace.ts';

/** Time between two looks at what a run waits for, milliseconds. */
const LOOK_AGAIN_MS = 5_000;

/** A run without a Pod, or between two of them: whether it gets one now. */
export function planStart(observation: WorkflowObservation): Decision {
  const { run, now, preparation, options } = observation;
  const deadlineMs = deadlineOf(observation, startedMs(observation));
  if (observation.lineage === 'ending') return { ...NOTHING, requeueAfterMs: ENDING_LOOK_MS };
  if (run.spec.cancel === true)
    return end(
      observation,
      'Canceled',
      'canceled',
      'Canceled',
      `the run was canceled before ${whatStarts(run)} started`,
    );
  if (observation.lineage === 'gone') {
    const message = 'the run that started it has ended or was deleted: nobody waits for this one';
    return end(observation, 'Canceled', 'canceled', 'ParentGone', message);
  }
  if (now >= deadlineMs) {
    const message = `the time limit was over before ${whatStarts(run)} could start`;
    return end(observation, 'TimedOut', 'timeout', 'DeadlineExceeded', message, { timeoutExceeded: true });
  }
  if (observation.lineage === 'early') return { ...NOTHING, requeueAfterMs: EARLY_LOOK_MS };
  const backoff = planBackoff(observation);
  if (backoff !== undefined) return backoff;
  if (run.spec.suspend === true)
    return hold(observation, 'Pending', 'Suspended', 'the run is suspended: set spec.suspend to false to start it');
  if (observation.circuit !== undefined)
    return end(observation, 'Failed', 'circuit_breaker', 'CircuitOpen', observation.circuit);
  if (observation.held !== undefined) return planQueued(observation, observation.held, deadlineMs);
  if (preparation === undefined) return NOTHING;
  switch (preparation.kind) {
    case 'failed':
      return end(observation, 'Failed', 'execution_failed', preparation.reason, preparation.message);
    case 'waiting': {
      const left = sinceMs(observation) + options.repositoryTimeoutMs - now;
      if (left <= 0) {
        const message = gaveUp(run, options.repositoryTimeoutMs, preparation.message);
        return end(observation, 'Failed', 'execution_failed', preparation.reason, message);
      }
      return {
        ...hold(observation, 'Pending', preparation.reason, preparation.message, true),
        requeueAfterMs: Math.min(left, LOOK_AGAIN_MS),
      };
    }
    case 'ready':
      if (isCopyOfCache(workspaceSource(run.spec, observation.repository?.spec).volumeClaimTemplate)) {
        const message =
          'the workspace is to be a copy of the cache, which no step may have: take dataSource and dataSourceRef out of its volumeClaimTemplate';
        return end(observation, 'Failed', 'execution_failed', 'NotAllowed', message);
      }
      if (run.spec.dryRun === true) return endDryRun(observation, preparation);
      if (observation.refusal !== undefined) return planRefused(observation, observation.refusal);
      return start(observation, preparation, deadlineMs);
  }
}

/** When the first Pod of the run was created, milliseconds since the epoch; its time limit counts from there. */
function startedMs({ run }: WorkflowObservation): number | undefined {
  const { attempts = [], startTime } = run.status ?? {};
  return attempts.length === 0 || startTime === undefined ? undefined : Date.parse(startTime);
}

/** From when on the run waits for what it needs, milliseconds since the epoch. */
function sinceMs(observation: WorkflowObservation): number {
  return retryDueMs(observation) ?? countedFrom(observation.run);
}

function nextAttempt({ status }: LiveRun): number {
  return (status?.attempts?.at(-1)?.number ?? 0) + 1;
}

function whatStarts(run: LiveRun): string {
  const number = nextAttempt(run);
  return number === 1 ? 'the run' : `attempt ${number}`;
}

/** What a run says that no longer waits for its repository: what was missing, and how it is taken up again. */
function gaveUp({ spec }: LiveRun, waitedMs: number, missing: string): string {
  const annotated = spec.parent === undefined ? 'annotate the run' : 'annotate the root of its tree';
  return `${missing}; the run gave up after ${formatDuration(waitedMs)}: once that is put right, ${annotated} with tako.dev/retry-at, or create a new run`;
}

function endDryRun(observation: WorkflowObservation, prepared: PreparedWorkflow): Decision {
  const containers = `${prepared.containers.length} step container${prepared.containers.length === 1 ? '' : 's'}`;
  const message = `dry run: ${prepared.workflow.name} of ${prepared.slug} would run at ${prepared.commit.slice(0, 12)} in a Pod with ${containers}`;
  return end(observation, 'Succeeded', undefined, 'DryRun', message);
}

/** A service account or a webhook may come to be; what is wrong in itself stays so. */
function planRefused(observation: WorkflowObservation, refusal: PodRefusal): Decision {
  const { now, options } = observation;
  const { reason, message } = refusal;
  switch (reason) {
    case 'PodForbidden': {
      const left = sinceMs(observation) + options.startTimeoutMs - now;
      if (left <= 0) return end(observation, 'Failed', 'execution_failed', reason, message);
      return {
        ...hold(observation, 'Pending', reason, message, true),
        requeueAfterMs: Math.min(left, LOOK_AGAIN_MS),
      };
    }
    case 'PodInvalid':
    case 'PodConflict':
      return end(observation, 'Failed', 'execution_failed', reason, message);
  }
}

function start(observation: WorkflowObservation, prepared: PreparedWorkflow, deadlineMs: number): Decision {
  const { run, repository, now, cache } = observation;
  if (repository === undefined) return NOTHING;
  const pod = buildPod({
    run,
    repository,
    slug: prepared.slug,
    workflow: prepared.workflow,
    containers: prepared.containers,
    inputs: prepared.inputs,
    trigger: observation.trigger,
    commit: prepared.commit,
    configDigest: prepared.configDigest,
    facts: prepared.facts,
    runId: runIdOf(run.metadata),
    attempt: nextAttempt(run),
    deadline: toTimestamp(deadlineMs),
    remainingSeconds: (deadlineMs - now) / 1_000,
    retainSeconds: retainSeconds(run.spec, repository.spec),
    gatewayCa: observation.gatewayCa,
    cache: cache?.settings,
    options: observation.options,
  });
  const claim: Action[] = cache?.isMissing === true ? [{ kind: 'createCacheClaim' }] : [];
  return { ...NOTHING, before: [...claim, { kind: 'createPod', pod }], requeueAfterMs: QUIET_START_MS };
}
