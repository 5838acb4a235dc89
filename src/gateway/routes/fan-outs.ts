import type { FanOutRequest, FanOutState } from '../../agent/contract.ts';
import type { RunEvent } from '../../api/takorun.ts';
import { isTerminal } from '../../api/takorun-status.ts';
import { toTimestamp } from '../../api/timestamp.ts';
import { eventRun } from '../../fanout/event-run.ts';
import { fanOutFingerprint } from '../../fanout/fingerprint.ts';
import { ancestorsBelow, checkDepth, depthOf } from '../../fanout/lineage.ts';
import { fanOutRunName } from '../../fanout/names.ts';
import { type ObjectName, type RunManifest, runIdentity } from '../../fanout/objects.ts';
import { isChildOf } from '../../fanout/parentage.ts';
import { isDue } from '../../fanout/retry-tree.ts';
import { isAbandoned, isOfEarlierAttempt, MAX_GENERATIONS } from '../../fanout/step-fan-outs.ts';
import type { Cancel, Clock } from '../../kube/clock.ts';
import { answerSignal, callerOf, type GatewayApp, type RouteDependencies } from '../app.ts';
import { parseFanOutQuery, parseFanOutRequest, parseStepId } from '../bodies.ts';
import { GatewayFailure } from '../failure.ts';
import type { GatewayRuns, LiveRun, RunContext } from '../runs.ts';

interface StepRoute {
  Params: { step: string };
}

/** PUT and GET /v1/fan-outs/:step. */
export function registerFanOutRoutes(app: GatewayApp, dependencies: RouteDependencies): void {
  const { runs, clock, requestTimeoutMs, draining } = dependencies;
  app.put<StepRoute>('/v1/fan-outs/:step', async (request, reply) => {
    const step = parseStepId(request.params.step);
    const body = parseFanOutRequest(request.body);
    const signal = answerSignal(reply, clock, requestTimeoutMs);
    const caller = callerOf(request);
    const { run, created } = await startFanOut(runs, caller, step, body, signal);
    return reply.code(created ? 201 : 200).send(stateOf(run, caller.run));
  });

  app.get<StepRoute>('/v1/fan-outs/:step', async (request, reply) => {
    const step = parseStepId(request.params.step);
    const query = parseFanOutQuery(request.query);
    const waitMs = query.waitSeconds * 1_000;
    const { run } = callerOf(request);
    const name = query.run ?? fanOutRunName(run.metadata, step);
    const signal = answerSignal(reply, clock, waitMs + requestTimeoutMs);
    const timer = timeLimit(clock, waitMs);
    try {
      const wait = AbortSignal.any([timer.signal, draining, signal]);
      return stateOf(await findFanOut(runs, run, { step, name }, wait, signal), run);
    } finally {
      timer.cancel();
    }
  });
}

/** A signal that is aborted after some time, at once when that is none. */
function timeLimit(clock: Clock, ms: number): { signal: AbortSignal; cancel: Cancel } {
  const controller = new AbortController();
  if (ms === 0) controller.abort();
  return { signal: controller.signal, cancel: clock.setTimeout(() => controller.abort(), ms) };
}

/**
 * Creates the event run of a step, or finds the one that an earlier request, maybe of an earlier attempt, created. One that an earlier
 * attempt made of another event is canceled, and a new one takes its place.
 */
async function startFanOut(
  runs: GatewayRuns,
  context: RunContext,
  step: string,
  request: FanOutRequest,
  signal: AbortSignal,
): Promise<{ run: LiveRun; created: boolean }> {
  const attempt = context.run.status?.attempts?.at(-1)?.number ?? 1;
  for (let generation = 0; generation < MAX_GENERATIONS; generation += 1) {
    const manifest = manifestOf(context, { step, generation, attempt }, request);
    const created = await runs.create(manifest, signal);
    if (created !== undefined) return { run: created, created: true };
    const found = await runs.get(manifest.metadata, signal);
    if (found === undefined) {
      const message = `TakoRun ${nameOf(manifest.metadata)} was deleted a moment ago`;
      throw new GatewayFailure(503, 'Conflict', message, { retry: true });
    }
    checkOwn(context.run, found);
    const isOlder = isOfEarlierAttempt(found, attempt);
    if (!isAbandoned(found, attempt) && isSameFanOut(manifest, found)) {
      return { run: await retried(runs, context, found, signal), created: false };
    }
    if (!isOlder) {
      throw conflict(found, `is what step ${step} sent before with another event or other options: start a new run`);
    }
    // First this, then its successor: what exists and is not canceled is the one that counts.
    await runs.cancel(found.metadata, signal);
  }
  const message = `step ${step} has sent ${MAX_GENERATIONS} different events: start a new run`;
  throw new GatewayFailure(409, 'FanOutConflict', message);
}

