import { describe, expect, test } from 'vitest';
import { type Live, type Pod, pods } from '../../../src/kube/objects.ts';
import type { Outcome } from '../../fixtures/kwok/stages.ts';
import { until } from '../../fixtures/until.ts';
import { nodes } from '../nodes.ts';
import { attempts, FILE, isRunning, podOf, quick, start, workflow } from './attempts.ts';
import { createPlayedWorld } from './fixture.ts';

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
    const isFirst = (pod: Live<Pod>) => pod.metadata.labels?.['tako.dev/attempt'] === '1';
    const isReleased = async () =>
      (await world.pods(run)).filter(isFirst).every(({ metadata }) => (metadata.finalizers ?? []).length === 0);
    await until('the first Pod to be free to go', isReleased);
  });

  test('given a taint that evicts it, as for a spot instance or an unreachable node, then another one follows', async () => {
    const { world, run } = await start('succeed', { attempts: { 1: 'hang' } });
    await podOf(world, run, 1, isRunning);
    const { spec } = await world.client.get(nodes, { name: world.node });
    const spot = { key: 'spot.example.com/going', value: 'soon', effect: 'NoExecute' };
    await world.client.mergePatch(nodes, { name: world.node }, { spec: { taints: [...(spec.taints ?? []), spot] } });
    await world.reason(run, 'RetryBackoff');
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
    await world.reason(run, 'RetryBackoff');
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
});
