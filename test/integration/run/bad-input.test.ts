import { describe, expect, test } from 'vitest';
import type { TakoRunSpec } from '../../../src/api/takorun.ts';
import { until } from '../../fixtures/until.ts';
import { terminated, waiting } from './kubelet.ts';
import { createWorld, type World } from './world.ts';

const FILE = `version: 0.1.0
workflows:
  release:
    inputs:
      bump: {type: string, default: patch, validation: {enum: [major, minor, patch]}}
      count: {type: number, default: 1}
    steps: [./build.sh]
  secret:
    secrets: [TOKEN]
    steps: [{run: ./build.sh, env: {GH: TOKEN}}]
  volume:
    steps: [{run: ./build.sh, volumes: [{source: data, destination: /data}]}]
`;

const quick = {
  TAKO_REPOSITORY_TIMEOUT: '2s',
  TAKO_START_TIMEOUT: '5s',
  TAKO_GIT_TIMEOUT: '2s',
};
const workflow = (changes: Partial<NonNullable<TakoRunSpec['workflow']>> = {}): TakoRunSpec => ({
  workflow: { repositoryRef: { name: 'core-lib' }, name: 'release', ...changes },
});
/** With one attempt. */
const once: TakoRunSpec = { ...workflow(), retry: { limit: 0 } };
const event = (source: string, changes: object = {}): TakoRunSpec => ({ event: { type: 'built', source, ...changes } });

/** The run fails with this reason and text; a condition and an event say so, and no Pod is left. */
async function expectFailure(world: World, spec: TakoRunSpec, reason: string, text: string): Promise<void> {
  const run = await world.run(spec);
  const { status } = await world.phase(run, 'Failed');
  expect(status?.errorType).toBe('execution_failed');
  expect(status?.conditions?.find(({ type }) => type === 'Stalled')).toMatchObject({ status: 'True', reason });
  expect(status?.message).toContain(text);
  expect(await world.event(run, reason, text)).toMatchObject({ type: 'Warning' });
  expect(await world.pods(run)).toEqual([]);
}

describe('bad input', () => {
  test.each<[string, TakoRunSpec, string, string]>([
    [
      'an unknown repository',
      workflow({ repositoryRef: { name: 'nobody' } }),
      'RepositoryNotFound',
      'there is no TakoRepository nobody in namespace',
    ],
    [
      'an unknown workflow',
      workflow({ name: 'relaese' }),
      'WorkflowNotFound',
      'has no workflow "relaese": did you mean release?',
    ],
    [
      'a workflow that every object has',
      workflow({ name: 'constructor' }),
      'WorkflowNotFound',
      'has no workflow "constructor"',
    ],
    [
      'an unknown input',
      workflow({ inputs: { bmup: 'x' } }),
      'InvalidInputs',
      'input bmup: the workflow has no such input',
    ],
    [
      'a wrong type',
      workflow({ inputs: { count: 'many' } }),
      'InvalidInputs',
      'input count: expected a number, got "many"',
    ],
    [
      'an enum violation',
      workflow({ inputs: { bump: 'huge' } }),
      'InvalidInputs',
      'input bump: expected one of major, minor, patch, got "huge"',
    ],
    ['an unknown ref', workflow({ ref: 'v9' }), 'RefNotFound', 'v9'],
    [
      'a secret that nobody provides',
      workflow({ name: 'secret' }),
      'NotAllowed',
      'secret TOKEN is not in spec.secrets',
    ],
    [
      'a volume that is not allowed',
      workflow({ name: 'volume' }),
      'NotAllowed',
      'volume "data" is not in spec.runTemplate.volumes',
    ],
    [
      'a source that is no repository of the namespace',
      event('acme/elsewhere:default'),
      'SourceNotFound',
      'there is no TakoRepository acme/elsewhere in namespace',
    ],
    [
      'an artifact that the source does not have',
      event('acme/core-lib:docs'),
      'ArtifactNotFound',
      'acme/core-lib has no artifact "docs": it has default',
    ],
    [
      'a payload that is too large',
      event('acme/core-lib:default', { payload: 'x'.repeat(70_000) }),
      'InvalidPayload',
      '65536',
    ],
  ])('given %s, then the run fails, says what is wrong, and leaves no Pod', async (_, spec, reason, text) => {
    // A ref that is not there needs an answer of the Git server.
    const world = await createWorld({ settings: { ...quick, TAKO_GIT_TIMEOUT: '20s' } });
    await world.repository('core-lib', FILE);
    await world.ready('core-lib');
    await expectFailure(world, spec, reason, text);
  });

  test.each<[string, string | null, string, string]>([
    ['no tako.yml', null, 'RepositoryNotReady', 'tako.yml'],
    ['a broken tako.yml', 'version: 0.1.0\nworkfows: {}\n', 'RepositoryNotReady', 'did you mean "workflows"?'],
    ['a tako.yml that is no YAML', 'version: [', 'RepositoryNotReady', 'tako.yml:'],
  ])('given a repository with %s, then its runs say so', async (_, file, reason, text) => {
    const world = await createWorld({ settings: quick });
    await world.repository('core-lib', file);
    // Else its time may be over before anybody has read it.
    await world.stalled('core-lib');
    await expectFailure(world, workflow(), reason, text);
  });

  test('given a repository that does not answer, then its runs say so, in time', async () => {
    const world = await createWorld({ settings: quick });
    world.git.setFault({ kind: 'hang' });
    await world.repository('core-lib', FILE);
    await expectFailure(world, workflow(), 'RepositoryNotReady', 'TakoRepository core-lib is not ready');
  });

  test('given a Git server that goes away after the repository was ready, then a run of another ref says so, in time', async () => {
    const world = await createWorld({ settings: quick });
    await world.repository('core-lib', FILE);
    await world.ready('core-lib');
    world.git.setFault({ kind: 'hang' });
    await expectFailure(world, workflow({ ref: 'main' }), 'TimedOut', 'did not answer within 2 s');
  });

  test('given a repository that is applied after its run, then the run waits for it and starts', async () => {
    const world = await createWorld({ settings: { ...quick, TAKO_REPOSITORY_TIMEOUT: '30s' } });
    const run = await world.run(workflow());
    await world.reason(run, 'RepositoryNotFound');
    await world.repository('core-lib', FILE);
    await world.pod(run);
    expect((await world.eventsOf(run)).map(({ reason }) => reason)).toContain('RepositoryNotFound');
  });
});

