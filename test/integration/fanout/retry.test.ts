import { describe, expect, test } from 'vitest';
import { takoRuns } from '../../../src/api/resources.ts';
import type { TakoRunSpec } from '../../../src/api/takorun.ts';
import { type Live, type Pod, pods } from '../../../src/kube/objects.ts';
import type { Outcome } from '../../fixtures/kwok/stages.ts';
import { until } from '../../fixtures/until.ts';
import { startTestOperator } from '../test-operator.ts';
import { createPlayedWorld, nodes, type PlayedWorld, type PlayOptions } from './fixture.ts';

const FILE = `version: 0.1.0
workflows:
  release:
    steps: [{id: test, run: ./test.sh}]
`;
const workflow: TakoRunSpec['workflow'] = { repositoryRef: { name: 'core-lib' }, name: 'release' };
/** Whole seconds are what a status can tell, so a wait takes up to a second more than this. */
const quick = { backoff: { initial: '10ms' } };
const PATIENT = { timeoutMs: 120_000, everyMs: 50 };
/** The garbage collector of Pods looks at Nodes that are gone every 20 s, and again after 40 s. */
const SLOW = { timeout: 240_000 };
type Run = Awaited<ReturnType<PlayedWorld['run']>>;

interface Start extends PlayOptions {
  readonly spec?: Partial<TakoRunSpec>;
  readonly settings?: Readonly<Record<string, string>>;
}

/** A run whose Pods go like this. */
async function start(
  outcome: Outcome,
  { spec = {}, settings = {}, ...play }: Start = {},
): Promise<{ world: PlayedWorld; run: Run }> {
  const world = await createPlayedWorld({ settings });
  await world.repository('core-lib', FILE, { spec: { runTemplate: world.plays(outcome, play) } });
  await world.ready('core-lib');
  return { world, run: await world.run({ workflow, retry: quick, ...spec }) };
}

/** Waits for the Pod of an attempt, as far as the condition asks. */
async function podOf(
  world: PlayedWorld,
  run: Run,
  attempt: number,
  condition: (pod: Live<Pod>) => boolean = () => true,
): Promise<Live<Pod>> {
  let found: Live<Pod> | undefined;
  const look = async () => {
    const all = await world.pods(run);
    found = all.find(pod => pod.metadata.labels?.['tako.dev/attempt'] === String(attempt));
    return found !== undefined && condition(found);
  };
  await until(`Pod ${attempt} of ${run.metadata.name}`, look, PATIENT);
  return found!;
}

const isRunning = (pod: Live<Pod>) => pod.status?.phase === 'Running';

async function restart(world: PlayedWorld): Promise<void> {
  await world.operator.kill();
  world.operator = await startTestOperator({ namespace: world.namespace });
}

/** Ends, and says how, each attempt as `<number> <reason>`. */
async function attempts(world: PlayedWorld, run: Run, phase: 'Succeeded' | 'Failed'): Promise<(string | undefined)[]> {
  const { status } = await world.phase(run, phase, PATIENT.timeoutMs);
  return (status?.attempts ?? []).map(({ number, reason }) => `${number} ${reason}`);
}

