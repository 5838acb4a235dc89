import { createHash } from 'node:crypto';
import { RESULT_KEY, type ResultBody } from '../../agent/contract.ts';
import { isTerminal } from '../../api/takorun.ts';
import type { WorkflowRunner } from '../../fanout/runner.ts';
import { RunConflictError } from '../../fanout/runner.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { Clock } from '../../kube/clock.ts';
import type { Reconciler, Result } from '../../kube/controller.ts';
import { isApiError } from '../../kube/errors.ts';
import type { EventRecorder } from '../../kube/events.ts';
import { createExpectations, type Expectations } from '../../kube/expectations.ts';
import type { Logger } from '../../kube/logger.ts';
import { configMaps, controllerOf, keyOf, pods as podResource } from '../../kube/objects.ts';
import type { ReadonlyStore } from '../../kube/store.ts';
import type { Admission } from './admission.ts';
import {
  type ApplyContext,
  applyAction,
  ignoreGone,
  nextStatus,
  recordEvents,
  releasePod,
  writeStatus,
} from './apply.ts';
import type { Decision } from './decision.ts';
import { type ExpandContext, expandEvent } from './expand.ts';
import type { LiveRepository, LiveRun, ObservedPod } from './observed.ts';
import type { RunOptions } from './options.ts';
import { type EventObservation, eventDeadline, planEventRun } from './plan-event.ts';
import { planWorkflowRun } from './plan-workflow.ts';
import { podState } from './pod-state.ts';
import { type PrepareContext, prepareWorkflow } from './prepare.ts';
import { parseResult, resultBodySchema } from './result.ts';
import type { WorkflowObservation } from './workflow-observation.ts';
import { createWriteCache } from './write-cache.ts';

/** Names of the indexes that the run controller needs on its stores. */
export const RUN_INDEXES = {
  /** Runs by the UID of the run that controls them. */
  owner: 'owner',
  /** Runs by the UID of a Pod of theirs. */
  podUid: 'podUid',
} as const;
export const POD_INDEXES = {
  /** Pods by the key of the TakoRun that controls them. */
  run: 'run',
} as const;

export interface RunReconcilerOptions {
  readonly client: KubeClient;
  readonly recorder: EventRecorder;
  readonly runner: WorkflowRunner;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly runs: ReadonlyStore<LiveRun>;
  readonly pods: ReadonlyStore<ObservedPod>;
  readonly repositories: ReadonlyStore<LiveRepository>;
  readonly admission: Admission;
  readonly options: RunOptions;
  readonly prepare: Omit<PrepareContext, 'options'>;
  readonly expand: Omit<ExpandContext, 'runner'>;
  /** PEM of the gateway's authority. */
  readonly gatewayCa: () => string;
}

/**
 * Reconciles TakoRuns, level-based: it looks at the run, its Pods and its children, plans, and applies, each time from the start. What is
 * pure is in plan-workflow.ts and plan-event.ts. The status is written once a reconcile, and only when it changed.
 */
export function createRunReconciler(options: RunReconcilerOptions): Reconciler {
  const { runs, admission, clock } = options;
  const written = createWriteCache<LiveRun>();
  const expectations = createExpectations({ clock });
  let restored = false;

  return async (key, signal) => {
    if (!restored) {
      restoreAdmission(options);
      restored = true;
    }
    const stored = runs.get(key);
    if (stored === undefined || stored.metadata.deletionTimestamp !== undefined) {
      written.forget(key);
      expectations.delete(key);
      admission.release(key);
    }
    await releaseOrphans(key, stored, options, signal);
    if (stored === undefined || stored.metadata.deletionTimestamp !== undefined) return;
    const run = written.freshest(key, stored);
    const now = clock.now().getTime();
    const context: ApplyContext = { ...options, now, signal };
    const decision =
      run.spec.event === undefined
        ? await decideWorkflow(run, now, options, signal)
        : await decideEvent(key, run, now, options, expectations, signal);
    if (decision === undefined) return { requeueAfterMs: 1_000 };
    return await carryOut(key, run, decision, context);
  };

  async function carryOut(key: string, run: LiveRun, decision: Decision, context: ApplyContext): Promise<Result> {
    for (const action of decision.before) await applyAction(run, action, context);
    const status = nextStatus(run, decision, context.now);
    const requeueAfterMs = decision.requeueAfterMs;
    if (status !== undefined) {
      const routine = status.phase === run.status?.phase && run.spec.parent?.step === undefined;
      const wait = written.writtenAgo(key, context.now);
      const interval = options.options.parentWriteIntervalMs;
      if (routine && wait < interval && decision.after.length === 0) {
        return { requeueAfterMs: Math.min(interval - wait, requeueAfterMs ?? interval) };
      }
      const updated = await writeStatus(run, status, context);
      if (updated !== undefined) {
        written.wrote(key, run, updated, context.now);
        recordEvents(updated, decision, context.recorder);
        options.logger.debug({ run: key, phase: status.phase, reason: decision.verdict?.reason }, 'status written');
      }
      if (isTerminal(status.phase) || status.phase === 'Waiting') admission.release(key);
    }
    for (const action of decision.after) await applyAction(run, action, context);
    return { requeueAfterMs };
  }
}

