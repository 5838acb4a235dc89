import { createHash } from 'node:crypto';
import { RESULT_KEY, type ResultBody } from '../../agent/contract.ts';
import { isTerminal } from '../../api/takorun-status.ts';
import { keepsPodWaiting } from '../../fanout/last-position.ts';
import { waitsForChildren } from '../../fanout/parentage.ts';
import { currentFanOuts } from '../../fanout/step-fan-outs.ts';
import type { KubeClient } from '../../kube/client.ts';
import { undefinedWhen } from '../../kube/errors.ts';
import { configMaps, controllerOf, keyOf, pods as podResource } from '../../kube/objects.ts';
import type { ReadonlyStore } from '../../kube/store.ts';
import type { Held } from '../../queue/types.ts';
import type { CacheVolumes } from '../cache/volumes.ts';
import type { Breakers } from '../repository/breakers.ts';
import type { Admission } from './admission.ts';
import type { EarlyResults } from './early-results.ts';
import { below, POD_INDEXES, RUN_INDEXES } from './indexes.ts';
import { ancestorsOf, lineageOf, parentOf } from './lineage.ts';
import { type LiveRepository, type LiveRun, type ObservedPod, projectPod } from './observed.ts';
import type { RunOptions } from './options.ts';
import { CACHE_NOT_MOUNTED } from './plan-pod.ts';
import { planBackoff } from './plan-retry.ts';
import { isOver, podState } from './pod-state.ts';
import { type PrepareContext, prepareWorkflow, type WorkflowSpec } from './prepare.ts';
import { parseResult, parseResultBody } from './result.ts';
import type { RetainedPlaces } from './retained-places.ts';
import { heldPod, lastPod } from './retention.ts';
import { ticketOf } from './ticket.ts';
import { attemptOf, hasEnded, type WorkflowObservation } from './workflow-observation.ts';

export interface WorkflowContext {
  readonly client: Pick<KubeClient, 'get'>;
  readonly runs: ReadonlyStore<LiveRun>;
  readonly pods: ReadonlyStore<ObservedPod>;
  readonly repositories: ReadonlyStore<LiveRepository>;
  readonly admission: Admission;
  readonly retained: RetainedPlaces;
  readonly earlyResults: Pick<EarlyResults, 'find'>;
  readonly breakers: Pick<Breakers, 'refusal' | 'enter'>;
  /** Absent: there is no cache. */
  readonly cache?: Pick<CacheVolumes, 'find'> | undefined;
  readonly options: RunOptions;
  readonly prepare: Omit<PrepareContext, 'options'>;
  /** PEM of the gateway's authority. */
  readonly gatewayCa: () => string;
}

