import type { Decision } from './decision.ts';
import { NOTHING } from './decision.ts';
import { runIdOf } from './identity.ts';
import { buildPod } from './pod.ts';
import type { PreparedWorkflow } from './prepare.ts';
import { rfc3339 } from './status.ts';
import { deadlineOf, QUIET_START_MS, type WorkflowObservation } from './workflow-observation.ts';
import { end, hold } from './workflow-status.ts';

/** A run without a Pod: whether it gets one now. */
export function planStart(observation: WorkflowObservation): Decision {
  const { run, now, preparation, options } = observation;
  const deadlineMs = deadlineOf(observation, undefined);
  if (run.spec.cancel === true)
    return end(observation, 'Canceled', 'canceled', 'Canceled', 'the run was canceled before it started');
  if (now >= deadlineMs) {
    return end(
      observation,
      'TimedOut',
      'timeout',
      'DeadlineExceeded',
      'the time limit was over before the run could start',
      { timeoutExceeded: true },
    );
  }
  if (run.spec.suspend === true)
    return hold(observation, 'Pending', 'Suspended', 'the run is suspended: set spec.suspend to false to start it');
  if (preparation === undefined) return NOTHING;
  switch (preparation.kind) {
    case 'failed':
      return end(observation, 'Failed', 'execution_failed', preparation.reason, preparation.message);
    case 'waiting': {
      const left = Date.parse(run.metadata.creationTimestamp) + options.repositoryTimeoutMs - now;
      if (left <= 0) return end(observation, 'Failed', 'execution_failed', preparation.reason, preparation.message);
      return {
        ...hold(observation, 'Pending', preparation.reason, preparation.message, true),
        requeueAfterMs: Math.min(left, 5_000),
      };
    }
    case 'ready':
      if (!observation.admitted) {
        return hold(
          observation,
          'Queued',
          'ConcurrencyLimit',
          'waiting for its turn: the concurrency limit of the fan-out is reached',
        );
      }
      return start(observation, preparation, deadlineMs);
  }
}

function start(observation: WorkflowObservation, prepared: PreparedWorkflow, deadlineMs: number): Decision {
  const { run, repository, now } = observation;
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
    runId: runIdOf(run.metadata),
    attempt: 1,
    deadline: rfc3339(deadlineMs),
    remainingSeconds: (deadlineMs - now) / 1_000,
    gatewayCa: observation.gatewayCa,
    options: observation.options,
  });
  return { ...NOTHING, before: [{ kind: 'createPod', pod }], requeueAfterMs: QUIET_START_MS };
}