/** A fan-out that failed before its run was retried is retried with it, now that the same step sends the same event again. */
async function retried(
  runs: GatewayRuns,
  { run, deadlineMs }: RunContext,
  found: LiveRun,
  signal: AbortSignal,
): Promise<LiveRun> {
  const retry = run.status?.retry;
  if (retry === undefined || deadlineMs === undefined || !isDue(found, retry, () => [])) return found;
  const order = { requestedAt: retry.requestedAt, deadline: toTimestamp(deadlineMs) };
  return (await runs.retry(found.metadata, order, signal)) ?? found;
}

function manifestOf(
  context: RunContext,
  place: { readonly step: string; readonly generation: number; readonly attempt: number },
  request: FanOutRequest,
): RunManifest {
  const { run, repository, deadlineMs } = context;
  if (run.metadata.deletionTimestamp !== undefined || run.spec.cancel === true) {
    throw new GatewayFailure(
      409,
      'RunEnding',
      `run ${nameOf(run.metadata)} is being ended and starts nothing any more`,
    );
  }
  const { type, schemaVersion, artifact, payload, waitForChildren, timeoutMs, concurrencyLimit, idempotent } = request;
  if (!repository.artifacts.includes(artifact)) {
    const known = repository.artifacts.join(', ');
    throw new GatewayFailure(422, 'UnknownArtifact', `${repository.slug} has no artifact ${artifact}; it has ${known}`);
  }
  const lineage = checkDepth(depthOf(run) + 1, ancestorsBelow(run, repository.slug));
  if (!lineage.ok) throw new GatewayFailure(422, lineage.reason, lineage.message);
  const event: RunEvent = {
    type,
    source: `${repository.slug}:${artifact}`,
    ...(schemaVersion !== undefined && { schemaVersion }),
    ...(payload !== undefined && { payload }),
  };
  const options = { waitForChildren, timeoutMs, concurrencyLimit, idempotent, deadlineMs };
  return eventRun(run, { ...place, slug: repository.slug, event, ...options });
}

function conflict({ metadata }: LiveRun, message: string): GatewayFailure {
  return new GatewayFailure(409, 'FanOutConflict', `TakoRun ${nameOf(metadata)} ${message}`);
}

function checkOwn(run: LiveRun, found: LiveRun): void {
  if (!isChildOf(found, runIdentity(run))) throw conflict(found, 'exists and does not belong to this run: delete it');
  if (found.metadata.deletionTimestamp !== undefined) throw conflict(found, 'is being deleted');
}

function isSameFanOut(wanted: RunManifest, found: LiveRun): boolean {
  return found.spec.event !== undefined && fanOutFingerprint(found.spec) === fanOutFingerprint(wanted.spec);
}

/** Waits until the event run of a step ended or `wait` is aborted. */
async function findFanOut(
  runs: GatewayRuns,
  run: LiveRun,
  { step, name }: { readonly step: string; readonly name: string },
  wait: AbortSignal,
  signal: AbortSignal,
): Promise<LiveRun> {
  const ref = { namespace: run.metadata.namespace, name };
  const seen = await runs.waitForRun(ref, found => found !== undefined && hasEnded(found, run), wait);
  const found = seen ?? (await runs.get(ref, signal));
  if (found === undefined || !isChildOf(found, runIdentity(run)) || found.spec.parent?.step !== step) {
    throw new GatewayFailure(404, 'FanOutNotFound', `step ${step} of run ${nameOf(run.metadata)} has no fan-out`);
  }
  return found;
}

/** One that is still to take the retry of its run up goes on. */
function hasEnded(fanOut: LiveRun, run: LiveRun): boolean {
  return isTerminal(fanOut.status?.phase) && !isDue(fanOut, run.status?.retry, () => []);
}

function stateOf(fanOut: LiveRun, run: LiveRun): FanOutState {
  const { metadata, status } = fanOut;
  const finished = hasEnded(fanOut, run);
  return {
    run: metadata.name,
    finished,
    ...(status?.phase !== undefined && { phase: status.phase }),
    ...(finished && status?.errorType !== undefined && { errorType: status.errorType }),
    ...(status?.message !== undefined && { message: status.message }),
  };
}

function nameOf({ namespace, name }: ObjectName): string {
  return `${namespace}/${name}`;
}
