import { API_VERSION, CHILDREN_FINALIZER, FIELD_MANAGER, LABELS, TRACKING_FINALIZER } from '../../api/meta.ts';
import { type TakoRun, takoRuns } from '../../api/resources.ts';
import type { TakoRunStatus } from '../../api/takorun-status.ts';
import { toTimestamp } from '../../api/timestamp.ts';
import { DEFAULT_TREE_BUDGET } from '../../fanout/budget.ts';
import type { ObjectIdentity } from '../../fanout/objects.ts';
import type { WorkflowRunner } from '../../fanout/runner.ts';
import { type TreeWarning, treeWarnings } from '../../fanout/tree-warnings.ts';
import type { KubeClient } from '../../kube/client.ts';
import { type ApiError, isApiError } from '../../kube/errors.ts';
import type { EventRecorder } from '../../kube/events.ts';
import { controllerOf, type Pod, pods, type ResourceType } from '../../kube/objects.ts';
import type { JsonPatchOperation } from '../../kube/options.ts';
import type { CacheVolumes } from '../cache/volumes.ts';
import { runConditions } from './conditions.ts';
import type { Action, Decision } from './decision.ts';
import type { LiveRun } from './observed.ts';
import type { ReleasedPods } from './released.ts';
import { clip, wellFormed } from './status.ts';
import { tellOfRetry } from './tell-of-retry.ts';
import type { PodRefusal } from './workflow-observation.ts';

export interface ApplyContext {
  readonly client: KubeClient;
  readonly recorder: EventRecorder;
  readonly runner: WorkflowRunner;
  readonly released: ReleasedPods;
  /** Absent: there is no cache. */
  readonly cache?: CacheVolumes | undefined;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly signal: AbortSignal;
}

/** Longest status.message, characters. */
const MAX_MESSAGE = 4_096;

/** The API server did not take a Pod, or its name is somebody else's: a new decision is needed. */
export class PodRefusedError extends Error {
  override readonly name = 'PodRefusedError';
  readonly refusal: PodRefusal;

  constructor(refusal: PodRefusal) {
    super(refusal.message);
    this.refusal = refusal;
  }
}

/** A ResourceQuota has no room for a Pod: the run waits, and a new decision says so. The message is for its status. */
export class QuotaExceededError extends Error {
  override readonly name = 'QuotaExceededError';
}

/** The status that a decision leads to, complete; undefined when it says nothing about the status. */
export function nextStatus(
  run: LiveRun,
  decision: Decision,
  now: number,
  treeBudget = DEFAULT_TREE_BUDGET,
): TakoRunStatus | undefined {
  if (decision.status === undefined) return undefined;
  const generation = run.metadata.generation ?? 0;
  const { verdict } = decision;
  if (verdict === undefined) return wellFormed({ ...run.status, ...decision.status });
  return wellFormed({
    ...decision.status,
    observedGeneration: generation,
    phase: verdict.phase,
    message: clip(verdict.message, MAX_MESSAGE),
    conditions: runConditions(
      verdict,
      run.status?.conditions,
      generation,
      toTimestamp(now),
      warningsOf(run, decision, treeBudget),
    ),
  });
}

/** The root speaks for its whole tree, whose size changes; any other run for the event that made the tree so large. */
function warningsOf(
  { spec }: LiveRun,
  { warnings = [], status }: Decision,
  treeBudget: number,
): readonly TreeWarning[] {
  const tree = status?.treeSummary;
  if (spec.parent !== undefined || tree === undefined) return warnings;
  const ofTree = treeWarnings(tree, treeBudget);
  return [...ofTree, ...warnings.filter(({ type }) => !ofTree.some(one => one.type === type))];
}

/** Writes a status. A conflict is thrown: the run changed, decide anew. */
export async function writeStatus(run: LiveRun, status: TakoRunStatus, context: ApplyContext): Promise<LiveRun> {
  const { name, namespace, resourceVersion } = run.metadata;
  return await context.client.applyServerSide(
    takoRuns,
    { apiVersion: API_VERSION, kind: 'TakoRun', metadata: { name, namespace: namespace!, resourceVersion }, status },
    { fieldManager: FIELD_MANAGER, force: true, subresource: 'status', signal: context.signal },
  );
}

export function recordEvents(run: LiveRun, decision: Decision, recorder: EventRecorder): void {
  for (const { type, reason, message } of decision.events) {
    recorder.event({ regarding: run, type, reason, action: 'Reconcile', note: message });
  }
}

/** Carries an action out. Objects that are gone already are a success. */
export async function applyAction(run: LiveRun, action: Action, context: ApplyContext): Promise<void> {
  const { client, signal } = context;
  const namespace = run.metadata.namespace!;
  switch (action.kind) {
    case 'createPod':
      return await createPod(run, action.pod, context);
    case 'createCacheClaim':
      return await context.cache?.create(namespace, signal);
    case 'avoidCache':
      return context.cache?.avoid(namespace, action.message);
    case 'deletePod':
      return await ignoreGone(
        client.delete(
          pods,
          { namespace, name: action.name },
          {
            preconditions: { uid: action.uid },
            ...(action.graceSeconds === undefined ? {} : { gracePeriodSeconds: action.graceSeconds }),
            signal,
          },
        ),
      );
    case 'stopPod':
      return await stopPod(client, { namespace, ...action }, signal);
    case 'releasePod':
      return await releasePod(client, { namespace, ...action }, context.released, signal);
    case 'cancelRun':
      return await context.runner.cancel({ namespace: action.namespace, name: action.name }, { signal });
    case 'retryRun': {
      const { requestedAt, deadline, ...ref } = action;
      return await ignoreGone(tellOfRetry(client, ref, { requestedAt, deadline, signal }));
    }
    case 'deleteRun':
      return await ignoreGone(
        client.delete(
          takoRuns,
          { namespace: action.namespace, name: action.name },
          { preconditions: { uid: action.uid }, propagationPolicy: 'Background', signal },
        ),
      );
    case 'deleteChildren':
      return await client.deleteCollection(takoRuns, {
        namespace,
        labelSelector: `${LABELS.runUid}=${run.metadata.uid}`,
        propagationPolicy: 'Background',
        signal,
      });
    case 'releaseRun': {
      const { name, uid } = run.metadata;
      const held = { namespace, name, uid, finalizers: action.finalizers };
      return void (await dropFinalizer(client, takoRuns, held, CHILDREN_FINALIZER, signal));
    }
  }
}

