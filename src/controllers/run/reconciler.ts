import { isDeepStrictEqual } from 'node:util';
import { ANNOTATIONS } from '../../api/meta.ts';
import { isTerminal } from '../../api/takorun-status.ts';
import type { WorkflowRunner } from '../../fanout/runner.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { Clock } from '../../kube/clock.ts';
import type { Reconciler } from '../../kube/controller.ts';
import type { EventRecorder } from '../../kube/events.ts';
import { createExpectations } from '../../kube/expectations.ts';
import type { Logger } from '../../kube/logger.ts';
import { controllerOf, keyOf, pods as podResource } from '../../kube/objects.ts';
import { CacheRefusedError, type CacheVolumes } from '../cache/volumes.ts';
import {
  type ApplyContext,
  applyAction,
  holdRun,
  ignoreGone,
  nextStatus,
  PodRefusedError,
  QuotaExceededError,
  recordEvents,
  releasePod,
  writeStatus,
} from './apply.ts';
import type { Decision } from './decision.ts';
import type { EventObservation } from './event-observation.ts';
import { childrenElsewhere, POD_INDEXES, RUN_INDEXES } from './indexes.ts';
import { ancestorsOf, withCancelFromAbove } from './lineage.ts';
import { type EventContext, observeEvent } from './observe-event.ts';
import { observeWorkflow, type WorkflowContext } from './observe-workflow.ts';
import type { LiveRun } from './observed.ts';
import { planDeleted } from './plan-elsewhere.ts';
import { planEventRun } from './plan-event.ts';
import { planWorkflowRun } from './plan-workflow.ts';
import { isOver } from './pod-state.ts';
import { createReleasedPods, type ReleasedPods } from './released.ts';
import { createRetainedPlaces, type RetainedPlaces } from './retained-places.ts';
import { heldPod } from './retention.ts';
import { repositoryLimit, ticketOf } from './ticket.ts';
import { createTreeBudget } from './tree-budget.ts';
import { attemptOf, hasEnded, type WorkflowObservation } from './workflow-observation.ts';
import { createWriteCache } from './write-cache.ts';

/** What decides: the pure part. */
export interface Planners {
  readonly workflow: (observation: WorkflowObservation) => Decision;
  readonly event: (observation: EventObservation) => Decision;
}

export interface RunReconcilerOptions
  extends Omit<WorkflowContext, 'retained' | 'cache'>,
    Omit<EventContext, 'expectations' | 'budget' | 'hold'> {
  readonly client: KubeClient;
  readonly recorder: EventRecorder;
  readonly runner: WorkflowRunner;
  /** Absent: there is no cache. */
  readonly cache?: CacheVolumes | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Default: plan-workflow.ts and plan-event.ts. */
  readonly planners?: Planners;
}

type Requeue = { requeueAfterMs?: number | undefined };

/** Children of an event run from which on they are looked at once an interval: a look at thousands takes milliseconds. */
const MANY_CHILDREN = 256;

/** Time until the next look while the store does not show yet what was created, milliseconds. */
const STORE_LAG_MS = 1_000;

/**
 * Reconciles TakoRuns, level-based: it looks at the run, its Pods and its children, plans, and applies, each time from the start. What is
 * pure is in plan-workflow.ts and plan-event.ts. The status is written once a reconcile, and only when it changed.
 */
