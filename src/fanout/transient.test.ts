import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ERROR_TYPES } from '../api/takorun-status.ts';
import { FAILURES, type FailureClass, failureClass } from './transient.ts';

/** What happened, the reason that it gets, and what it is taken for: one row each, in words of the field. */
const ROWS: readonly (readonly [what: string, reason: string, expected: FailureClass])[] = [
  ['a Pod with a higher priority takes the place (preemption)', 'PreemptionByScheduler', 'transient'],
  ['the node is lost or tainted (spot eviction, unreachable, NotReady)', 'DeletionByTaintManager', 'transient'],
  ['the node is drained', 'EvictionByEvictionAPI', 'transient'],
  ['the node object is gone (garbage collection of Pods)', 'DeletionByPodGC', 'transient'],
  ['the kubelet ends the Pod for its node', 'TerminationByKubelet', 'transient'],
  ['the node is short of memory', 'Evicted', 'transient'],
  ['the node shuts down', 'NodeShutdown', 'transient'],
  ['the node shuts down, in the words of newer kubelets', 'Terminated', 'transient'],
  ['the node shuts down, in the words of older kubelets', 'Shutdown', 'transient'],
  ['the node does not answer any more', 'NodeLost', 'transient'],
  ['the node makes room for a static Pod', 'Preempting', 'transient'],
  ['the node has made room for a static Pod', 'Preempted', 'transient'],
  ['the node was given another label', 'NodeAffinity', 'transient'],
  ['the node has no device left', 'UnexpectedAdmissionError', 'transient'],
  ['the node cannot align processors', 'TopologyAffinityError', 'transient'],
  ['the node is out of processors', 'OutOfcpu', 'transient'],
  ['the node is out of Pods', 'OutOfpods', 'transient'],
  ['the node is out of storage', 'OutOfephemeralstorage', 'transient'],
  ['somebody deletes the Pod', 'PodDeleted', 'transient'],
  ['the Pod is gone', 'PodLost', 'transient'],
  ['the Pod is stuck in Pending on its node', 'PodNotStarted', 'transient'],
  ['the Pod waits for a volume that does not come', 'CacheNotMounted', 'transient'],
  ['a step container is stuck', 'StepContainerNotStarted', 'transient'],
  ['a step container does not answer', 'StepNotStarted', 'transient'],
  ['an image cannot be pulled', 'ImagePullBackOff', 'transient'],
  ['a registry is away', 'RegistryUnavailable', 'transient'],
  ['an image is damaged on the node', 'ImageInspectError', 'transient'],
  ['the agent ends without a result', 'AgentFailed', 'transient'],
  ['the Git server is away or overloaded', 'GitUnavailable', 'transient'],
  ['a Secret came after the Pod', 'SecretTooLate', 'transient'],
  ['a container goes over its memory', 'OOMKilled', 'final'],
  ['a container goes over its storage', 'StorageLimitExceeded', 'final'],
  ['no node takes the Pod', 'Unschedulable', 'final'],
  ['the node may not pull', 'ErrImageNeverPull', 'final'],
  ['the image is not signed', 'SignatureValidationFailed', 'final'],
  ['the image has no such name', 'InvalidImageName', 'final'],
  ['a Secret is missing', 'CreateContainerConfigError', 'final'],
  ['the container cannot be made', 'CreateContainerError', 'final'],
  ['the container cannot be run', 'RunContainerError', 'final'],
  ['the image has no shell', 'StartError', 'final'],
  ['the image has no shell, in the words of older runtimes', 'ContainerCannotRun', 'final'],
  ['Git refuses the credentials, or has no such commit', 'CheckoutFailed', 'final'],
  ['Git gives another file', 'ConfigDigestMismatch', 'final'],
  ['the agent is too old', 'UnsupportedStep', 'final'],
  ['the gateway was away until the end', 'ResultsUndelivered', 'final'],
  ['the stored result is gone', 'ResultLost', 'final'],
];

/** What a step does. */
const STEP_ROWS: typeof ROWS = [
  ['a step exits non-zero', 'StepFailed', 'workflow'],
  ['a step kills its supervisor', 'StepLost', 'workflow'],
  ['a step ends its container', 'StepContainerDied', 'workflow'],
  ['a step makes no output', 'OutputFailed', 'workflow'],
  ['a script has a bad template', 'InvalidScript', 'final'],
  ['an event has a bad template', 'InvalidEvent', 'final'],
  ['a condition is bad', 'ConditionFailed', 'final'],
  ['children fail', 'ChildrenFailed', 'final'],
  ['a container goes over its memory', 'OOMKilled', 'final'],
];

describe('the table of failures', () => {
  it.each(ROWS)('given that %s, then %s is %s', (_, reason, expected) => {
    expect(failureClass({ errorType: 'execution_failed', reason })).toBe(expected);
  });

  it.each(STEP_ROWS)('given that %s, then %s is %s', (_, reason, expected) => {
    expect(failureClass({ errorType: 'workflow_failed', reason })).toBe(expected);
  });

  it('given a row of the table, then there is a test for it', () => {
    const tested = new Set([...ROWS, ...STEP_ROWS].map(([, reason]) => reason));
    expect(Object.keys(FAILURES).filter(reason => !tested.has(reason))).toEqual([]);
  });

  it('given a container that died before the first step, then no step can have done it, and it does again', () => {
    expect(failureClass({ errorType: 'execution_failed', reason: 'StepContainerDied' })).toBe('final');
  });

  it('property: a time limit, a cancel and an open breaker are final, whatever the reason', () => {
    const stopped = fc.constantFrom(...(['timeout', 'canceled', 'circuit_breaker'] as const));
    fc.assert(
      fc.property(stopped, fc.constantFrom(...Object.keys(FAILURES)), (errorType, reason) => {
        expect(failureClass({ errorType, reason })).toBe('final');
      }),
    );
  });

  it('property: a word that is not in the table is final', () => {
    const words = fc.string().filter(word => !Object.hasOwn(FAILURES, word) && !word.startsWith('OutOf'));
    fc.assert(
      fc.property(fc.constantFrom(...ERROR_TYPES), fc.oneof(words, fc.constant('constructor')), (errorType, reason) => {
        expect(failureClass({ errorType, reason })).toBe('final');
      }),
    );
  });

  it('property: what a step did is never transient', () => {
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(FAILURES)), reason => {
        expect(failureClass({ errorType: 'workflow_failed', reason })).not.toBe('transient');
      }),
    );
  });
});