async function createPod(run: LiveRun, pod: Pod, { client, signal }: ApplyContext): Promise<void> {
  try {
    await client.create(pods, pod, { signal });
  } catch (error) {
    if (isApiError(error, 'alreadyExists')) return await checkOwner(run, pod, { client, signal });
    if (isApiError(error, 'quotaExceeded'))
      throw new QuotaExceededError(`waiting for room in the namespace: ${error.message}`);
    if (isApiError(error, 'invalid', 'forbidden')) throw new PodRefusedError(refusalOf(error));
    throw error;
  }
}

/** A Pod of that name is ours when the run controls it: an earlier try got through. */
async function checkOwner(
  run: LiveRun,
  pod: Pod,
  { client, signal }: Pick<ApplyContext, 'client' | 'signal'>,
): Promise<void> {
  const { name = '', namespace } = pod.metadata;
  const found = await client.get(pods, { namespace, name }, { signal });
  if (controllerOf(found)?.uid === run.metadata.uid) return;
  const message = `Pod ${name} exists and belongs to something else: delete it and create the run anew`;
  throw new PodRefusedError({ reason: 'PodConflict', message });
}

function refusalOf(error: ApiError): PodRefusal {
  const said = `the API server refuses the Pod: ${error.message}`;
  switch (error.class) {
    case 'forbidden':
      return {
        reason: 'PodForbidden',
        message: `${said}: check the policies of the namespace and spec.runTemplate of the TakoRepository`,
      };
    default:
      return { reason: 'PodInvalid', message: `${said}: correct tako.yml or spec.runTemplate of the TakoRepository` };
  }
}

/** The one way to end a Pod's containers without deleting it: its time is up. A time limit may only be lowered, which this does. */
async function stopPod(client: Pick<KubeClient, 'jsonPatch'>, pod: ObjectIdentity, signal: AbortSignal): Promise<void> {
  await patchOne(client, pods, pod, [{ op: 'add', path: '/spec/activeDeadlineSeconds', value: 1 }], signal);
}

/** Keeps a run until its children in other namespaces are gone. A conflict is thrown: the run changed, decide anew. */
export async function holdRun(
  client: Pick<KubeClient, 'mergePatch'>,
  run: LiveRun,
  signal: AbortSignal,
): Promise<LiveRun> {
  const { name, namespace, resourceVersion, finalizers = [] } = run.metadata;
  if (finalizers.includes(CHILDREN_FINALIZER)) return run;
  const metadata = { resourceVersion, finalizers: [...finalizers, CHILDREN_FINALIZER] };
  return await client.mergePatch(takoRuns, { namespace, name }, { metadata }, { signal, fieldManager: FIELD_MANAGER });
}

/** Takes our finalizer off one very Pod and leaves those of others. */
export async function releasePod(
  client: Pick<KubeClient, 'jsonPatch'>,
  pod: Held,
  released: ReleasedPods,
  signal: AbortSignal,
): Promise<void> {
  if (released.has(pod.uid)) return;
  if (await dropFinalizer(client, pods, pod, TRACKING_FINALIZER, signal)) released.add(pod.uid);
}

interface Held extends ObjectIdentity {
  readonly finalizers: readonly string[];
}

/** Takes a finalizer off one very object. False when it is not there any more, or the store was behind. */
async function dropFinalizer(
  client: Pick<KubeClient, 'jsonPatch'>,
  type: ResourceType<Pod> | ResourceType<TakoRun>,
  held: Held,
  finalizer: string,
  signal: AbortSignal,
): Promise<boolean> {
  const position = held.finalizers.indexOf(finalizer);
  if (position === -1) return false;
  const path = `/metadata/finalizers/${position}`;
  const change: JsonPatchOperation[] = [
    { op: 'test', path, value: finalizer },
    { op: 'remove', path },
  ];
  return await patchOne(client, type, held, change, signal);
}

/** Patches one very object. False when it is gone, or is not as the patch takes it to be. */
async function patchOne(
  client: Pick<KubeClient, 'jsonPatch'>,
  type: ResourceType<Pod> | ResourceType<TakoRun>,
  { namespace, name, uid }: ObjectIdentity,
  change: readonly JsonPatchOperation[],
  signal: AbortSignal,
): Promise<boolean> {
  const patch: JsonPatchOperation[] = [{ op: 'test', path: '/metadata/uid', value: uid }, ...change];
  try {
    await client.jsonPatch(type as ResourceType, { namespace, name }, patch, { signal, fieldManager: FIELD_MANAGER });
    return true;
  } catch (error) {
    // A test that fails is answered with 422: the object is another one, or has changed and the store will tell.
    if (isApiError(error, 'notFound', 'invalid')) return false;
    throw error;
  }
}

/** Lets a call end well whose object is gone already. */
export async function ignoreGone(call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (error) {
    // A conflict is a Pod or run of another UID under the name: what we meant is gone.
    if (!isApiError(error, 'notFound', 'conflict')) throw error;
  }
}