export function createRunReconciler(options: RunReconcilerOptions): Reconciler {
  const { runs, admission, clock, planners = { workflow: planWorkflowRun, event: planEventRun } } = options;
  const written = createWriteCache<LiveRun>();
  const released = createReleasedPods(options.pods);
  const retained = createRetainedPlaces(options.options.retainedPerNamespace);
  const expectations = createExpectations({ clock });
  const budget = createTreeBudget(runs, options.options.treeBudget);
  /** When event runs with many children were looked at last, milliseconds since the epoch. */
  const lookedAt = new Map<string, number>();
  let restored = false;

  return async (key, signal) => {
    if (!restored) {
      followLimits(options);
      restoreAdmission(options);
      restoreRetained(options, retained);
      restored = true;
    }
    const stored = runs.get(key);
    const isGoing = stored === undefined || stored.metadata.deletionTimestamp !== undefined;
    if (isGoing) {
      written.forget(key);
      lookedAt.delete(key);
      budget.release(key);
      admission.release(key);
      retained.release(key);
    }
    if (stored === undefined) expectations.delete(key);
    await releaseOrphans(key, isGoing ? undefined : stored, { ...options, released }, signal);
    if (stored === undefined) return;
    if (isGoing) return await reconcileDeleted(key, stored, signal);
    const run = withCancelFromAbove(written.freshest(key, stored), runs);
    if (needsNoPlace(run.status?.phase)) admission.release(key);
    const now = clock.now().getTime();
    const context: ApplyContext = { ...options, released, now, signal };
    if (run.spec.event === undefined) return await reconcileWorkflow(key, run, context);
    const tooSoon = untilNextLook(key, run, now);
    if (tooSoon > 0) return { requeueAfterMs: tooSoon };
    const observation = await observeEvent(run, now, { ...options, expectations, budget, hold }, signal);
    if (observation === undefined) return { requeueAfterMs: STORE_LAG_MS };
    return await carryOut(key, observation.run, planners.event(observation), context);
  };

  async function hold(run: LiveRun, signal: AbortSignal): Promise<LiveRun> {
    const held = await holdRun(options.client, run, signal);
    if (held !== run) written.wrote(keyOf(run.metadata), run, held, clock.now().getTime());
    return held;
  }

  async function reconcileDeleted(key: string, run: LiveRun, signal: AbortSignal): Promise<Requeue> {
    const children = childrenElsewhere(run, runs);
    for (const child of children) expectations.creationObserved(key, child.metadata.name);
    const { after, requeueAfterMs } = planDeleted({ run, children, settled: expectations.satisfied(key) });
    const context = { ...options, released, now: clock.now().getTime(), signal };
    for (const action of after) await applyAction(run, action, context);
    return { requeueAfterMs };
  }

  function untilNextLook(key: string, run: LiveRun, now: number): number {
    if (run.status?.fanOut?.expanded !== true) return 0;
    const { uid } = run.metadata;
    const count = [RUN_INDEXES.parent, RUN_INDEXES.awaitedBy].reduce(
      (sum, index) => sum + runs.countByIndex(index, uid),
      0,
    );
    if (count < MANY_CHILDREN) return 0;
    const last = lookedAt.get(key);
    const wait = last === undefined ? 0 : last + options.options.parentWriteIntervalMs - now;
    if (wait <= 0) lookedAt.set(key, now);
    return wait;
  }

  async function reconcileWorkflow(key: string, run: LiveRun, context: ApplyContext): Promise<Requeue> {
    const observation = await observeWorkflow(run, context.now, { ...options, retained }, context.signal);
    return await tryWorkflow(key, observation, context);
  }

  /** Plans anew with what the API server has refused, each of which can happen once. */
  async function tryWorkflow(key: string, observation: WorkflowObservation, context: ApplyContext): Promise<Requeue> {
    const { run } = observation;
    try {
      const decision = planners.workflow(observation);
      const result = await carryOut(key, run, decision, context);
      if (decision.before.some(({ kind }) => kind === 'createPod')) admission.confirm(key);
      return result;
    } catch (error) {
      if (error instanceof CacheRefusedError)
        return await tryWorkflow(key, { ...observation, cache: undefined }, context);
      if (error instanceof QuotaExceededError) {
        admission.exceeded(key, error.message);
        const held = { reason: 'QuotaExceeded', message: error.message } as const;
        return await carryOut(key, run, planners.workflow({ ...observation, held }), context);
      }
      if (!(error instanceof PodRefusedError)) throw error;
      admission.release(key);
      return await carryOut(key, run, planners.workflow({ ...observation, refusal: error.refusal }), context);
    }
  }

  async function carryOut(key: string, run: LiveRun, decision: Decision, context: ApplyContext): Promise<Requeue> {
    for (const action of decision.before) await applyAction(run, action, context);
    const { requeueAfterMs } = decision;
    const status = nextStatus(run, decision, context.now, options.options.treeBudget);
    if (status !== undefined && !isDeepStrictEqual(status, run.status)) {
      const wait = options.options.parentWriteIntervalMs - written.writtenAgo(key, context.now);
      const isTold = decision.events.length > 0;
      const isRoutine = status.phase === run.status?.phase && decision.after.length === 0 && !isTold;
      if (isRoutine && wait > 0) return { requeueAfterMs: Math.min(wait, requeueAfterMs ?? wait) };
      const updated = await writeStatus(run, status, context);
      written.wrote(key, run, updated, context.now);
      recordEvents(updated, decision, context.recorder);
      options.logger.debug({ run: key, phase: status.phase, reason: decision.verdict?.reason }, 'status written');
      if (needsNoPlace(status.phase)) admission.release(key);
    }
    for (const action of decision.after) await applyAction(run, action, context);
    return { requeueAfterMs };
  }
}