/** Gathers what a decision about a workflow run needs; the commit's file is only read for a run that may start now. */
export async function observeWorkflow(
  run: LiveRun,
  now: number,
  context: WorkflowContext,
  signal: AbortSignal,
): Promise<WorkflowObservation> {
  const { runs, repositories, admission } = context;
  const namespace = run.metadata.namespace!;
  const key = keyOf(run.metadata);
  const spec = run.spec.workflow!;
  const pods = (await podsOf(run, context, signal)).map(pod => withEarlyResult(pod, context));
  const repository = repositories.get(keyOf({ namespace, name: spec.repositoryRef.name }));
  const parent = parentOf(run, runs);
  const base: WorkflowObservation = {
    run,
    now,
    options: context.options,
    pods,
    fanOuts: currentFanOuts(
      run.metadata,
      runs.byIndex(RUN_INDEXES.parent, run.metadata.uid).filter(({ spec }) => spec.event !== undefined),
    ),
    lineage: lineageOf(run, runs),
    parent,
    below: below(runs),
    repository,
    gatewayCa: context.gatewayCa(),
    ...(await storedResult(run, pods, context, signal)),
    ...retentionOf(run, pods, context),
  };
  if (hasStarted(run, pods)) {
    admission.confirm(key);
    admission.pause(key, base.fanOuts.some(isWaitedFor));
    return base;
  }
  if (base.lineage !== 'live' || run.spec.cancel === true || run.spec.suspend === true) {
    admission.release(key);
    return base;
  }
  if (planBackoff(base) !== undefined) {
    // Its place is for others meanwhile, once nothing of it runs any more.
    if (pods.every(isOver)) admission.release(key);
    return base;
  }
  const refused = asksBreaker(run) ? context.breakers.refusal(run, now) : undefined;
  if (refused !== undefined) {
    admission.release(key);
    return { ...base, circuit: refused };
  }
  const above = ancestorsOf(run, runs);
  const keepsPod = admission.ticket(key)?.keepsPod ?? false;
  const held = ask(run, above, keepsPod, now, base.repository, context);
  if (held !== undefined) return { ...base, held, suspendedBy: nameOfSuspended(above) };
  const preparation = await prepareWorkflow(
    pinned(run, spec),
    namespace,
    repository,
    { ...context.prepare, options: context.options },
    signal,
  );
  if (preparation.kind !== 'ready') {
    // It may have to wait for long, and others could use the place.
    admission.release(key);
    return { ...base, preparation };
  }
  const ready = { ...base, preparation, trigger: triggerOf(above[0]) };
  const isRightPlace = keepsPodWaiting(preparation.workflow.steps) === keepsPod;
  const heldAgain = isRightPlace ? undefined : ask(run, above, !keepsPod, now, base.repository, context);
  if (heldAgain !== undefined) return { ...ready, held: heldAgain };
  // Last of all: whoever is let in by a half-open breaker is one of few, and starts now.
  const circuit = asksBreaker(run) ? context.breakers.enter(run, now) : undefined;
  if (circuit === undefined) return { ...ready, cache: mayHaveCache(run) ? context.cache?.find(namespace) : undefined };
  admission.release(key);
  return { ...base, circuit };
}

/** Asks for a place. A dry run needs none: it has no Pod. */
function ask(
  run: LiveRun,
  above: readonly LiveRun[],
  keepsPod: boolean,
  now: number,
  repository: LiveRepository | undefined,
  { admission, options }: WorkflowContext,
): Held | undefined {
  if (run.spec.dryRun === true) return undefined;
  return admission.request(ticketOf({ run, above, repository, keepsPod, options, now }));
}

function nameOfSuspended(above: readonly LiveRun[]): string | undefined {
  const found = above.find(({ spec }) => spec.suspend === true);
  return found && keyOf(found.metadata);
}

/** An event run that the agent waits for, or will: the run does nothing meanwhile. */
function isWaitedFor(fanOut: LiveRun): boolean {
  return waitsForChildren(fanOut) && !isTerminal(fanOut.status?.phase);
}

/** Takes a place for a workspace that is held for people, and gives it back when it is held no more. */
function retentionOf(
  run: LiveRun,
  pods: readonly ObservedPod[],
  { retained }: Pick<WorkflowContext, 'retained'>,
): Pick<WorkflowObservation, 'retention'> {
  const key = keyOf(run.metadata);
  const last = lastPod(pods);
  const isKept = !isTerminal(run.status?.phase) || run.status?.retainedWorkspace?.podUID === last?.metadata.uid;
  if (last === undefined || heldPod(last) === undefined || !isKept) {
    retained.release(key);
    return {};
  }
  return { retention: retained.request(key) ? 'granted' : 'refused' };
}

/**
 * Whether the next Pod of the run may have the cache: a dry run has none, and the attempt after one whose Pod could not start with the cache goes
 * without. Nobody else asks for the cache, for whoever does may be the one that tries it for all.
 */
function mayHaveCache({ spec, status }: LiveRun): boolean {
  return spec.dryRun !== true && status?.attempts?.at(-1)?.reason !== CACHE_NOT_MOUNTED;
}

/** Later attempts belong to a run that was let in, and a dry run executes nothing. */
function asksBreaker({ spec, status }: LiveRun): boolean {
  return (status?.attempts ?? []).length === 0 && spec.dryRun !== true;
}

