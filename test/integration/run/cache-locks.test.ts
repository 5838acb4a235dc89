import { describe, expect, onTestFinished, test } from 'vitest';
import { type AgentCacheLocks, createCacheLocks } from '../../../src/agent/cache-locks.ts';
import { type Live, leases, type Pod } from '../../../src/kube/objects.ts';
import { lockName } from '../../../src/locks/lease.ts';
import { until } from '../../fixtures/until.ts';
import { startTestOperator } from '../test-operator.ts';
import { agentOf } from './agent.ts';
import { createWorld, type World } from './world.ts';

const FILE = 'version: 0.1.0\nworkflows: {ci: {steps: [./test.sh]}}\n';
const url = 'https://git.example.com/acme/core-lib.git';
const commit = 'a'.repeat(40);
const settings = { TAKO_CACHE_SIZE: '1Gi', TAKO_CACHE_ACCESS_MODE: 'ReadWriteOnce' };
/** Two at the same time: one leads, both serve agents. */
const replica = (name: string) => ({ ...settings, TAKO_LEADER_ELECTION: 'true', POD_NAME: name });
const options = { seenFence: 0, wait: true };

/** A run whose Pod runs. */
async function startRun(world: World, name: string): Promise<Live<Pod>> {
  const run = await world.run({ workflow: { repositoryRef: { name: 'app' }, name: 'ci' } }, name);
  const pod = await world.pod(run);
  await world.kubelet.run(pod);
  return pod;
}

async function locksOf(world: Pick<World, 'client' | 'operator'>, pod: Live<Pod>): Promise<AgentCacheLocks> {
  const locks = createCacheLocks({ gateway: await agentOf(world, pod), seconds: 1_800 });
  onTestFinished(() => locks.close(1_000));
  return locks;
}

async function createCachedWorld(more: Readonly<Record<string, string>> = settings): Promise<World> {
  const world = await createWorld({ settings: more });
  await world.repository('app', FILE);
  await world.ready('app');
  return world;
}

const holderIn = async ({ client, namespace }: World): Promise<string | undefined> =>
  (await client.get(leases, { namespace, name: lockName(url) })).spec?.holderIdentity;

describe('locks of cache entries', () => {
  test('given a gateway that dies and another in its place, then what is held stays held, and who waits goes on waiting', async () => {
    const world = await createCachedWorld();
    const [writer, reader] = [
      await locksOf(world, await startRun(world, 'one')),
      await locksOf(world, await startRun(world, 'two')),
    ];
    const lock = await writer.acquire(url, { commit }, options);
    expect(lock).toMatchObject({ mode: 'write', fence: 1 });
    const waiting = reader.acquire(url, { commit }, options);
    await until('the second waits', async () => (await holderIn(world))?.includes('1 waiting') === true);
    expect(await holderIn(world)).toContain('written by run one');

    await world.operator.kill();
    world.operator = await startTestOperator({ namespace: world.namespace, settings });

    expect(await lock?.publish({ commits: [commit], bytes: 5 })).toMatchObject({ fence: 1, commits: [commit] });
    expect(await waiting).toMatchObject({ mode: 'read', published: { fence: 1, commits: [commit], bytes: 5 } });
  });

  test('given two replicas, when a lock is given back at one of them, then who waits at the other has it soon', async () => {
    const world = await createCachedWorld(replica('tako-operator-0'));
    const other = await startTestOperator({ namespace: world.namespace, settings: replica('tako-operator-1') });
    onTestFinished(() => other.stop());
    const here = await locksOf(world, await startRun(world, 'one'));
    const there = await locksOf({ client: world.client, operator: other }, await startRun(world, 'two'));
    const lock = await here.acquire(url, { mode: 'write' }, options);
    const waiting = there.acquire(url, { mode: 'write' }, options);
    const since = performance.now();
    // Until then it looks every 5 s only: what is quicker afterwards is the watch.
    await until('it waits for long', () => performance.now() - since > 7_000);
    const released = performance.now();
    await lock?.release();
    expect(await waiting).toMatchObject({ mode: 'write', fence: 2 });
    expect(performance.now() - released).toBeLessThan(2_500);
  });

  test('given a holder whose agent has ended without giving the lock back, then the next one has it within 10 s', async () => {
    const world = await createCachedWorld();
    const pod = await startRun(world, 'one');
    const dead = await (await locksOf(world, pod)).acquire(url, { mode: 'write' }, options);
    const next = await locksOf(world, await startRun(world, 'two'));
    const waiting = next.acquire(url, { mode: 'write' }, options);
    await until('it waits', async () => (await holderIn(world))?.includes('1 waiting') === true);
    const ended = performance.now();
    await world.kubelet.finish(pod, 'not a result: it was killed');
    expect(await waiting).toMatchObject({ mode: 'write', fence: 2 });
    expect(performance.now() - ended).toBeLessThan(10_000);
    await expect(dead?.publish({ commits: [commit], bytes: 1 })).rejects.toThrow();
  });
});