/** After a restart the places are with those that have a Pod; those that wait ask again. */
function restoreAdmission({ runs, pods, admission }: RunReconcilerOptions): void {
  for (const pod of pods.values()) {
    const run = runOf(pod, runs);
    if (run?.spec.parent === undefined || isTerminal(run.status?.phase) || run.status?.phase === 'Waiting') continue;
    admission.hold({ key: keyOf(run.metadata), group: run.spec.parent.run.uid });
  }
}

/** Pods whose run is gone, being deleted, or made anew under its name: nobody waits for their outcome. */
async function releaseOrphans(
  key: string,
  run: LiveRun | undefined,
  { client, pods }: RunReconcilerOptions,
  signal: AbortSignal,
): Promise<void> {
  const going = run === undefined || run.metadata.deletionTimestamp !== undefined;
  for (const pod of pods.byIndex(POD_INDEXES.run, key)) {
    if (!going && controllerOf(pod)?.uid === run.metadata.uid) continue;
    const { name, namespace, uid, finalizers, deletionTimestamp } = pod.metadata;
    const target = { namespace: namespace!, name, uid };
    if (deletionTimestamp === undefined) {
      await ignoreGone(client.delete(podResource, target, { preconditions: { uid }, signal }));
    }
    await releasePod(client, { ...target, finalizers: finalizers ?? [] }, signal);
  }
}

async function decideWorkflow(
  run: LiveRun,
  now: number,
  options: RunReconcilerOptions,
  signal: AbortSignal,
): Promise<Decision | undefined> {
  const { runs, repositories, admission } = options;
  const namespace = run.metadata.namespace!;
  const key = keyOf(run.metadata);
  const spec = run.spec.workflow!;
  const pods = options.pods.byIndex(POD_INDEXES.run, key).filter(pod => controllerOf(pod)?.uid === run.metadata.uid);
  const repository = repositories.get(keyOf({ namespace, name: spec.repositoryRef.name }));
  const wanted = isWanted(run, runs);
  const base: WorkflowObservation = {
    run,
    now,
    options: options.options,
    pods,
    fanOuts: runs.byIndex(RUN_INDEXES.owner, run.metadata.uid),
    wanted,
    repository,
    admitted: true,
    gatewayCa: options.gatewayCa(),
    ...(await storedResult(run, pods, options, signal)),
  };
  const startable =
    wanted &&
    pods.length === 0 &&
    !isTerminal(run.status?.phase) &&
    run.status?.phase !== 'Waiting' &&
    run.spec.cancel !== true &&
    run.spec.suspend !== true &&
    (run.status?.attempts?.length ?? 0) === 0;
  if (!startable) return planWorkflowRun(base);

  const parent = parentOf(run, runs);
  const limit = parent?.spec.concurrencyLimit;
  // Ask for the place first: a run that has to wait needs no commit read for it.
  const admitted =
    limit === undefined || parent === undefined || admission.request({ key, group: parent.metadata.uid, limit });
  const preparation = await prepareWorkflow(
    spec,
    namespace,
    repository,
    { ...options.prepare, options: options.options },
    signal,
  );
  const trigger = triggerOf(parent);
  const decision = planWorkflowRun({ ...base, admitted, preparation, ...(trigger === undefined ? {} : { trigger }) });
  return decision;
}

