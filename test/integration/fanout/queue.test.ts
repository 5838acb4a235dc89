import { describe, expect, test } from 'vitest';
import { takoRepositories } from '../../../src/api/resources.ts';
import { until } from '../../fixtures/until.ts';
import { resourceQuotas } from '../run/resource-quota.ts';
import { startTestOperator } from '../test-operator.ts';
import { createPlayedWorld } from './fixture.ts';
import { watchPods } from './pod-history.ts';
import { built, main, members, reasonOf, watchRuns } from './trees.ts';

const LONG = { everyMs: 50 };

describe('the queue of runs', () => {
  test('given the limit of a repository, then its other runs are Queued and told by metrics, and a higher one lets them go', async () => {
    const world = await createPlayedWorld();
    await members(world, { lib: {}, app: { hears: 'lib built', times: 3, plays: 'hang', concurrencyLimit: 1 } });
    const runs = await watchRuns(world);
    await world.run(built('lib'));
    const queued = () => runs.all().filter(run => reasonOf(run) === 'RepositoryLimit');
    await until('two in the queue', () => queued().length === 2, LONG);
    expect(queued().map(({ status }) => [status?.phase, status?.queuedTime !== undefined])).toEqual([
      ['Queued', true],
      ['Queued', true],
    ]);
    expect(queued()[0]?.status?.message).toContain('TakoRepository app has 1 run at once');
    // Who has the place may have no Pod yet.
    await until('a Pod', async () => (await world.pods()).length > 0, LONG);
    expect(await world.pods()).toHaveLength(1);
    const metrics = await (await fetch(`http://127.0.0.1:${world.operator.ports.http}/metrics`)).text();
    expect(metrics).toContain(`tako_queue_length{namespace="${world.namespace}",reason="RepositoryLimit"} 2`);
    expect(metrics).toContain(`tako_runs_active{namespace="${world.namespace}"} 1`);
    expect(metrics).toMatch(/tako_queue_oldest_seconds\{reason="RepositoryLimit"\} \d/);

    const app = { namespace: world.namespace, name: 'app' };
    await world.client.mergePatch(takoRepositories, app, { spec: { concurrencyLimit: 2 } });
    await until('a second Pod', async () => (await world.pods()).length === 2, LONG);
    await until(
      'one in the queue',
      () => runs.all().filter(({ status }) => status?.phase === 'Queued').length === 1,
      LONG,
    );
  });

  test('given a namespace with one place, then a small tree has its turns beside a big one', async () => {
    const world = await createPlayedWorld({ settings: { TAKO_NAMESPACE_CONCURRENCY: '1' } });
    await members(world, {
      big: {},
      'big-app': { hears: 'big built', times: 30 },
      small: {},
      'small-app': { hears: 'small built', times: 2 },
    });
    const history = await watchPods(world);
    const runs = await watchRuns(world);
    const big = await world.run(built('big'));
    await until('the big tree to wait', () => runs.all().some(run => reasonOf(run) === 'NamespaceLimit'), LONG);
    const small = await world.run(built('small'));
    await world.phase(small, 'Succeeded');
    await world.phase(big, 'Succeeded');
    const ofSmall = new Set((await world.children(small)).map(({ metadata }) => metadata.uid));
    const order = [...history.byRun.keys()].map(uid => (ofSmall.has(uid) ? 'small' : 'big'));
    expect(order).toHaveLength(32);
    expect(order.lastIndexOf('small') - order.indexOf('small')).toBeLessThanOrEqual(3);
    expect(order.slice(-5)).toEqual(['big', 'big', 'big', 'big', 'big']);
    expect(history.most).toBe(1);
  });

  test('given a quota for two Pods, then six children end by and by, two at a time', async () => {
    const world = await createPlayedWorld();
    await members(world, { lib: {}, app: { hears: 'lib built', times: 6, options: { runFor: '500ms' } } });
    const { client, namespace } = world;
    await client.create(resourceQuotas, {
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata: { name: 'pods', namespace },
      spec: { hard: { pods: '2' } },
    });
    const quota = () => client.get(resourceQuotas, { namespace, name: 'pods' });
    await until('the quota to be in force', async () => (await quota()).status?.hard !== undefined);
    const history = await watchPods(world);
    const runs = await watchRuns(world);
    const run = await world.run(built('lib'));
    await until('some to wait', () => runs.all().some(one => reasonOf(one) === 'QuotaExceeded'), LONG);
    await world.phase(run, 'Succeeded');
    expect(history.most).toBeLessThanOrEqual(2);
    expect([...history.byRun.values()].map(({ size }) => size)).toEqual([1, 1, 1, 1, 1, 1]);
  });

  test('given one place, and runs at two levels that keep their Pod while they wait, then the tree gets through', async () => {
    const settings = { TAKO_NAMESPACE_CONCURRENCY: '1', TAKO_WAITING_PODS_MIN: '1', TAKO_WAITING_PODS_SHARE: '0' };
    const world = await createPlayedWorld({ settings });
    await members(world, {
      root: { emits: ['built', 'announced'] },
      middle: { emits: ['tested', 'told'], hears: 'root built', times: 3 },
      leaf: { hears: 'middle tested', times: 2 },
    });
    const runs = await watchRuns(world);
    const first = await world.run(main('root'));
    const { status } = await world.phase(first, 'Succeeded');
    expect(status?.treeSummary).toMatchObject({ total: 9, completed: 9, depth: 2 });
    expect(runs.early).toEqual([]);
  });

  test('given an operator that is killed while runs wait, then the next one keeps to the limits, and lets them go', async () => {
    const settings = { TAKO_CONCURRENCY: '2' };
    const world = await createPlayedWorld({ settings });
    await members(world, { lib: {}, app: { hears: 'lib built', times: 8, options: { runFor: '700ms' } } });
    const history = await watchPods(world);
    const runs = await watchRuns(world);
    const run = await world.run(built('lib'));
    await until('some to wait', () => runs.all().some(one => reasonOf(one) === 'OperatorLimit'), LONG);
    await world.operator.kill();
    world.operator = await startTestOperator({ namespace: world.namespace, settings });
    await world.phase(run, 'Succeeded');
    expect(history.most).toBe(2);
  });
});
