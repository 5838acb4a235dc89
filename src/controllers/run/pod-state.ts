import { AGENT_CONTAINER } from '../../agent/contract.ts';
import type { ObservedPod } from './observed.ts';

/** Why a container does not run, or did not end well, as the kubelet tells it. */
export interface ContainerProblem {
  readonly container: string;
  /** The kubelet's word, such as ImagePullBackOff. */
  readonly reason: string;
  /** What happened and what to do, for a user. */
  readonly message: string;
  /** Waiting longer cannot help. */
  readonly fatal: boolean;
}

/** A Pod of a run, reduced to what decides. The Pod's own phase says little: other containers may hang or be injected. */
export type PodState =
  | { readonly kind: 'starting'; readonly problem?: ContainerProblem }
  | { readonly kind: 'running'; readonly problem?: ContainerProblem }
  /** The agent's container has terminated: the run's Pod is finished, whatever other containers do. */
  | {
      readonly kind: 'finished';
      readonly message: string;
      readonly exitCode: number;
      readonly reason: string;
      readonly problem?: ContainerProblem;
    }
  /** The Pod ended without a word of its agent: evicted, its node lost, killed. */
  | { readonly kind: 'lost'; readonly reason: string; readonly message: string };

type ContainerStatus = NonNullable<NonNullable<ObservedPod['status']>['containerStatuses']>[number];

/** Reduces what the kubelet and the scheduler say about a Pod. */
export function podState(pod: ObservedPod): PodState {
  const statuses = pod.status?.containerStatuses ?? [];
  const agent = statuses.find(status => status.name === AGENT_CONTAINER);
  const problem = statuses.map(containerProblem).find(found => found !== undefined) ?? schedulingProblem(pod);
  const extra = problem === undefined ? {} : { problem };
  const terminated = agent?.state?.terminated;
  if (
    terminated !== undefined &&
    terminated.reason !== 'StartError' &&
    terminated.reason !== 'ContainerStatusUnknown'
  ) {
    return {
      kind: 'finished',
      message: terminated.message ?? '',
      exitCode: terminated.exitCode,
      reason: terminated.reason ?? '',
      ...extra,
    };
  }
  const phase = pod.status?.phase;
  if (phase === 'Failed' || phase === 'Succeeded' || terminated?.reason === 'ContainerStatusUnknown') {
    return {
      kind: 'lost',
      reason: pod.status?.reason ?? 'PodLost',
      message:
        pod.status?.message ??
        'the Pod ended and its agent left no result: look at the node and at the events of the Pod',
    };
  }
  if (agent?.state?.running !== undefined) return { kind: 'running', ...extra };
  return { kind: 'starting', ...extra };
}

const PULL = new Set([
  'ErrImagePull',
  'ImagePullBackOff',
  'ErrImageNeverPull',
  'RegistryUnavailable',
  'ImageInspectError',
]);

function containerProblem(status: ContainerStatus): ContainerProblem | undefined {
  const waiting = status.state?.waiting;
  const terminated = status.state?.terminated;
  const container = status.name;
  const detail = clip(waiting?.message ?? terminated?.message ?? '');
  const of = (reason: string, message: string, fatal: boolean): ContainerProblem => ({
    container,
    reason,
    message,
    fatal,
  });
  if (waiting?.reason !== undefined) {
    if (PULL.has(waiting.reason)) {
      return of(
        waiting.reason,
        `image ${status.image} of container ${container} cannot be pulled: check its name and imagePullSecrets (${detail})`,
        false,
      );
    }
    switch (waiting.reason) {
      case 'InvalidImageName':
        return of(waiting.reason, `"${status.image}" is not a valid image name: correct image in tako.yml`, true);
      case 'CreateContainerConfigError':
        return of(
          waiting.reason,
          `container ${container} cannot be configured: check that the Secrets and keys in spec.secrets exist (${detail})`,
          false,
        );
      case 'CreateContainerError':
      case 'RunContainerError':
        return of(waiting.reason, startMessage(container, status.image, detail), true);
    }
  }
  if (terminated?.reason === 'StartError' || terminated?.reason === 'ContainerCannotRun') {
    return of(terminated.reason, startMessage(container, status.image, detail), true);
  }
  if (terminated?.reason === 'OOMKilled') {
    return of(
      'OOMKilled',
      `container ${container} went over its memory limit: raise resources.mem_limit in tako.yml`,
      false,
    );
  }
  return undefined;
}

function startMessage(container: string, image: string, detail: string): string {
  return `container ${container} cannot be started: image ${image} must have /bin/sh and run as a user other than root (${detail})`;
}

/** https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-conditions */
function schedulingProblem(pod: ObservedPod): ContainerProblem | undefined {
  const scheduled = pod.status?.conditions?.find(condition => condition.type === 'PodScheduled');
  if (scheduled?.status !== 'False') return undefined;
  return {
    container: '',
    reason: scheduled.reason ?? 'Unschedulable',
    message: `no node takes the Pod: ${clip(scheduled.message ?? '')}`,
    fatal: false,
  };
}

function clip(text: string): string {
  return text.length <= 300 ? text : `${text.slice(0, 299)}…`;
}
