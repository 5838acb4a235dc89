import { describe, expect, test } from 'vitest';
import { takoRepositories, takoRuns } from '../../../src/api/resources.ts';
import { pods, secrets } from '../../../src/kube/objects.ts';
import { until } from '../../fixtures/until.ts';
import { tellEnd } from './agent.ts';
import { createWorld, gone } from './world.ts';

const FILE = `version: 0.1.0
workflows:
  release:
    inputs: {bump: {type: string, default: patch}}
    steps: ["./build.sh {{ .inputs.bump }}"]
`;
const workflow = { repositoryRef: { name: 'core-lib' }, name: 'release' };

describe('a run of a workflow', () => {
  test('given a good run, then it goes from its Pod to Succeeded, and all that it should tell is told', async () => {
    const world = await createWorld();
    const commit = await world.repository('core-lib', FILE);
    const run = await world.run({ workflow: { ...workflow, inputs: { bump: 'minor' } } });

    const pod = await world.pod(run);
    await world.kubelet.bind(pod);
    await world.kubelet.run(pod);
    const started = await world.phase(run, 'Running');
    expect(started.status).toMatchObject({
      repository: 'acme/core-lib',
      revision: commit,
      attempts: [{ number: 1, podName: pod.metadata.name, podUID: pod.metadata.uid }],
      runId: expect.stringMatching(/^exec-\d{8}-\d{6}-[0-9a-f]{8}$/),
    });

    const steps = [{ id: 'step-1', phase: 'Succeeded' as const, exitCode: 0, durationMilliseconds: 12 }];
    await world.kubelet.finish(pod, { steps, outputs: { 'step-1.version': '1.4.0' } });
    const ended = await world.phase(run, 'Succeeded');
    expect(ended.status).toMatchObject({
      steps,
      outputs: { 'step-1.version': '1.4.0' },
      completionTime: expect.any(String),
    });
    const conditions = ended.status?.conditions?.map(({ type, status, reason }) => `${type}=${status} ${reason}`);
    expect(conditions).toEqual(['Ready=True Succeeded', 'Reconciling=False Succeeded', 'Stalled=False Succeeded']);
    expect(await world.event(run, 'Succeeded')).toMatchObject({ type: 'Normal', note: 'all steps ended' });
    await until('the finalizer to be gone', async () => (await world.pod(run)).metadata.finalizers === undefined);
  });

  test('given a run that is quick, then its status is written once, and nothing more', async () => {
    const world = await createWorld();
    await world.repository('core-lib', FILE);
    await world.ready('core-lib');
    const run = await world.run({ workflow });
    const pod = await world.pod(run);
    await world.kubelet.finish(pod, {});
    const ended = await world.phase(run, 'Succeeded');
    const writes = world.operator.log.filter(({ message }) => message === 'status written');
    expect(writes).toHaveLength(1);
    await until('the finalizer to be gone', async () => (await world.pod(run)).metadata.finalizers === undefined);
    expect((await world.get(run)).metadata.resourceVersion).toBe(ended.metadata.resourceVersion);
  });

  test("given an agent that tells its success, then the run has ended before the kubelet's report, which changes nothing", async () => {
    const world = await createWorld();
    await world.repository('core-lib', FILE);
    await world.ready('core-lib');
    const run = await world.run({ workflow });
    const pod = await world.pod(run);
    const result = { outputs: { 'step-1.version': '1.4.0' } };
    await until('the Pod to be known', async () => {
      expect(await tellEnd(world, pod, result)).toBe(200);
      return (await world.get(run)).status?.phase === 'Succeeded';
    });
    const ended = await world.get(run);
    expect(ended.status).toMatchObject({ ...result, attempts: [{ number: 1, podUID: pod.metadata.uid }] });
    expect((await world.pod(run)).status?.phase).toBe('Pending');
    await until('the finalizer to be gone', async () => (await world.pod(run)).metadata.finalizers === undefined);

    await world.kubelet.finish(pod, result);
    const later = await world.run({ workflow });
    await world.kubelet.finish(await world.pod(later));
    await world.phase(later, 'Succeeded');
    expect((await world.get(run)).metadata.resourceVersion).toBe(ended.metadata.resourceVersion);
  });

  test('given a Pod that is force-deleted when it has just finished, then its result is not lost', async () => {
    const world = await createWorld();
    await world.repository('core-lib', FILE);
    await world.ready('core-lib');
    const run = await world.run({ workflow });
    const pod = await world.pod(run);
    await world.operator.stop();
    await world.kubelet.finish(pod, { outputs: { 'a.b': 'c' } });
    await world.kubelet.remove(pod);
    expect((await world.pod(run)).metadata.deletionTimestamp).toBeDefined();

    await restart(world);
    expect((await world.phase(run, 'Succeeded')).status?.outputs).toEqual({ 'a.b': 'c' });
    await until('the Pod to be gone', async () => (await world.pods(run)).length === 0);
  });

  test('given an operator that is killed and comes back, then there is one Pod, and the run ends', async () => {
    const world = await createWorld();
    await world.repository('core-lib', FILE);
    await world.ready('core-lib');
    const runs = await Promise.all(Array.from({ length: 5 }, () => world.run({ workflow })));
    const first = await Promise.all(runs.map(run => world.pod(run)));
    await world.operator.kill();
    await Promise.all(first.slice(0, 3).map(pod => world.kubelet.finish(pod, {})));
    await restart(world);
    await Promise.all(first.slice(3).map(pod => world.kubelet.finish(pod, {})));
    for (const run of runs) await world.phase(run, 'Succeeded');
    const uids = (await world.pods()).map(({ metadata }) => metadata.uid).sort();
    expect(uids).toEqual(first.map(({ metadata }) => metadata.uid).sort());
  });

  test('given a run that is deleted in the middle, then nothing of it is left', async () => {
    const world = await createWorld();
    await world.repository('core-lib', FILE);
    const run = await world.run({ workflow });
    const pod = await world.pod(run);
    await world.kubelet.bind(pod);
    await world.kubelet.run(pod);
    await world.phase(run, 'Running');
    const { namespace, client } = world;
    await client.delete(takoRuns, { namespace, name: run.metadata.name });
    await until('the Pod to be told to end', async () => {
      const [found] = await world.pods();
      return found?.metadata.deletionTimestamp !== undefined && found.metadata.finalizers === undefined;
    });
    await world.kubelet.remove(pod);
    await until('the Pod to be gone', () => gone(client.get(pods, { namespace, name: pod.metadata.name })));
    expect(await gone(client.get(takoRuns, { namespace, name: run.metadata.name }))).toBe(true);
  });

  test('given a run that was deleted while the operator was away, then its Pod goes all the same', async () => {
    const world = await createWorld();
    await world.repository('core-lib', FILE);
    const run = await world.run({ workflow });
    await world.pod(run);
    await world.operator.stop();
    await world.client.delete(takoRuns, { namespace: world.namespace, name: run.metadata.name });
    await restart(world);
    await until('the Pod to be gone', async () => (await world.pods()).length === 0);
  });

  test('given a cancel, then the Pod ends and the run is Canceled', async () => {
    const world = await createWorld();
    await world.repository('core-lib', FILE);
    const run = await world.run({ workflow });
    const pod = await world.pod(run);
    await world.kubelet.bind(pod);
    await world.kubelet.run(pod);
    await world.phase(run, 'Running');
    await world.client.mergePatch(takoRuns, { ...world, name: run.metadata.name }, { spec: { cancel: true } });
    await until(
      'the Pod to be told to end',
      async () => (await world.pod(run)).metadata.deletionTimestamp !== undefined,
    );
    await world.kubelet.finish(pod, { state: 'failed', errorType: 'canceled', reason: 'Canceled', message: 'stopped' });
    expect((await world.phase(run, 'Canceled')).status).toMatchObject({ errorType: 'canceled' });
    await world.kubelet.remove(pod);
    await until('the Pod to be gone', async () => (await world.pods()).length === 0);
  });

  test('given a cancel before the Pod is on a node, then the run is Canceled, and no Pod is left', async () => {
    const world = await createWorld();
    await world.repository('core-lib', FILE);
    const run = await world.run({ workflow });
    await world.pod(run);
    await world.client.mergePatch(takoRuns, { ...world, name: run.metadata.name }, { spec: { cancel: true } });
    await world.phase(run, 'Canceled');
    await until('the Pod to be gone', async () => (await world.pods()).length === 0);
  });

  test('given a repository with credentials, then operator and agent have them, and no step', async () => {
    const world = await createWorld();
    world.git.setCredentials({ username: 'me', password: 'hunter2' });
    await world.repository('core-lib', FILE, { spec: { secretRef: { name: 'git' } } });
    const run = await world.run({ workflow });
    const { status } = await world.reason(run, 'RepositoryNotReady');
    expect(status?.message).toContain('is not ready');
    const values = { username: 'me', password: 'hunter2' };
    const metadata = { name: 'git', namespace: world.namespace };
    await world.client.create(secrets, { apiVersion: 'v1', kind: 'Secret', metadata, stringData: values });
    await world.client.mergePatch(
      takoRepositories,
      { ...world, name: 'core-lib' },
      { metadata: { annotations: { 'reconcile.tako.dev/requestedAt': '1' } } },
    );
    const pod = await world.pod(run);
    const holders = pod.spec.containers.filter(({ volumeMounts }) =>
      volumeMounts?.some(({ name }) => name === 'git-credentials'),
    );
    expect(holders.map(({ name }) => name)).toEqual(['agent']);
    expect(JSON.stringify(pod)).not.toContain('hunter2');
  });

  test('given a suspended run, when it is no longer, then it starts', async () => {
    const world = await createWorld();
    await world.repository('core-lib', FILE);
    const run = await world.run({ workflow, suspend: true });
    await world.reason(run, 'Suspended');
    expect(await world.pods()).toEqual([]);
    await world.client.mergePatch(takoRuns, { ...world, name: run.metadata.name }, { spec: { suspend: false } });
    await world.pod(run);
  });

  test('given a dry run, then it succeeds without a Pod and says what it would do', async () => {
    const world = await createWorld();
    await world.repository('core-lib', FILE);
    const run = await world.run({ workflow, dryRun: true });
    expect((await world.phase(run, 'Succeeded')).status?.message).toContain(
      'dry run: release of acme/core-lib would run',
    );
    expect(await world.pods()).toEqual([]);
  });

  test('given a time limit that passes, then the agent says so, or else the operator', async () => {
    const world = await createWorld();
    await world.repository('core-lib', FILE);
    const run = await world.run({ workflow, timeout: '1h' });
    const pod = await world.pod(run);
    await world.kubelet.finish(pod, { state: 'failed', errorType: 'timeout', reason: 'TimedOut', message: 'over' });
    expect((await world.phase(run, 'TimedOut')).status).toMatchObject({ errorType: 'timeout', timeoutExceeded: true });
    const late = await world.run({ workflow, timeout: '1ms' });
    expect((await world.phase(late, 'TimedOut')).status).toMatchObject({ timeoutExceeded: true });
    expect(await world.pods(late)).toEqual([]);
  });

  test('given a time to live, then the run goes after it, and its Pod with it', async () => {
    const world = await createWorld();
    await world.repository('core-lib', FILE);
    const run = await world.run({ workflow, ttlSecondsAfterFinished: 1 });
    await world.kubelet.finish(await world.pod(run), {});
    await until('the run to be gone', () => gone(world.get(run)));
    await until('its Pod to be gone', async () => (await world.pods()).length === 0);
  });
});

async function restart(world: Awaited<ReturnType<typeof createWorld>>): Promise<void> {
  const { startTestOperator } = await import('../test-operator.ts');
  world.operator = await startTestOperator({ namespace: world.namespace });
}
