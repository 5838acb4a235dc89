import { describe, expect, test } from 'vitest';
import { takoRuns } from '../../../src/api/resources.ts';
import type { TakoRunSpec } from '../../../src/api/takorun.ts';
import { type Live, type Pod, pods } from '../../../src/kube/objects.ts';
import { until } from '../../fixtures/until.ts';
import { terminated, waiting } from '../run/kubelet.ts';
import { createWorld, type World } from '../run/world.ts';
import { startTestOperator } from '../test-operator.ts';

const FILE = `version: 0.1.0
workflows:
  release:
    steps: [./build.sh]
`;
const workflow: TakoRunSpec['workflow'] = { repositoryRef: { name: 'core-lib' }, name: 'release' };
/** Whole seconds are what a status can tell, so a wait takes up to a second more than this. */
const quick = { backoff: { initial: '10ms' } };
type Run = Awaited<ReturnType<World['run']>>;

async function start(spec: Partial<TakoRunSpec> = {}, settings = {}): Promise<{ world: World; run: Run }> {
  const world = await createWorld({ settings });
  await world.repository('core-lib', FILE);
  await world.ready('core-lib');
  return { world, run: await world.run({ workflow, retry: quick, ...spec }) };
}

/** Waits for the Pod of an attempt. */
async function podOf(world: World, run: Run, attempt: number): Promise<Live<Pod>> {
  let found: Live<Pod> | undefined;
  await until(
    `Pod ${attempt} of ${run.metadata.name}`,
    async () => {
      const all = await world.pods(run);
      found = all.find(pod => pod.metadata.labels?.['tako.dev/attempt'] === String(attempt));
      return found !== undefined;
    },
    { timeoutMs: 30_000, everyMs: 20 },
  );
  return found!;
}

/** A new operator in place of the one that was killed. */
async function restart(world: World): Promise<void> {
  world.operator = await startTestOperator({ namespace: world.namespace });
}

/** What a node says that evicts for its own sake. */
const evicted = {
  phase: 'Failed',
  reason: 'Evicted',
  message: 'The node was low on resource: memory.',
  conditions: [{ type: 'DisruptionTarget', status: 'True', reason: 'TerminationByKubelet' }],
};

describe('a run whose Pod is lost', () => {
  test('given an eviction, then another Pod follows, and the run succeeds with both attempts on record', async () => {
    const { world, run } = await start();
    const first = await podOf(world, run, 1);
    await world.kubelet.bind(first);
    await world.kubelet.run(first);
    await world.phase(run, 'Running');
    await world.kubelet.report(first, {}, evicted);

    const second = await podOf(world, run, 2);
    expect(second.metadata.name).not.toBe(first.metadata.name);
    expect(await world.event(run, 'RetryBackoff', 'attempt 1 of 4 ended (Evicted)')).toMatchObject({ type: 'Warning' });
    await until('the first Pod to be let go', async () => {
      const [old] = (await world.pods(run)).filter(({ metadata }) => metadata.uid === first.metadata.uid);
      return (old?.metadata.finalizers ?? []).length === 0;
    });
    await world.kubelet.finish(second, { outputs: { 'build.version': '1.4.0' } });
    const { status } = await world.phase(run, 'Succeeded');
    expect(status).toMatchObject({
      outputs: { 'build.version': '1.4.0' },
      attempts: [
        { number: 1, podUID: first.metadata.uid, reason: 'Evicted', completionTime: expect.any(String) },
        { number: 2, podUID: second.metadata.uid, reason: 'Succeeded' },
      ],
    });
    expect(status).not.toHaveProperty('errorType');
  });

  test('given all attempts lost, then the run fails with the last reason, after as many Pods as it may have', async () => {
    const { world, run } = await start({ retry: { ...quick, limit: 2 } });
    for (const attempt of [1, 2, 3]) await world.kubelet.report(await podOf(world, run, attempt), {}, evicted);
    const { status } = await world.phase(run, 'Failed');
    expect(status).toMatchObject({
      errorType: 'execution_failed',
      message: expect.stringContaining('low on resource'),
    });
    expect(status?.attempts?.map(({ number, reason }) => `${number} ${reason}`)).toEqual([
      '1 Evicted',
      '2 Evicted',
      '3 Evicted',
    ]);
    expect(await world.pods(run)).toHaveLength(3);
  });

  test('given an operator that is killed between two attempts, then the next one is made once', async () => {
    const { world, run } = await start({ retry: { backoff: { initial: '3s' } } });
    const first = await podOf(world, run, 1);
    await world.kubelet.report(first, {}, evicted);
    await world.reason(run, 'RetryBackoff');
    await world.operator.kill();
    await restart(world);
    const second = await podOf(world, run, 2);
    await world.kubelet.run(second);
    await world.phase(run, 'Running');
    await world.operator.kill();
    await restart(world);
    await world.kubelet.finish(second);
    expect((await world.phase(run, 'Succeeded')).status?.attempts).toHaveLength(2);
    expect(await world.pods(run)).toHaveLength(2);
  });

  test('given a node that does not answer, then the next Pod waits until its Pod has ended', async () => {
    const { world, run } = await start();
    const first = await podOf(world, run, 1);
    await world.kubelet.bind(first);
    await world.kubelet.run(first);
    await world.phase(run, 'Running');
    await world.client.delete(pods, { ...world, name: first.metadata.name }, { gracePeriodSeconds: 1 });
    await world.reason(run, 'PodTerminating', 60_000);
    expect(await world.pods(run)).toHaveLength(1);
    expect((await podOf(world, run, 1)).metadata.finalizers).toEqual(['tako.dev/tracking']);
    // What the garbage collector of Pods does once the Node is deleted.
    const marked = [{ type: 'DisruptionTarget', status: 'True', reason: 'DeletionByPodGC' }];
    await world.kubelet.report(first, {}, { phase: 'Failed', conditions: marked });
    await world.kubelet.finish(await podOf(world, run, 2));
    expect((await world.phase(run, 'Succeeded')).status?.attempts).toMatchObject([{ reason: 'PodDeleted' }, {}]);
  });

  test('given a cancel between two attempts, then there is no other one', async () => {
    const { world, run } = await start({ retry: { backoff: { initial: '1m' } } });
    await world.kubelet.report(await podOf(world, run, 1), {}, evicted);
    await world.reason(run, 'RetryBackoff');
    await world.client.mergePatch(takoRuns, { ...world, name: run.metadata.name }, { spec: { cancel: true } });
    await world.phase(run, 'Canceled');
    expect(await world.pods(run)).toHaveLength(1);
  });
});