describe('a Pod that ends for a reason that may pass', () => {
  test.each<[Outcome, string]>([
    ['evicted', 'Evicted'],
    ['node-shutdown', 'Terminated'],
    ['crash', 'AgentFailed'],
    ['git-away', 'GitUnavailable'],
    ['image-pull', 'ImagePullBackOff'],
    ['pending', 'PodNotStarted'],
  ])('given one that is played as %s, then another one follows, and the run succeeds', async (outcome, reason) => {
    const { world, run } = await start('succeed', {
      attempts: { 1: outcome },
      settings: { TAKO_START_TIMEOUT: '7s' },
    });
    expect(await attempts(world, run, 'Succeeded')).toEqual([`1 ${reason}`, '2 Succeeded']);
    expect((await world.get(run)).status).not.toHaveProperty('errorType');
    const told = await world.event(run, 'RetryBackoff', `attempt 1 of 4 ended (${reason})`);
    expect(told).toMatchObject({ type: 'Warning' });
    const first = (await world.pods(run)).filter(pod => pod.metadata.labels?.['tako.dev/attempt'] === '1');
    expect(first.map(({ metadata }) => metadata.finalizers ?? [])).toEqual(first.map(() => []));
  });

  test('given a taint that evicts it, as for a spot instance or an unreachable node, then another one follows', async () => {
    const { world, run } = await start('succeed', { attempts: { 1: 'hang' } });
    await podOf(world, run, 1, isRunning);
    const { spec } = await world.client.get(nodes, { name: world.node });
    const spot = { key: 'spot.example.com/going', value: 'soon', effect: 'NoExecute' };
    await world.client.mergePatch(nodes, { name: world.node }, { spec: { taints: [...(spec.taints ?? []), spot] } });
    await world.reason(run, 'RetryBackoff', PATIENT.timeoutMs);
    await world.client.mergePatch(nodes, { name: world.node }, { spec: { taints: spec.taints } });
    expect(await attempts(world, run, 'Succeeded')).toEqual(['1 DeletionByTaintManager', '2 Succeeded']);
  });

  test('given a Pod of a higher priority that needs its place, then another one follows', async () => {
    const world = await createPlayedWorld();
    const { labels, annotations, ...placed } = world.plays('hang');
    // More than half of the Node.
    const requests = { cpu: '60000' };
    const runTemplate = { ...world.plays('succeed', { attempts: { 1: 'hang' } }), resources: { requests } };
    await world.repository('core-lib', FILE, { spec: { runTemplate } });
    const run = await world.run({ workflow, retry: quick });
    await podOf(world, run, 1, isRunning);
    const { namespace } = world;
    const securityContext = {
      runAsNonRoot: true,
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
      seccompProfile: { type: 'RuntimeDefault' },
    };
    await world.client.create(pods, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'important', namespace, labels, annotations },
      spec: {
        ...placed,
        priorityClassName: 'system-cluster-critical',
        containers: [{ name: 'agent', image: 'important:1', resources: { requests }, securityContext }],
      },
    } as Pod);
    await world.reason(run, 'RetryBackoff', PATIENT.timeoutMs);
    await world.client.delete(pods, { namespace, name: 'important' }, { gracePeriodSeconds: 0 });
    expect(await attempts(world, run, 'Succeeded')).toEqual(['1 PreemptionByScheduler', '2 Succeeded']);
  });

  test('given a drain, then another one follows', async () => {
    const { world, run } = await start('succeed', { attempts: { 1: 'hang' } });
    const { metadata } = await podOf(world, run, 1, isRunning);
    await world.client.raw(`/api/v1/namespaces/${metadata.namespace}/pods/${metadata.name}/eviction`, {
      method: 'POST',
      body: { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: metadata.name } },
    });
    expect(await attempts(world, run, 'Succeeded')).toEqual(['1 EvictionByEvictionAPI', '2 Succeeded']);
  });

  test.each([
    ['deleted', undefined],
    ['deleted by force', 0],
  ])('given a Pod that is %s, then another one follows', async (_, gracePeriodSeconds) => {
    const { world, run } = await start('succeed', { attempts: { 1: 'hang' } });
    const { metadata } = await podOf(world, run, 1, isRunning);
    const { namespace, name } = metadata;
    await world.client.delete(pods, { namespace, name }, gracePeriodSeconds === 0 ? { gracePeriodSeconds } : {});
    expect(await attempts(world, run, 'Succeeded')).toEqual(['1 PodDeleted', '2 Succeeded']);
  });

  test(
    'given a node that is gone and says nothing any more, then the next Pod waits until Kubernetes knows it',
    SLOW,
    async () => {
      const { world, run } = await start('deaf');
      const { metadata } = await podOf(world, run, 1, isRunning);
      await world.phase(run, 'Running', PATIENT.timeoutMs);
      const { namespace, name } = metadata;
      await world.client.delete(pods, { namespace, name }, { gracePeriodSeconds: 1 });
      await world.reason(run, 'PodTerminating', PATIENT.timeoutMs);
      expect(await world.pods(run)).toMatchObject([{ metadata: { finalizers: ['tako.dev/tracking'] } }]);
      // The garbage collector of Pods then marks those of the Node as failed.
      await world.client.delete(nodes, { name: world.node });
      await podOf(world, run, 2);
      expect((await world.get(run)).status?.attempts?.[0]).toMatchObject({ number: 1, reason: 'PodDeleted' });
    },
  );

  test('given a Node that is deleted under a Pod, then another one follows', SLOW, async () => {
    const { world, run } = await start('deaf');
    await podOf(world, run, 1, isRunning);
    await world.client.delete(nodes, { name: world.node });
    await podOf(world, run, 2);
    expect((await world.get(run)).status?.attempts?.[0]).toMatchObject({ number: 1, reason: 'DeletionByPodGC' });
  });
});

