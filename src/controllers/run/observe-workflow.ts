import { createHash } from 'node:crypto';
import { RESULT_KEY, type ResultBody } from '../../agent/contract.ts';
import { isTerminal } from '../../api/takorun.ts';
import type { KubeClient } from '../../kube/client.ts';
import { isApiError } from '../../kube/errors.ts';
import { configMaps, controllerOf, keyOf, pods as podResource } from '../../kube/objects.ts';
import type { ReadonlyStore } from '../../kube/store.ts';
import type { Admission } from './admission.ts';
import { POD_INDEXES, RUN_INDEXES } from './indexes.ts';
import { lineageOf, parentOf } from './lineage.ts';
import { type LiveRepository, type LiveRun, type ObservedPod, projectPod } from './observed.ts';
import type { RunOptions } from './options.ts';
import { planBackoff } from './plan-retry.ts';
import { isOver, podState } from './pod-state.ts';
import { type PrepareContext, prepareWorkflow, type WorkflowSpec } from './prepare.ts';
import { parseResult, parseResultBody } from './result.ts';
import type { RetainedPlaces } from './retained-places.ts';
import { heldPod, lastPod } from './retention.ts';
import { attemptOf, hasEnded, type WorkflowObservation } from './workflow-observation.ts';

export interface WorkflowContext {
  readonly client: Pick<KubeClient, 'get'>;
  readonly runs: ReadonlyStore<LiveRun>;
  readonly pods: ReadonlyStore<ObservedPod>;
  readonly repositories: ReadonlyStore<LiveRepository>;
  readonly admission: Admission;
  readonly retained: RetainedPlaces;
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
  const { runs, repositories, admission, options } = context;
  const namespace = run.metadata.namespace!;
  const key = keyOf(run.metadata);
  const spec = run.spec.workflow!;
  const pods = await podsOf(run, context, signal);
  const repository = repositories.get(keyOf({ namespace, name: spec.repositoryRef.name }));
  const base: WorkflowObservation = {
    run,
    now,
    options,
    pods,
    fanOuts: runs.byIndex(RUN_INDEXES.owner, run.metadata.uid),
    lineage: lineageOf(run, runs),
    repository,
    admitted: true,
    gatewayCa: context.gatewayCa(),
    ...(await storedResult(run, pods, context, signal)),
    ...retentionOf(run, pods, context),
  };
  if (hasStarted(run, pods)) return base;
  if (base.lineage !== 'live' || run.spec.cancel === true || run.spec.suspend === true) {
    admission.release(key);
    return base;
  }
  if (planBackoff(base) !== undefined) {
    // Its place is for others meanwhile, once nothing of it runs any more.
    if (pods.every(isOver)) admission.release(key);
    return base;
  }
  const parent = parentOf(run, runs);
  const limit = parent?.spec.concurrencyLimit;
  const admitted =
    parent === undefined || limit === undefined || admission.request({ key, group: parent.metadata.uid, limit });
  if (!admitted) return { ...base, admitted };
  const preparation = await prepareWorkflow(
    pinned(run, spec),
    namespace,
    repository,
    { ...context.prepare, options },
    signal,
  );
  return { ...base, preparation, trigger: triggerOf(parent) };
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
  try {
    const found = await client.get(podResource, { namespace: metadata.namespace, name: last.podName }, { signal });
    return found.metadata.uid === last.podUID ? [...own, projectPod(found)] : own;
  } catch (error) {
    if (isApiError(error, 'notFound')) return own;
    throw error;
  }
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
    try {
      const found = await client.get(configMaps, { namespace: run.metadata.namespace, name: ref.name }, { signal });
      const text = found.data?.[RESULT_KEY] ?? '';
      const genuine =
        controllerOf(found)?.uid === run.metadata.uid && createHash('sha256').update(text).digest('hex') === ref.digest;
      return { stored: (genuine ? parseResultBody(text) : undefined) ?? 'missing' };
    } catch (error) {
      if (isApiError(error, 'notFound')) return { stored: 'missing' };
      throw error;
    }
  }
  return {};
}

/** Every attempt runs the commit of the first one. */
function pinned({ status }: LiveRun, spec: WorkflowSpec): WorkflowSpec {
  const isRetry = (status?.attempts ?? []).length > 0 && status?.revision !== undefined;
  return isRetry ? { ...spec, ref: status.revision } : spec;
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