describe('only what may pass is tried again', () => {
  const failed = { state: 'failed', errorType: 'workflow_failed', reason: 'StepFailed', message: 'exit 1' } as const;

  test('given an image that cannot be pulled in time, then another Pod tries', async () => {
    const { world, run } = await start({}, { TAKO_START_TIMEOUT: '4s' });
    const first = await podOf(world, run, 1);
    await world.kubelet.bind(first);
    await world.kubelet.report(first, { 'step-0': waiting('ErrImagePull', 'registry is away') });
    await world.reason(run, 'ImagePullBackOff');
    await until(
      'the Pod to be told to end',
      async () => (await podOf(world, run, 1)).metadata.deletionTimestamp !== undefined,
      { timeoutMs: 30_000 },
    );
    // Before a Pod goes, its kubelet gives it a phase that is final.
    await world.kubelet.report(first, {}, { phase: 'Failed' });
    await world.kubelet.finish(await podOf(world, run, 2));
    expect((await world.phase(run, 'Succeeded')).status?.attempts?.[0]?.reason).toBe('ImagePullBackOff');
  });

  test.each([
    ['a step that fails', failed],
    ['a checkout that is refused', { ...failed, errorType: 'execution_failed', reason: 'CheckoutFailed' } as const],
  ])('given %s, then the run fails at once', async (_, result) => {
    const { world, run } = await start();
    await world.kubelet.finish(await podOf(world, run, 1), result);
    expect((await world.phase(run, 'Failed')).status?.attempts).toHaveLength(1);
    expect(await world.pods(run)).toHaveLength(1);
  });

  test('given a step that is killed for its memory, then the run fails at once', async () => {
    const { world, run } = await start();
    const died = { protocol: 1, ...failed, reason: 'StepContainerDied', steps: [] };
    await world.kubelet.report(
      await podOf(world, run, 1),
      { agent: terminated('Error', 1, JSON.stringify(died)), 'step-0': terminated('OOMKilled', 137) },
      { phase: 'Failed' },
    );
    const { status } = await world.phase(run, 'Failed');
    expect(status?.attempts).toMatchObject([{ reason: 'OOMKilled' }]);
  });

  test('given a step that fails in a run that asks for it, then it is tried again', async () => {
    const { world, run } = await start({ retry: { ...quick, limit: 1, onWorkflowFailure: true } });
    await world.kubelet.finish(await podOf(world, run, 1), failed);
    await world.kubelet.finish(await podOf(world, run, 2), failed);
    expect((await world.phase(run, 'Failed')).status).toMatchObject({
      errorType: 'workflow_failed',
      attempts: [{ reason: 'StepFailed' }, { reason: 'StepFailed' }],
    });
    expect(await world.pods(run)).toHaveLength(2);
  });
});