async function decideEvent(
  key: string,
  run: LiveRun,
  now: number,
  options: RunReconcilerOptions,
  expectations: Expectations,
  signal: AbortSignal,
): Promise<Decision | undefined> {
  const { runs, runner, logger } = options;
  const children = runs.byIndex(RUN_INDEXES.owner, run.metadata.uid);
  for (const child of children) expectations.creationObserved(key, child.metadata.name);
  const observation: EventObservation = {
    run,
    now,
    options: options.options,
    children,
    wanted: isWanted(run, runs),
  };
  const expanded = run.status?.fanOut?.expanded === true;
  if (expanded && !expectations.satisfied(key)) return undefined;
  if (
    expanded ||
    isTerminal(run.status?.phase) ||
    !observation.wanted ||
    run.spec.cancel === true ||
    run.spec.suspend === true
  ) {
    return planEventRun(observation);
  }
  const expecting: WorkflowRunner = {
    ...runner,
    async start(manifest, call) {
      expectations.expectCreations(key, [manifest.metadata.name]);
      try {
        return await runner.start(manifest, call);
      } catch (error) {
        expectations.creationObserved(key, manifest.metadata.name);
        throw error;
      }
    },
  };
  try {
    const expansion = await expandEvent(
      run,
      eventDeadline(observation),
      now,
      { ...options.expand, runner: expecting },
      signal,
    );
    if (expansion.kind === 'expanded') logger.info({ run: key, children: expansion.children.length }, 'event expanded');
    return planEventRun({ ...observation, expansion });
  } catch (error) {
    if (!(error instanceof RunConflictError)) throw error;
    return planEventRun({
      ...observation,
      expansion: { kind: 'failed', reason: 'RunConflict', message: error.message },
    });
  }
}

/** Reads the result that did not fit into the termination message; its digest must match. */
async function storedResult(
  run: LiveRun,
  pods: readonly ObservedPod[],
  { client }: RunReconcilerOptions,
  signal: AbortSignal,
): Promise<{ stored?: ResultBody | 'missing' }> {
  if (isTerminal(run.status?.phase) || run.status?.phase === 'Waiting') return {};
  for (const pod of pods) {
    const state = podState(pod);
    const ref = state.kind === 'finished' ? parseResult(state.message)?.ref : undefined;
    if (ref === undefined) continue;
    try {
      const found = await client.get(configMaps, { namespace: run.metadata.namespace, name: ref.name }, { signal });
      const text = found.data?.[RESULT_KEY] ?? '';
      const genuine =
        controllerOf(found)?.uid === run.metadata.uid && createHash('sha256').update(text).digest('hex') === ref.digest;
      if (!genuine) return { stored: 'missing' };
      const parsed = resultBodySchema.safeParse(JSON.parse(text));
      return { stored: parsed.success ? (parsed.data as ResultBody) : 'missing' };
    } catch (error) {
      if (isApiError(error, 'notFound')) return { stored: 'missing' };
      throw error;
    }
  }
  return {};
}

/** No Pod starts unless its parent and the root of its tree are there and not being deleted. */
function isWanted(run: LiveRun, runs: ReadonlyStore<LiveRun>): boolean {
  const parent = run.spec.parent;
  if (parent === undefined) return true;
  return [parent.run, parent.root].every(({ namespace, name, uid }) => {
    const found = runs.get(keyOf({ namespace, name }));
    return found !== undefined && found.metadata.uid === uid && found.metadata.deletionTimestamp === undefined;
  });
}

function runOf(pod: ObservedPod, runs: ReadonlyStore<LiveRun>): LiveRun | undefined {
  const owner = controllerOf(pod);
  if (owner === undefined) return undefined;
  const run = runs.get(keyOf({ namespace: pod.metadata.namespace, name: owner.name }));
  return run?.metadata.uid === owner.uid ? run : undefined;
}

function parentOf(run: LiveRun, runs: ReadonlyStore<LiveRun>): LiveRun | undefined {
  const parent = run.spec.parent?.run;
  if (parent === undefined) return undefined;
  const found = runs.get(keyOf(parent));
  return found?.metadata.uid === parent.uid ? found : undefined;
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