describe('a Pod that does not start', () => {
  test.each([
    ['an image that cannot be pulled', waiting('ErrImagePull', 'no such image'), 'ImagePullBackOff', 'no such image'],
    [
      'a Secret that is missing',
      waiting('CreateContainerConfigError', 'secret "x" not found'),
      'CreateContainerConfigError',
      'secret "x" not found',
    ],
  ])('given %s, then it is told at once, and the run fails in time', async (_, state, reason, text) => {
    const world = await createWorld({ settings: quick });
    await world.repository('core-lib', FILE);
    await world.ready('core-lib');
    const run = await world.run(once);
    const pod = await world.pod(run);
    await world.kubelet.report(pod, { 'step-0': state });
    await world.reason(run, reason);
    expect(await world.event(run, reason, text)).toMatchObject({ type: 'Warning' });
    const { status } = await world.phase(run, 'Failed');
    expect(status).toMatchObject({ errorType: 'execution_failed', message: expect.stringContaining(text) });
    await until('the Pod to be gone', async () => (await world.pods()).length === 0);
  });

  test.each([
    [
      'an image without a shell',
      terminated('StartError', 128, 'exec: "/bin/sh": no such file'),
      'StartError',
      'must have /bin/sh',
    ],
    [
      'an image name that is none',
      waiting('InvalidImageName', 'invalid reference format'),
      'InvalidImageName',
      'is not a valid image name',
    ],
  ])('given %s, then the run fails at once', async (_, state, reason, text) => {
    const world = await createWorld();
    await world.repository('core-lib', FILE);
    await world.ready('core-lib');
    const run = await world.run(once);
    await world.kubelet.report(await world.pod(run), { 'step-0': state });
    const { status } = await world.phase(run, 'Failed');
    expect(status).toMatchObject({ errorType: 'execution_failed', message: expect.stringContaining(text) });
    await world.event(run, reason, text);
    await until('the Pod to be gone', async () => (await world.pods()).length === 0);
  });

  test('given a step that is killed for its memory, then the run says so, and what to do', async () => {
    const world = await createWorld();
    await world.repository('core-lib', FILE);
    await world.ready('core-lib');
    const run = await world.run(once);
    const pod = await world.pod(run);
    const result = {
      protocol: 1,
      state: 'failed',
      errorType: 'workflow_failed',
      reason: 'StepContainerDied',
      message: 'step step-1: the container ended',
      steps: [],
    };
    await world.kubelet.report(pod, { agent: terminated('Error', 1, JSON.stringify(result)) });
    await world.kubelet.report(pod, {
      agent: terminated('Error', 1, JSON.stringify(result)),
      'step-0': terminated('OOMKilled', 137),
    });
    const { status } = await world.phase(run, 'Failed');
    expect(status).toMatchObject({
      errorType: 'workflow_failed',
      message: expect.stringContaining('raise resources.mem_limit in tako.yml'),
    });
    expect(await world.event(run, 'OOMKilled')).toMatchObject({ type: 'Warning' });
  });

  test('given a Pod that hangs without a reason, then the run fails in time, and points to its events', async () => {
    const world = await createWorld({ settings: quick });
    await world.repository('core-lib', FILE);
    await world.ready('core-lib');
    await world.kubelet.start();
    const run = await world.run(once);
    const pod = await world.pod(run);
    await world.kubelet.bind(pod);
    await world.kubelet.report(pod, { agent: waiting('ContainerCreating'), 'step-0': waiting('ContainerCreating') });
    const { status } = await world.phase(run, 'Failed');
    expect(status?.message).toContain(`involvedObject.name=${pod.metadata.name}`);
    const isGoing = async () => (await world.pod(run)).metadata.deletionTimestamp !== undefined;
    await until('the Pod to be told to end', isGoing);
    await world.kubelet.remove(await world.pod(run));
    await until('the Pod to be gone', async () => (await world.pods()).length === 0);
  });
});
