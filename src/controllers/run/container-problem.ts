import { AGENT_CONTAINER } from '../../agent/contract.ts';
import type { ObservedPod } from './observed.ts';
import { clipMiddle } from './status.ts';

/** Why a container does not run, or did not end well, as the kubelet tells it. */
export interface ContainerProblem {
  /** Empty when it is the whole Pod's. */
  readonly container: string;
  /** The kubelet's word, such as ImagePullBackOff. */
  readonly reason: string;
  /** What happened and what to do, for a user. */
  readonly message: string;
  /** Waiting longer cannot help. */
  readonly fatal: boolean;
}

/** Longest part of the kubelet's words in a message, UTF-16 units: an error of containerd that wraps four others has some 400. */
const MAX_DETAIL = 400;

type ContainerStatus = NonNullable<NonNullable<ObservedPod['status']>['containerStatuses']>[number];

/** The kubelet goes to and fro between the first two; one word for both spares a status and an event each time. */
const PULL = new Set([
  'ErrImagePull',
  'ImagePullBackOff',
  'ErrImageNeverPull',
  'RegistryUnavailable',
  'ImageInspectError',
  'SignatureValidationFailed',
]);

/** What keeps a container from starting; undefined when nothing does, or it is just slow. */
export function startProblem(status: ContainerStatus): ContainerProblem | undefined {
  const { waiting, terminated } = status.state ?? {};
  const reason = waiting?.reason ?? terminated?.reason;
  if (reason === undefined) return undefined;
  const detail = clipMiddle(waiting?.message ?? terminated?.message ?? '', MAX_DETAIL);
  const problem = (message: string, fatal: boolean, word = reason): ContainerProblem => ({
    container: status.name,
    reason: word,
    message: detail === '' ? message : `${message} (${detail})`,
    fatal,
  });
  if (waiting !== undefined && PULL.has(reason)) {
    return problem(pullMessage(status), false, reason === 'ErrImagePull' ? 'ImagePullBackOff' : reason);
  }
  switch (reason) {
    case 'InvalidImageName':
      return problem(`"${status.image}" is not a valid image name: ${whoseImage(status)}`, true);
    case 'CreateContainerConfigError':
      return problem(
        `container ${status.name} cannot be configured: check that the Secrets and keys in spec.secrets of the TakoRepository exist`,
        false,
      );
    case 'CreateContainerError':
    case 'RunContainerError':
    case 'StartError':
    case 'ContainerCannotRun':
      return problem(startMessage(status), true);
    default:
      return undefined;
  }
}

/** Why a container ended before its time; undefined when it did not, or nobody knows. */
export function endCause(status: ContainerStatus): ContainerProblem | undefined {
  const terminated = status.state?.terminated;
  if (terminated === undefined) return undefined;
  const { name } = status;
  if (terminated.reason === 'OOMKilled') {
    const advice = isAgent(status)
      ? 'this is not the doing of the workflow; tell the administrator of Tako'
      : 'raise resources.mem_limit in tako.yml';
    return {
      container: name,
      reason: 'OOMKilled',
      message: `container ${name} went over its memory limit: ${advice}`,
      fatal: true,
    };
  }
  if (isAgent(status) || terminated.exitCode === 0 || startProblem(status) !== undefined) return undefined;
  const detail = clipMiddle(terminated.message ?? '', MAX_DETAIL);
  const message = `container ${name} ended with exit code ${terminated.exitCode}`;
  return {
    container: name,
    reason: 'StepContainerDied',
    message: detail === '' ? message : `${message} (${detail})`,
    fatal: false,
  };
}

function pullMessage(status: ContainerStatus): string {
  const advice = isAgent(status)
    ? whoseImage(status)
    : 'check its name and spec.runTemplate.imagePullSecrets of the TakoRepository';
  return `image ${status.image} of container ${status.name} cannot be pulled: ${advice}`;
}

function startMessage(status: ContainerStatus): string {
  const advice = isAgent(status)
    ? whoseImage(status)
    : `image ${status.image} must have /bin/sh and run as a user other than root`;
  return `container ${status.name} cannot be started: ${advice}`;
}

function whoseImage(status: ContainerStatus): string {
  return isAgent(status)
    ? 'the administrator of Tako has to correct TAKO_AGENT_IMAGE of the operator'
    : 'correct image in tako.yml';
}

function isAgent(status: ContainerStatus): boolean {
  return status.name === AGENT_CONTAINER;
}
