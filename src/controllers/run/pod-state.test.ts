import { describe, expect, it } from 'vitest';
import { disruption, isOver, podState } from './pod-state.ts';
import {
  at,
  CREATED,
  creating,
  observedPod,
  type PodOptions,
  running,
  terminated,
  waiting,
} from './testing/builders.ts';

const state = (options: PodOptions) => podState(observedPod(options));

describe('state of a Pod', () => {
  it('given a Pod that nobody has looked at, then it is starting', () => {
    expect(podState({ ...observedPod(), status: undefined } as never)).toEqual({ kind: 'starting' });
    expect(state({})).toEqual({ kind: 'starting' });
    expect(state({ containers: { agent: creating, 'step-0': creating } })).toEqual({ kind: 'starting' });
  });

  it('given an agent that runs, then the Pod runs, whatever its phase says', () => {
    expect(state({ containers: { agent: running, 'step-0': creating } })).toEqual({
      kind: 'running',
      startedMs: CREATED + 1_000,
    });
  });

  it.each([
    ['ErrImagePull', 'ImagePullBackOff', false],
    ['ImagePullBackOff', 'ImagePullBackOff', false],
    ['ErrImageNeverPull', 'ErrImageNeverPull', false],
    ['RegistryUnavailable', 'RegistryUnavailable', false],
    ['ImageInspectError', 'ImageInspectError', false],
    ['SignatureValidationFailed', 'SignatureValidationFailed', false],
    ['InvalidImageName', 'InvalidImageName', true],
    ['CreateContainerConfigError', 'CreateContainerConfigError', false],
    ['CreateContainerError', 'CreateContainerError', true],
    ['RunContainerError', 'RunContainerError', true],
  ])('given a step container that waits because of %s, then the problem is %s', (reason, word, fatal) => {
    const found = state({ containers: { agent: running, 'step-0': waiting(reason, 'the detail') } });
    expect(found).toMatchObject({ kind: 'running', problem: { container: 'step-0', reason: word, fatal } });
    expect(found.kind === 'running' && found.problem?.message).toContain('(the detail)');
  });

  it.each([
    [
      'image',
      waiting('ErrImagePull'),
      'image step-0:1 of container step-0 cannot be pulled: check its name and spec.runTemplate.imagePullSecrets of the TakoRepository',
    ],
    ['image name', waiting('InvalidImageName'), '"step-0:1" is not a valid image name: correct image in tako.yml'],
    [
      'Secret',
      waiting('CreateContainerConfigError'),
      'check that the Secrets and keys in spec.secrets of the TakoRepository exist',
    ],
    ['start', terminated('StartError', 128), 'image step-0:1 must have /bin/sh and run as a user other than root'],
    ['start', terminated('ContainerCannotRun', 128), 'image step-0:1 must have /bin/sh'],
  ])('given a step container with a bad %s, then the message says what to do', (_, container, text) => {
    const found = state({ containers: { agent: running, 'step-0': container } });
    expect(found.kind === 'running' && found.problem?.message).toContain(text);
  });

  it('given an image error that wraps many others, then the cause at its end is told, and what began it', () => {
    const cause = 'dial tcp: lookup registry.example.com: no such host';
    const text = `failed to pull and unpack image: ${'failed to resolve reference: '.repeat(30)}${cause}`;
    const found = state({ containers: { agent: running, 'step-0': waiting('ErrImagePull', text) } });
    const message = found.kind === 'running' ? found.problem?.message : undefined;
    expect(message).toContain('(failed to pull and unpack image');
    expect(message).toContain(`${cause})`);
    expect(message?.length).toBeLessThan(600);
  });

  it.each([
    ['ErrImagePull', waiting('ErrImagePull')],
    ['StartError', terminated('StartError', 128)],
    ['InvalidImageName', waiting('InvalidImageName')],
  ])(
    'given an agent with %s, then the message is for the administrator, not for the author of tako.yml',
    (_, agent) => {
      const found = state({ containers: { agent, 'step-0': running } });
      expect(found.kind).toBe('starting');
      expect(found.kind === 'starting' && found.problem?.message).toContain('TAKO_AGENT_IMAGE');
      expect(found.kind === 'starting' && found.problem?.message).not.toContain('tako.yml');
    },
  );

  it('given a problem that can pass and one that cannot, then the latter is told', () => {
    const found = state({
      containers: { agent: running, 'step-0': waiting('ErrImagePull'), 'step-1': waiting('InvalidImageName') },
    });
    expect(found).toMatchObject({ problem: { container: 'step-1', fatal: true } });
  });

  it('given no node for the Pod, then the scheduler is quoted', () => {
    expect(state({ unschedulable: '0/3 nodes are available: 3 Insufficient cpu.' })).toEqual({
      kind: 'starting',
      problem: {
        container: '',
        reason: 'Unschedulable',
        message: 'no node takes the Pod: 0/3 nodes are available: 3 Insufficient cpu.',
        fatal: false,
      },
    });
  });

  it('given a scheduler that failed itself and tries again, then the Pod is starting', () => {
    const pod = observedPod({ unschedulable: 'running PreBind plugin "VolumeBinding": Operation cannot be fulfilled' });
    const conditions = pod.status?.conditions?.map(condition => ({ ...condition, reason: 'SchedulerError' })) ?? [];
    expect(conditions).toHaveLength(1);
    expect(podState({ ...pod, status: { ...pod.status, conditions } })).toEqual({ kind: 'starting' });
  });

  it('given containers, then a node has the Pod, whatever the scheduler said before', () => {
    expect(state({ unschedulable: 'no nodes', containers: { agent: running } })).toEqual({
      kind: 'running',
      startedMs: CREATED + 1_000,
    });
  });

  it('given a kubelet that says a lot, then it is quoted in part', () => {
    const found = state({ unschedulable: 'x'.repeat(5_000) });
    expect(found.kind === 'starting' && found.problem?.message.length).toBeLessThan(400);
  });

  it('given an agent that ended, then the Pod is finished with its message, though other containers run', () => {
    const found = state({
      phase: 'Running',
      containers: { agent: terminated('Completed', 0, '{}', 7_000), 'step-0': running },
    });
    expect(found).toEqual({
      kind: 'finished',
      message: '{}',
      exitCode: 0,
      reason: 'Completed',
      finishedMs: Date.parse(at(7_000)),
      settled: false,
    });
  });

  it('given a step container that was killed for its memory, then that is the cause, and what to do', () => {
    const found = state({
      containers: { agent: terminated('Error', 1, '{}'), 'step-0': terminated('OOMKilled', 137) },
    });
    expect(found).toMatchObject({
      kind: 'finished',
      settled: true,
      cause: { container: 'step-0', reason: 'OOMKilled' },
    });
    expect(found.kind === 'finished' && found.cause?.message).toContain('raise resources.mem_limit in tako.yml');
  });

  it('given a memory kill while the agent runs, then nothing keeps the Pod from starting: the agent will tell', () => {
    expect(state({ containers: { agent: running, 'step-0': terminated('OOMKilled', 137) } })).toEqual({
      kind: 'running',
      startedMs: CREATED + 1_000,
    });
  });

  it('given an agent that was killed for its memory, then the workflow is not blamed', () => {
    const found = state({ containers: { agent: terminated('OOMKilled', 137), 'step-0': terminated('Completed', 0) } });
    expect(found.kind === 'finished' && found.cause?.message).toContain('tell the administrator');
  });

  it('given a step container that ended by itself, then its exit code is the cause', () => {
    const found = state({
      containers: { agent: terminated('Error', 1, '{}'), 'step-0': terminated('Error', 127, 'cat: not found') },
    });
    expect(found).toMatchObject({
      cause: { reason: 'StepContainerDied', message: 'container step-0 ended with exit code 127 (cat: not found)' },
    });
  });

  it('given step containers that ended after their agent, then there is no cause', () => {
    const found = state({
      containers: { agent: terminated('Completed', 0, '{}'), 'step-0': terminated('Completed', 0) },
    });
    expect(found).not.toHaveProperty('cause');
  });

  it.each([
    [
      'evicted',
      {
        phase: 'Failed',
        reason: 'Evicted',
        message: 'The node was low on resource: memory.',
        disruption: 'TerminationByKubelet',
      },
      'Evicted',
      'low on resource',
    ],
    [
      'ended by its deadline',
      { phase: 'Failed', reason: 'DeadlineExceeded' },
      'DeadlineExceeded',
      'node ended the Pod',
    ],
    [
      'marked by the garbage collector of Pods',
      { phase: 'Failed', disruption: 'DeletionByPodGC', containers: { agent: running } },
      'DeletionByPodGC',
      'because of DeletionByPodGC',
    ],
    ['gone without a word', { phase: 'Failed' }, 'PodLost', 'look at the node'],
    ['strangely successful', { phase: 'Succeeded' }, 'PodLost', 'left no result'],
    [
      'on a lost node',
      { phase: 'Failed', containers: { agent: terminated('ContainerStatusUnknown', 137) } },
      'PodLost',
      'look at the node',
    ],
  ])('given a Pod that is %s, then it is lost with that reason', (_, options: PodOptions, reason, message) => {
    const found = state(options);
    expect(found).toMatchObject({ kind: 'lost', reason });
    expect(found.kind === 'lost' && found.message).toContain(message);
  });

  it('given a Pod that failed because its agent could not be started, then that is what is told', () => {
    const found = state({ phase: 'Failed', containers: { agent: terminated('StartError', 128, 'exec: "node"') } });
    expect(found).toMatchObject({ kind: 'lost', reason: 'StartError' });
    expect(found.kind === 'lost' && found.message).toContain('TAKO_AGENT_IMAGE');
  });
});

