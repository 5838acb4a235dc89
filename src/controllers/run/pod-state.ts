import { AGENT_CONTAINER } from '../../agent/contract.ts';
import { type ContainerProblem, endCause, startProblem } from './container-problem.ts';
import type { EarlyResult } from './early-results.ts';
import type { ObservedPod } from './observed.ts';
import { clip } from './status.ts';

/** A Pod of a run, reduced to what decides. The Pod's own phase says little: other containers may hang or be injected. */
export type PodState =
  /** `problem`: what keeps it from starting. */
  | { readonly kind: 'starting'; readonly problem?: ContainerProblem }
  /** The agent runs since `startedMs` by the node's clock, milliseconds since the epoch. `problem`: what keeps another container from starting. */
  | { readonly kind: 'running'; readonly startedMs: number; readonly problem?: ContainerProblem }
  /** The agent's container has terminated: the run's Pod is finished, whatever other containers do. */
  | {
      readonly kind: 'finished';
      readonly message: string;
      readonly exitCode: number;
      /** The kubelet's word. */
      readonly reason: string;
      /** Milliseconds since the epoch. */
      readonly finishedMs: number;
      /** Why a container did not start, or ended before its time. */
      readonly cause?: ContainerProblem;
      /** Every container has ended: nothing more can be learnt from them. */
      readonly settled: boolean;
    }
  /** The Pod ended without a word of its agent: evicted, its node lost, killed. */
  | { readonly kind: 'lost'; readonly reason: string; readonly message: string };

/** Reduces what the kubelet and the scheduler say about a Pod. */
export function podState(pod: ObservedPod): PodState {
  const statuses = pod.status?.containerStatuses ?? [];
  const agent = statuses.find(status => status.name === AGENT_CONTAINER);
  const problem = statuses.length === 0 ? schedulingProblem(pod) : mostUrgent(statuses.map(startProblem));
  const terminated = agent?.state?.terminated;
  if (
    terminated !== undefined &&
    terminated.reason !== 'StartError' &&
    terminated.reason !== 'ContainerCannotRun' &&
    terminated.reason !== 'ContainerStatusUnknown'
  ) {
    const cause = mostUrgent([...statuses.map(endCause), problem]);
    return {
      kind: 'finished',
      message: terminated.message ?? '',
      exitCode: terminated.exitCode,
      reason: terminated.reason ?? '',
      finishedMs: Date.parse(terminated.finishedAt ?? pod.metadata.creationTimestamp),
      ...(cause === undefined ? {} : { cause }),
      settled: statuses.every(status => status.state?.terminated !== undefined),
    };
  }
  const extra = problem === undefined ? {} : { problem };
  const phase = pod.status?.phase;
  if (phase === 'Failed' || phase === 'Succeeded' || terminated?.reason === 'ContainerStatusUnknown') {
    if (isBeingEnded(pod)) return { kind: 'lost', ...disruption(pod) };
    return { kind: 'lost', reason: problem?.reason ?? 'PodLost', message: problem?.message ?? LOST };
  }
  if (pod.early !== undefined) return finishedEarly(pod.early);
  const runs = agent?.state?.running;
  if (runs !== undefined) {
    return { kind: 'running', startedMs: Date.parse(runs.startedAt ?? pod.metadata.creationTimestamp), ...extra };
  }
  return { kind: 'starting', ...extra };
}

/** As the kubelet will report it. Only successes are told early, and they need no cause. */
function finishedEarly({ message, toldMs }: EarlyResult): PodState {
  return { kind: 'finished', message, exitCode: 0, reason: 'Completed', finishedMs: toldMs, settled: false };
}

const LOST = 'the Pod ended and its agent left no result: look at the node and at the events of the Pod';

/** What cannot get better first; of equals the first container's. */
function mostUrgent(problems: readonly (ContainerProblem | undefined)[]): ContainerProblem | undefined {
  return problems.find(problem => problem?.fatal) ?? problems.find(problem => problem !== undefined);
}

/**
 * What the scheduler says of a Pod that it could not bind. `SchedulerError` is a failure of its own, such as a conflict when many Pods are the first
 * ones to use a claim: it tries again at once, and only what lasts is worth telling.
 * https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-conditions
 */
function schedulingProblem(pod: ObservedPod): ContainerProblem | undefined {
  const scheduled = pod.status?.conditions?.find(condition => condition.type === 'PodScheduled');
  if (scheduled?.status !== 'False' || scheduled.reason === 'SchedulerError') return undefined;
  return {
    container: '',
    reason: scheduled.reason ?? 'Unschedulable',
    message: `no node takes the Pod: ${clip(scheduled.message ?? '', 300)}`,
    fatal: false,
  };
}

/** Whether a kubelet has the Pod, and will report what becomes of it. */
export function isOnNode({ status }: ObservedPod): boolean {
  const scheduled = status?.conditions?.some(({ type, status: state }) => type === 'PodScheduled' && state === 'True');
  return scheduled === true || (status?.containerStatuses ?? []).length > 0;
}

/**
 * Whether no container of the Pod runs any more, nor will, as far as Kubernetes knows: it has ended, or is being deleted without ever having
 * been on a node (the API server then binds it to none). A kubelet gives every Pod a final phase before the Pod goes, by force or not, for ours
 * have a finalizer (https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-phase, from 1.27 on). Of a node that is lost Kubernetes does not know: such a Pod is over once the node's
 * object is deleted or its taint says out-of-service, for then the garbage collector of Pods marks it as Failed.
 * https://kubernetes.io/docs/concepts/architecture/nodes/#node-controller
 */
export function isOver(pod: ObservedPod): boolean {
  const phase = pod.status?.phase;
  if (phase === 'Failed' || phase === 'Succeeded') return true;
  return pod.metadata.deletionTimestamp !== undefined && !isOnNode(pod);
}

/** Whether somebody or something takes the Pod away, so that its containers do not end by themselves. */
export function isBeingEnded({ metadata, status }: ObservedPod): boolean {
  const { reason, conditions } = status ?? {};
  const disrupted = conditions?.some(({ type, status: state }) => type === 'DisruptionTarget' && state === 'True');
  return metadata.deletionTimestamp !== undefined || reason !== undefined || disrupted === true;
}

/**
 * Why a Pod that was still wanted is being taken away, as far as Kubernetes says it: preemption, a drain, a taint, an eviction. A kubelet that
 * evicts for the sake of its node says so in a condition as well; without it the Pod went over a limit of its own (evictPod in
 * pkg/kubelet/eviction/eviction_manager.go).
 */
export function disruption(pod: ObservedPod): { reason: string; message: string } {
  const { reason, message, conditions } = pod.status ?? {};
  const target = conditions?.find(condition => condition.type === 'DisruptionTarget' && condition.status === 'True');
  if (reason === 'Evicted' && target === undefined) {
    const detail = clip(message ?? 'its workspace or its containers hold too much', 300);
    const advice = 'raise resources.disk_limit in tako.yml, or the sizeLimit of the workspace';
    return { reason: 'StorageLimitExceeded', message: `the Pod went over its limit of storage (${detail}): ${advice}` };
  }
  if (reason !== undefined) return { reason, message: message ?? 'the node ended the Pod' };
  const detail = target === undefined ? '' : `: ${clip(target.message ?? target.reason ?? '', 300)}`;
  return {
    reason: target?.reason ?? 'PodDeleted',
    message: `the Pod of the run was deleted while it ran${detail}`,
  };
}
