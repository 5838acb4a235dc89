import { isDeepStrictEqual } from 'node:util';
import { API_VERSION, FIELD_MANAGER, LABELS, TRACKING_FINALIZER } from '../../api/meta.ts';
import { takoRuns } from '../../api/resources.ts';
import type { TakoRunStatus } from '../../api/takorun.ts';
import type { WorkflowRunner } from '../../fanout/runner.ts';
import type { KubeClient } from '../../kube/client.ts';
import { isApiError } from '../../kube/errors.ts';
import type { EventRecorder } from '../../kube/events.ts';
import { controllerOf, pods } from '../../kube/objects.ts';
import { runConditions } from './conditions.ts';
import type { Action, Decision } from './decision.ts';
import type { LiveRun } from './observed.ts';
import { clip, rfc3339, wellFormed } from './status.ts';

export interface ApplyContext {
  readonly client: KubeClient;
  readonly recorder: EventRecorder;
  readonly runner: WorkflowRunner;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly signal: AbortSignal;
}

/** Longest status.message, characters. */
const MAX_MESSAGE = 4_096;

/** The name of a Pod is taken by an object that is not the run's. */
export class PodConflictError extends Error {
  override readonly name = 'PodConflictError';
}

/** The status that a decision leads to, complete; undefined when it says nothing about the status. */
export function nextStatus(run: LiveRun, decision: Decision, now: number): TakoRunStatus | undefined {
  if (decision.status === undefined) return undefined;
  const generation = run.metadata.generation ?? 0;
  const { verdict } = decision;
  if (verdict === undefined) return wellFormed({ ...run.status, ...decision.status });
  return wellFormed({
    ...decision.status,
    observedGeneration: generation,
    phase: verdict.phase,
    message: clip(verdict.message, MAX_MESSAGE),
    conditions: runConditions(verdict, run.status?.conditions, generation, rfc3339(now)),
  });
}

/** Writes a status; undefined when it is what the run has already. A conflict is thrown: the run changed, decide anew. */
export async function writeStatus(
  run: LiveRun,
  status: TakoRunStatus,
  context: ApplyContext,
): Promise<LiveRun | undefined> {
  if (isDeepStrictEqual(status, run.status)) return undefined;
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
      try {
        await client.create(pods, action.pod, { signal });
      } catch (error) {
        if (!isApiError(error, 'alreadyExists')) throw error;
        const name = action.pod.metadata.name!;
        const found = await client.get(pods, { namespace, name }, { signal });
        if (controllerOf(found)?.uid !== run.metadata.uid) {
          throw new PodConflictError(
            `Pod ${name} exists and belongs to something else: delete it and create the run anew`,
          );
        }
      }
      return;
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
    case 'releasePod':
      return await releasePod(client, { namespace, ...action }, signal);
    case 'cancelRun':
      return await context.runner.cancel({ namespace: action.namespace, name: action.name }, { signal });
    case 'deleteRun':
      return await ignoreGone(
        client.delete(
          takoRuns,
          { namespace, name: action.name },
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
  }
}

/** Takes our finalizer off one very Pod and leaves those of others. */
export async function releasePod(
  client: Pick<KubeClient, 'jsonPatch'>,
  pod: { namespace: string; name: string; uid: string; finalizers: readonly string[] },
  signal: AbortSignal,
): Promise<void> {
  const position = pod.finalizers.indexOf(TRACKING_FINALIZER);
  if (position === -1) return;
  const path = `/metadata/finalizers/${position}`;
  await ignoreGone(
    client.jsonPatch(
      pods,
      pod,
      [
        { op: 'test', path: '/metadata/uid', value: pod.uid },
        { op: 'test', path, value: TRACKING_FINALIZER },
        { op: 'remove', path },
      ],
      { signal, fieldManager: FIELD_MANAGER },
    ),
  );
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