/** Whether there is an attempt that has not ended, or none will follow. */
function hasStarted(run: LiveRun, pods: readonly ObservedPod[]): boolean {
  const { phase, attempts } = run.status ?? {};
  const numbers = [...pods.map(attemptOf), ...(attempts ?? []).map(({ number }) => number)];
  return phase === 'Waiting' || isTerminal(phase) || numbers.some(number => !hasEnded(run, number));
}

/**
 * The run's Pods by the store. When it lacks that of an attempt which has not ended, the API server is asked: runs and Pods are watched apart, so the
 * status may be ahead of the Pods, and the run would be given up for nothing.
 */
async function podsOf(
  run: LiveRun,
  { client, pods }: WorkflowContext,
  signal: AbortSignal,
): Promise<readonly ObservedPod[]> {
  const { metadata, status } = run;
  const own = pods.byIndex(POD_INDEXES.run, keyOf(metadata)).filter(pod => controllerOf(pod)?.uid === metadata.uid);
  const last = status?.attempts?.at(-1);
  if (last === undefined || hasEnded(run, last.number) || own.some(pod => pod.metadata.uid === last.podUID)) return own;
  if (isTerminal(status?.phase) || status?.phase === 'Waiting') return own;
  const ref = { namespace: metadata.namespace, name: last.podName };
  const found = await undefinedWhen(client.get(podResource, ref, { signal }), 'notFound');
  return found?.metadata.uid === last.podUID ? [...own, projectPod(found)] : own;
}

function withEarlyResult(pod: ObservedPod, { earlyResults }: WorkflowContext): ObservedPod {
  const early = earlyResults.find(pod.metadata.uid);
  return early === undefined ? pod : { ...pod, early };
}

/** Reads the result that did not fit into the termination message; its digest must match. */
async function storedResult(
  run: LiveRun,
  pods: readonly ObservedPod[],
  { client }: WorkflowContext,
  signal: AbortSignal,
): Promise<{ stored?: ResultBody | 'missing' }> {
  if (isTerminal(run.status?.phase) || run.status?.phase === 'Waiting') return {};
  for (const pod of pods.filter(pod => !hasEnded(run, attemptOf(pod)))) {
    const state = podState(pod);
    const ref = state.kind === 'finished' ? parseResult(state.message)?.ref : undefined;
    if (ref === undefined) continue;
    const place = { namespace: run.metadata.namespace, name: ref.name };
    const found = await undefinedWhen(client.get(configMaps, place, { signal }), 'notFound');
    const text = found?.data?.[RESULT_KEY] ?? '';
    const genuine =
      found !== undefined &&
      controllerOf(found)?.uid === run.metadata.uid &&
      createHash('sha256').update(text).digest('hex') === ref.digest;
    return { stored: (genuine ? parseResultBody(text) : undefined) ?? 'missing' };
  }
  return {};
}

/** Every attempt runs the commit of the first one, until the finished run is retried. */
function pinned({ spec: { parent }, status }: LiveRun, spec: WorkflowSpec): WorkflowSpec {
  const isRetry = (status?.attempts ?? []).length > 0 && status?.revision !== undefined;
  if (isRetry) return { ...spec, ref: status.revision };
  if (parent === undefined || status?.retry?.startTime === undefined) return spec;
  // The commit of a child is that of its creation. It is retried because the repository was put right since.
  const { ref: _, ...current } = spec;
  return current;
}

/** The event that started the run, for its templates. */
function triggerOf(parent: LiveRun | undefined): WorkflowObservation['trigger'] {
  const event = parent?.spec.event;
  if (event === undefined) return undefined;
  return {
    type: event.type,
    source: event.source,
    ...(event.schemaVersion === undefined ? {} : { schemaVersion: event.schemaVersion }),
    ...(event.payload === undefined ? {} : { payload: event.payload as never }),
  };
}