describe('disruption of a Pod', () => {
  it('given an eviction, then the node is quoted', () => {
    const message = 'The node was low on resource: memory.';
    const pod = observedPod({ reason: 'Evicted', message, disruption: 'TerminationByKubelet' });
    expect(disruption(pod)).toEqual({ reason: 'Evicted', message });
  });

  it('given an eviction without that condition, then the Pod went over a limit of its own', () => {
    const pod = observedPod({ reason: 'Evicted', message: 'Usage of EmptyDir volume "workspace" exceeds the limit' });
    expect(disruption(pod)).toMatchObject({
      reason: 'StorageLimitExceeded',
      message: expect.stringMatching(/EmptyDir volume "workspace" .*disk_limit/),
    });
  });

  it('given a preemption, then the message says so', () => {
    expect(disruption(observedPod({ disruption: 'PreemptionByScheduler' }))).toEqual({
      reason: 'PreemptionByScheduler',
      message: 'the Pod of the run was deleted while it ran: because of PreemptionByScheduler',
    });
  });

  it('given nothing, then somebody deleted it', () => {
    expect(disruption(observedPod())).toEqual({
      reason: 'PodDeleted',
      message: 'the Pod of the run was deleted while it ran',
    });
  });
});

describe('whether a Pod is over', () => {
  it.each<[string, PodOptions, boolean]>([
    ['that has failed', { phase: 'Failed' }, true],
    ['that has succeeded', { phase: 'Succeeded' }, true],
    ['that runs', { phase: 'Running', bound: true }, false],
    [
      'whose agent has ended while another container runs',
      { containers: { agent: terminated('Completed', 0) } },
      false,
    ],
    ['without a node', {}, false],
    ['without a node that is being deleted', { deletedAfter: 0 }, true],
    ['on a node that is being deleted', { deletedAfter: 0, bound: true }, false],
    [
      'that is being deleted and whose node does not answer',
      { deletedAfter: 0, containers: { agent: running } },
      false,
    ],
    ['of which nobody knows', { phase: 'Unknown', bound: true }, false],
  ])('given one %s', (_, options, over) => {
    expect(isOver(observedPod(options))).toBe(over);
  });
});
