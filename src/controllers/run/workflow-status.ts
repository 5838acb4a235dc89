import type { AgentResult, ResultBody } from '../../agent/contract.ts';
import { ANNOTATIONS } from '../../api/meta.ts';
import type { Attempt, ErrorType, Phase, TakoRunStatus } from '../../api/takorun-status.ts';
import { toTimestamp } from '../../api/timestamp.ts';
import { shorten } from '../../fanout/shorten.ts';
import type { Decision, EventIntent } from './decision.ts';
import { NOTHING } from './decision.ts';
import { runIdOf, traceIdOf } from './identity.ts';
import type { ObservedPod } from './observed.ts';
import { releaseActions } from './plan-finished.ts';
import type { StatusBody } from './status.ts';
import { attemptOf, type WorkflowObservation } from './workflow-observation.ts';

/** As in the CRD. */
const MAX_LISTED_ATTEMPTS = 16;
const MAX_LISTED_STEPS = 64;
const MAX_LISTED_OUTPUTS = 64;
const MAX_OUTPUT_LENGTH = 4_096;
/** Of all listed outputs as JSON: a status stays below 100 KiB. */
const MAX_OUTPUTS_BYTES = 32 * 1_024;

/** A status for a run that goes on. */
export function hold(
  observation: WorkflowObservation,
  phase: Phase,
  reason: string,
  message: string,
  tell = false,
  changes: Partial<StatusBody> = {},
): Decision {
  const { run } = observation;
  const before = run.status?.conditions?.find(condition => condition.type === 'Ready');
  const events: EventIntent[] = tell && before?.reason !== reason ? [{ type: 'Warning', reason, message }] : [];
  return {
    ...NOTHING,
    verdict: { phase, reason, message },
    status: {
      ...body(observation, changes),
      ...(phase === 'Queued' && run.status?.phase !== 'Queued' ? { queuedTime: toTimestamp(observation.now) } : {}),
    },
    events,
  };
}

/** A status for a run that has ended; its Pods are let go. */
export function end(
  observation: WorkflowObservation,
  phase: Phase,
  errorType: ErrorType | undefined,
  reason: string,
  message: string,
  changes: Partial<StatusBody> = {},
): Decision {
  const { run, now } = observation;
  const isChild = run.spec.parent !== undefined;
  const succeeded = phase === 'Succeeded';
  const { errorType: _, ...rest } = body(observation, changes);
  return {
    ...NOTHING,
    verdict: { phase, reason, message },
    status: {
      ...rest,
      ...(errorType === undefined ? {} : { errorType }),
      startTime: rest.startTime ?? toTimestamp(now),
      completionTime: toTimestamp(now),
      ...(rest.attempts === undefined ? {} : { attempts: closeAttempt(rest.attempts, now, reason, message) }),
    },
    after: releaseActions(observation.pods),
    events: succeeded && isChild ? [] : [{ type: succeeded ? 'Normal' : 'Warning', reason, message }],
  };
}

export function timedOut(observation: WorkflowObservation, pod: ObservedPod): Decision {
  return end(observation, 'TimedOut', 'timeout', 'DeadlineExceeded', 'the time limit of the run was reached', {
    ...recordAttempt(observation, pod),
    timeoutExceeded: true,
  });
}

/** The status so far with what every workflow run carries. */
function body(observation: WorkflowObservation, changes: Partial<StatusBody>): StatusBody {
  const { run, preparation } = observation;
  const {
    conditions: _c,
    observedGeneration: _g,
    phase: _p,
    message: _m,
    ...previous
  }: TakoRunStatus = run.status ?? {};
  return {
    ...previous,
    runId: runIdOf(run.metadata),
    traceId: traceIdOf(run),
    ...(preparation?.kind === 'ready' ? { repository: preparation.slug, revision: preparation.commit } : {}),
    ...(previous.repository === undefined && observation.repository?.status?.slug !== undefined
      ? { repository: observation.repository.status.slug }
      : {}),
    ...changes,
  };
}

/** The attempt that a Pod is, for the status. */
export function recordAttempt(observation: WorkflowObservation, pod: ObservedPod): Partial<StatusBody> {
  const number = attemptOf(pod);
  const previous = observation.run.status?.attempts ?? [];
  const revision = pod.metadata.annotations?.[ANNOTATIONS.revision];
  const attempt: Attempt = previous.find(entry => entry.number === number) ?? {
    number,
    podName: pod.metadata.name,
    podUID: pod.metadata.uid,
    startTime: pod.metadata.creationTimestamp,
  };
  return {
    startTime: observation.run.status?.startTime ?? pod.metadata.creationTimestamp,
    ...(revision === undefined ? {} : { revision }),
    attempts: [...previous.filter(entry => entry.number !== number), attempt].slice(-MAX_LISTED_ATTEMPTS),
  };
}

/** The attempts with the last one ended, unless it has ended before. */
export function closeAttempt(attempts: readonly Attempt[], now: number, reason: string, message: string): Attempt[] {
  return attempts.map((attempt, index) =>
    index === attempts.length - 1 && attempt.completionTime === undefined
      ? { ...attempt, completionTime: toTimestamp(now), reason, message: shorten(message, 1_024) }
      : attempt,
  );
}

/** Steps and outputs for the status, as many as it may hold. */
export function resultStatus(result: ResultBody, ref: AgentResult['ref']): Partial<StatusBody> {
  const outputs = listedOutputs(result.outputs ?? {});
  return {
    steps: result.steps.slice(0, MAX_LISTED_STEPS),
    ...(result.steps.length > MAX_LISTED_STEPS ? { stepsOmitted: result.steps.length - MAX_LISTED_STEPS } : {}),
    ...(Object.keys(outputs).length === 0 ? {} : { outputs }),
    ...(ref === undefined ? {} : { resultRef: { name: ref.name, digest: ref.digest } }),
  };
}

/** The first outputs that fit; longer ones are in the stored result. */
function listedOutputs(outputs: Readonly<Record<string, string>>): Record<string, string> {
  const listed: [string, string][] = [];
  let bytes = 0;
  for (const [name, value] of Object.entries(outputs)) {
    const size = Buffer.byteLength(JSON.stringify([name, value]));
    if (value.length > MAX_OUTPUT_LENGTH || bytes + size > MAX_OUTPUTS_BYTES) continue;
    if (listed.length === MAX_LISTED_OUTPUTS) break;
    listed.push([name, value]);
    bytes += size;
  }
  return Object.fromEntries(listed);
}

/** A kubelet's word as a condition's reason, which allows letters, digits and underscores. `OutOfephemeral-storage` loses its hyphen. */
export function reasonWord(reason: string): string {
  const word = reason.startsWith('OutOf') ? reason.replaceAll(/[^A-Za-z0-9_]/g, '') : reason;
  return /^[A-Za-z][A-Za-z0-9_]{0,127}$/.test(word) ? word : 'ContainerProblem';
}
