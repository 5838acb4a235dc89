import type { FanOutRequest, FanOutState } from '../../agent/contract.ts';
import { isTerminal, type RunEvent } from '../../api/takorun.ts';
import { eventRun } from '../../fanout/event-run.ts';
import { fanOutFingerprint } from '../../fanout/fingerprint.ts';
import { ancestorsBelow, checkDepth, depthOf } from '../../fanout/lineage.ts';
import { fanOutRunName } from '../../fanout/names.ts';
import { type ObjectName, type RunManifest, runIdentity } from '../../fanout/objects.ts';
import { isChildOf } from '../../fanout/parentage.ts';
import type { Cancel, Clock } from '../../kube/clock.ts';
import { answerSignal, callerOf, type GatewayApp, type RouteDependencies } from '../app.ts';
import { parseFanOutRequest, parseStepId, parseWaitSeconds } from '../bodies.ts';
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
    const { run, created } = await startFanOut(runs, callerOf(request), step, body, signal);
    return reply.code(created ? 201 : 200).send(stateOf(run));
  });

  app.get<StepRoute>('/v1/fan-outs/:step', async (request, reply) => {
    const step = parseStepId(request.params.step);
    const waitMs = parseWaitSeconds(request.query) * 1_000;
    const { run } = callerOf(request);
    const signal = answerSignal(reply, clock, waitMs + requestTimeoutMs);
    const timer = timeLimit(clock, waitMs);
    try {
      const wait = AbortSignal.any([timer.signal, draining, signal]);
      return stateOf(await findFanOut(runs, run, step, wait, signal));
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

/** Creates the event run of a step, or finds the one that an earlier request, maybe of an earlier attempt, created. */
async function startFanOut(
  runs: GatewayRuns,
  context: RunContext,
  step: string,
  request: FanOutRequest,
  signal: AbortSignal,
): Promise<{ run: LiveRun; created: boolean }> {
  const manifest = manifestOf(context, step, request);
  const created = await runs.create(manifest, signal);
  if (created !== undefined) return { run: created, created: true };
  const found = await runs.get(manifest.metadata, signal);
  if (found === undefined) {
    const message = `TakoRun ${nameOf(manifest.metadata)} was deleted a moment ago`;
    throw new GatewayFailure(503, 'Conflict', message, { retry: true });
  }
  checkSameFanOut(context.run, step, manifest, found);
  return { run: found, created: false };
}

function manifestOf(context: RunContext, step: string, request: FanOutRequest): RunManifest {
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
  return eventRun(run, { step, slug: repository.slug, event, ...options });
}

function checkSameFanOut(run: LiveRun, step: string, wanted: RunManifest, found: LiveRun): void {
  const conflict = (message: string) =>
    new GatewayFailure(409, 'FanOutConflict', `TakoRun ${nameOf(found.metadata)} ${message}`);
  if (!isChildOf(found, runIdentity(run))) throw conflict('exists and does not belong to this run: delete it');
  if (found.metadata.deletionTimestamp !== undefined) throw conflict('is being deleted');
  if (found.spec.event === undefined || fanOutFingerprint(found.spec) !== fanOutFingerprint(wanted.spec)) {
    throw conflict(`is what step ${step} sent before with another event or other options: start a new run`);
  }
}

/** Waits until the event run of a step ended or `wait` is aborted. */
async function findFanOut(
  runs: GatewayRuns,
  run: LiveRun,
  step: string,
  wait: AbortSignal,
  signal: AbortSignal,
): Promise<LiveRun> {
  const ref = { namespace: run.metadata.namespace, name: fanOutRunName(run.metadata, step) };
  const seen = await runs.waitForRun(ref, found => isTerminal(found?.status?.phase), wait);
  const found = seen ?? (await runs.get(ref, signal));
  if (found === undefined || !isChildOf(found, runIdentity(run))) {
    throw new GatewayFailure(404, 'FanOutNotFound', `step ${step} of run ${nameOf(run.metadata)} has no fan-out`);
  }
  return found;
}

function stateOf({ metadata, status }: LiveRun): FanOutState {
  return {
    run: metadata.name,
    finished: isTerminal(status?.phase),
    ...(status?.phase !== undefined && { phase: status.phase }),
    ...(status?.errorType !== undefined && { errorType: status.errorType }),
    ...(status?.message !== undefined && { message: status.message }),
  };
}

function nameOf({ namespace, name }: ObjectName): string {
  return `${namespace}/${name}`;
}