function needsNoPlace(phase: NonNullable<LiveRun['status']>['phase']): boolean {
  return isTerminal(phase) || phase === 'Waiting';
}

/** Suspensions, the limits of repositories and the room in a quota act on runs that wait, and not only on those that ask. */
function followLimits({ runs, pods, repositories, admission, options }: RunReconcilerOptions): void {
  // A quota counts a Pod until it is over, which may be after the end of its run.
  pods.subscribe(event => {
    if (event.type === 'added' || isOver(event.old)) return;
    if (event.type === 'deleted' || isOver(event.object)) admission.probe(event.old.metadata.namespace ?? '');
  });
  runs.subscribe(event => {
    if (event.type === 'deleted') admission.suspend(event.old.metadata.uid, false);
    else admission.suspend(event.object.metadata.uid, event.object.spec.suspend === true);
  });
  repositories.subscribe(event => {
    const { namespace = '', name } = (event.type === 'deleted' ? event.old : event.object).metadata;
    const limit = repositoryLimit(event.type === 'deleted' ? undefined : event.object, options);
    admission.limitRepository(namespace, name, limit);
  });
}

/** After a restart the places are with those that have a Pod; those that wait ask again. */
function restoreAdmission({ runs, pods, repositories, admission, options, clock }: RunReconcilerOptions): void {
  const now = clock.now().getTime();
  for (const pod of pods.values()) {
    const owner = controllerOf(pod);
    const run = owner && runs.get(keyOf({ namespace: pod.metadata.namespace, name: owner.name }));
    if (run === undefined || run.metadata.uid !== owner?.uid || needsNoPlace(run.status?.phase)) continue;
    // It has to ask again for its next attempt: its place may be somebody else's by now.
    if (hasEnded(run, attemptOf(pod))) continue;
    const repository = repositories.get(
      keyOf({ namespace: run.metadata.namespace, name: run.spec.workflow?.repositoryRef.name ?? '' }),
    );
    const above = ancestorsOf(run, runs);
    const keepsPod = pod.metadata.annotations?.[ANNOTATIONS.keepsPod] === 'true';
    admission.hold(ticketOf({ run, above, repository, keepsPod, options, now }));
  }
}

/** Likewise the places of workspaces that are kept: they are there before a new one asks. */
function restoreRetained({ runs, pods }: RunReconcilerOptions, retained: RetainedPlaces): void {
  for (const pod of pods.values()) {
    const owner = controllerOf(pod);
    const key = keyOf({ namespace: pod.metadata.namespace, name: owner?.name ?? '' });
    const isKept = runs.get(key)?.status?.retainedWorkspace?.podUID === pod.metadata.uid;
    if (isKept && heldPod(pod) !== undefined) retained.hold(key);
  }
}

/** Pods whose run is gone, being deleted, or made anew under its name: nobody waits for their outcome. */
async function releaseOrphans(
  key: string,
  run: LiveRun | undefined,
  { client, pods, released }: RunReconcilerOptions & { released: ReleasedPods },
  signal: AbortSignal,
): Promise<void> {
  for (const pod of pods.byIndex(POD_INDEXES.run, key)) {
    if (run !== undefined && controllerOf(pod)?.uid === run.metadata.uid) continue;
    const { name, namespace, uid, finalizers, deletionTimestamp } = pod.metadata;
    const target = { namespace: namespace!, name, uid };
    if (deletionTimestamp === undefined) {
      await ignoreGone(client.delete(podResource, target, { preconditions: { uid }, signal }));
    }
    await releasePod(client, { ...target, finalizers: finalizers ?? [] }, released, signal);
  }
}
