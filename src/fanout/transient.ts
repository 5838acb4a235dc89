import type { ErrorType } from '../api/takorun-status.ts';

/**
 * What an attempt's failure says about another attempt:
 * - `transient`: what surrounds the run failed, and another Pod may fare better. It is retried unless the run forbids it;
 * - `workflow`: a step did it. The same commit with the same inputs most likely does it again: retried only where the run asks for it;
 * - `final`: another attempt ends the same way, or nobody wants one.
 */
export type FailureClass = 'transient' | 'workflow' | 'final';

export interface FailureRow {
  readonly class: FailureClass;
  /** Why it is in that class, as docs/guides/troubleshooting.md has it. */
  readonly why: string;
}

const transient = (why: string): FailureRow => ({ class: 'transient', why });
const workflow = (why: string): FailureRow => ({ class: 'workflow', why });
const final = (why: string): FailureRow => ({ class: 'final', why });

/**
 * Every reason for which the Pod of a run can end badly, and what it is taken for: the one place that decides what is retried. A word that
 * is not here is `final`. Kubernetes' own words are those of Pod conditions
 * (https://kubernetes.io/docs/concepts/workloads/pods/disruptions/#pod-disruption-conditions), of the kubelet's Pod status and of its
 * container states.
 *
 * Failures of the API server and of Git in the operator itself are no attempts: the operator asks again (3 times at once, then with the
 * back-off of its work queue), and the run waits meanwhile.
 */
export const FAILURES: Readonly<Record<string, FailureRow>> = {
  PreemptionByScheduler: transient('a Pod with a higher priority took the place: there may be room elsewhere'),
  DeletionByTaintManager: transient('the node was lost, or taken out of service as a spot instance is'),
  EvictionByEvictionAPI: transient('the node was drained, for an upgrade or a smaller cluster'),
  DeletionByPodGC: transient('the node is gone'),
  TerminationByKubelet: transient('the node ended the Pod: it was short of memory or disk, or it shut down'),
  Evicted: transient('the node was short of memory, disk or processes'),
  NodeShutdown: transient('the node shut down'),
  Terminated: transient('the node shut down'),
  Shutdown: transient('the node shut down'),
  NodeLost: transient('the node was lost'),
  Preempting: transient('the node made room for a Pod that it cannot do without'),
  Preempted: transient('the node made room for a Pod that it cannot do without'),
  NodeAffinity: transient('the labels of the node changed after the scheduler had looked'),
  UnexpectedAdmissionError: transient('the node could not give the Pod a device that it had promised'),
  TopologyAffinityError: transient('the node could not give the Pod processors and devices that belong together'),
  PodDeleted: transient('somebody deleted the Pod, though nobody canceled the run'),
  PodLost: transient('the Pod ended, or is gone, without a word'),
  PodNotStarted: transient('the node did not start the Pod and does not say why: another node may'),
  CacheNotMounted: transient('the volume of the cache may be what is missing: the next Pod goes without it'),
  StepContainerNotStarted: transient('the node did not start a container and does not say why: another node may'),
  StepNotStarted: transient('a container did not answer in time: the node is overloaded'),
  ImagePullBackOff: transient('a registry may be away for a while'),
  RegistryUnavailable: transient('a registry may be away for a while'),
  ImageInspectError: transient('the image is damaged on that node'),
  AgentFailed: transient('the agent ended without a result: it is none of the doing of the steps'),
  GitUnavailable: transient('the Git server did not answer, or with 429 or 5xx'),
  SecretTooLate: transient('the next Pod has the Secret from its start'),

  StepFailed: workflow('a step ended with an exit code other than 0: a failed test is a result'),
  StepLost: workflow('a step killed what watches it'),
  StepContainerDied: workflow('a step ended its own container'),
  OutputFailed: workflow('a step did not make what it declares'),

  OOMKilled: final('the same work takes the same memory: raise resources.mem_limit'),
  StorageLimitExceeded: final('the same work takes the same space: raise the limit'),
  Unschedulable: final('no node takes such a Pod: the scheduler goes on looking, and a new Pod would look no better'),
  ErrImageNeverPull: final('the node may not pull images'),
  SignatureValidationFailed: final('the image is not signed as it must be'),
  InvalidImageName: final('the name is wrong'),
  CreateContainerConfigError: final('a Secret or a key of one is missing'),
  CreateContainerError: final('the container cannot be started as it is described'),
  RunContainerError: final('the container cannot be started as it is described'),
  StartError: final('the image has no /bin/sh, or may not run as its user'),
  ContainerCannotRun: final('the image has no /bin/sh, or may not run as its user'),
  CheckoutFailed: final('credentials, commit or repository have to be put right first'),
  ConfigDigestMismatch: final('the Git server gives two answers for one commit'),
  UnsupportedStep: final('agent and operator are of different versions'),
  ResultsUndelivered: final('the agent has tried until the time limit of the run, or the result is too large'),
  ResultLost: final('somebody deleted or changed the stored result'),
  InvalidScript: final('tako.yml has to be corrected'),
  InvalidEvent: final('tako.yml has to be corrected'),
  ConditionFailed: final('tako.yml has to be corrected'),
  ChildrenFailed: final('the children have ended, and another attempt would find them again'),
};

export interface AttemptFailure {
  readonly errorType: ErrorType;
  /** CamelCase. */
  readonly reason: string;
}

/** A node that turns a Pod down for want of this resource: the scheduler and the node did not agree about what was free. */
const NODE_FULL = /^OutOf[a-z]/;

/** How an attempt's failure is to be taken. A time limit and a cancel are final, whatever the reason. */
export function failureClass({ errorType, reason }: AttemptFailure): FailureClass {
  switch (errorType) {
    case 'timeout':
    case 'canceled':
    case 'circuit_breaker':
      return 'final';
    case 'execution_failed': {
      const found = rowOf(reason)?.class ?? 'final';
      return found === 'workflow' ? 'final' : found;
    }
    case 'workflow_failed': {
      const found = rowOf(reason)?.class ?? 'final';
      return found === 'transient' ? 'workflow' : found;
    }
  }
}

function rowOf(reason: string): FailureRow | undefined {
  if (NODE_FULL.test(reason)) return transient('the node had no room left for the Pod');
  return Object.hasOwn(FAILURES, reason) ? FAILURES[reason] : undefined;
}