describe('a Pod that ends for a reason that does not pass', () => {
  test.each<[Outcome, string]>([
    ['fail', 'StepFailed'],
    ['checkout-fails', 'CheckoutFailed'],
    ['out-of-memory', 'OOMKilled'],
    ['config-error', 'CreateContainerConfigError'],
    ['start-error', 'StartError'],
    ['time-out', 'TimedOut'],
  ])('given one that is played as %s, then the run ends with it', async (outcome, reason) => {
    const { world, run } = await start('succeed', {
      attempts: { 1: outcome },
      settings: { TAKO_START_TIMEOUT: '7s' },
    });
    const phase = outcome === 'time-out' ? 'TimedOut' : 'Failed';
    const { status } = await world.phase(run, phase, PATIENT.timeoutMs);
    expect(status?.attempts).toMatchObject([{ number: 1, reason }]);
    expect(status?.attempts).toHaveLength(1);
  });

  test('given a Pod that no node takes, then the run ends with it', async () => {
    const world = await createPlayedWorld({ settings: { TAKO_START_TIMEOUT: '7s' } });
    const runTemplate = { ...world.plays('succeed'), nodeSelector: { 'example.com/moon': 'full' } };
    await world.repository('core-lib', FILE, { spec: { runTemplate } });
    const run = await world.run({ workflow, retry: quick });
    expect(await attempts(world, run, 'Failed')).toEqual(['1 Unschedulable']);
  });
});

describe('the attempts of a run', () => {
  test('given that all are lost, then the run fails with the last reason, after as many Pods as it may have', async () => {
    const { world, run } = await start('evicted', { spec: { retry: { ...quick, limit: 2 } } });
    expect(await attempts(world, run, 'Failed')).toEqual(['1 Evicted', '2 Evicted', '3 Evicted']);
    expect((await world.get(run)).status).toMatchObject({
      errorType: 'execution_failed',
      message: expect.stringContaining('low on resource'),
    });
    expect(await world.pods(run)).toHaveLength(3);
  });

  test('given a run that asks for it, then a failed step is tried again', async () => {
    const { world, run } = await start('fail', { spec: { retry: { ...quick, limit: 1, onWorkflowFailure: true } } });
    expect(await attempts(world, run, 'Failed')).toEqual(['1 StepFailed', '2 StepFailed']);
    expect((await world.get(run)).status).toMatchObject({ errorType: 'workflow_failed' });
  });

  test('given the policy of the repository, then it holds for a run that has none', async () => {
    const world = await createPlayedWorld();
    const runTemplate = { ...world.plays('evicted'), retry: { ...quick, limit: 1 } };
    await world.repository('core-lib', FILE, { spec: { runTemplate } });
    const run = await world.run({ workflow });
    expect(await attempts(world, run, 'Failed')).toEqual(['1 Evicted', '2 Evicted']);
  });

  test('given an operator that is killed between two of them, then the next one is made once', async () => {
    const { world, run } = await start('succeed', {
      attempts: { 1: 'evicted' },
      spec: { retry: { backoff: { initial: '3s' } } },
      runFor: '3s',
    });
    await world.reason(run, 'RetryBackoff', PATIENT.timeoutMs);
    await restart(world);
    await podOf(world, run, 2, isRunning);
    await restart(world);
    expect(await attempts(world, run, 'Succeeded')).toEqual(['1 Evicted', '2 Succeeded']);
    expect(await world.pods(run)).toHaveLength(2);
  });

  test('given a cancel between two of them, then there is no other one', async () => {
    const { world, run } = await start('evicted', { spec: { retry: { backoff: { initial: '2m' } } } });
    await world.reason(run, 'RetryBackoff', PATIENT.timeoutMs);
    await world.client.mergePatch(takoRuns, { ...world, name: run.metadata.name }, { spec: { cancel: true } });
    await world.phase(run, 'Canceled', PATIENT.timeoutMs);
    expect(await world.pods(run)).toHaveLength(1);
  });

  test('given a wait that is longer than the time limit, then nobody waits', async () => {
    const { world, run } = await start('evicted', {
      spec: { timeout: '10m', retry: { backoff: { initial: '20m', maximum: '20m' } } },
    });
    expect(await attempts(world, run, 'Failed')).toEqual(['1 Evicted']);
  });
});
