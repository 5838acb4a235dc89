import { describe, expect, test } from 'vitest';
import { createFakeClock, settled } from '../../test/fixtures/fake-clock.ts';
import type { IsGone } from './gone.ts';
import { createLockKeeper, type LockKeeperOptions } from './keeper.ts';
import { lockName } from './lease.ts';
import { commit, NAMESPACE, ref, request, URL } from './testing/builders.ts';
import { createMemoryLeases, type MemoryLeases } from './testing/memory-leases.ts';

const KEY = `${NAMESPACE}/${lockName(URL)}`;

function setUp(options: Partial<LockKeeperOptions> & { leases?: MemoryLeases } = {}) {
  const clock = createFakeClock();
  const leases = options.leases ?? createMemoryLeases();
  const gone = new Set<string>();
  const isGone: IsGone = async ({ uid }) => gone.has(uid);
  const create = () => createLockKeeper({ client: leases.client, isGone, clock, random: () => 0.5, ...options });
  return { clock, leases, gone, create, keeper: create(), holder: () => leases.get(KEY)?.spec?.holderIdentity };
}

describe('a lock keeper', () => {
  test('given a free lock, when it is asked for, then it is granted, and the Lease says so in words', async () => {
    const { keeper, leases } = setUp();
    const grant = await keeper.acquire(request('app-one', 'write'));
    expect(grant).toMatchObject({ state: 'granted', mode: 'write', fence: 1 });
    expect(leases.get(KEY)).toMatchObject({
      metadata: { labels: { 'app.kubernetes.io/component': 'cache-lock', 'app.kubernetes.io/managed-by': 'tako' } },
      spec: { holderIdentity: 'written by run app-one', leaseTransitions: 1, leaseDurationSeconds: 1_800 },
    });
  });

  test('given twenty that need a commit, when the first publishes it, then the others read it after one more write', async () => {
    const { keeper, clock, leases, holder } = setUp();
    const want = { commit: commit('a') };
    const first = await keeper.acquire(request('run-0', want), { waitMs: 1 });
    expect(first).toMatchObject({ mode: 'write', fence: 1 });
    const others = Array.from({ length: 19 }, (_, index) =>
      keeper.acquire(request(`run-${index + 1}`, want), { waitMs: 60_000 }),
    );
    await clock.advance(50);
    expect(holder()).toBe('written by run run-0, 19 waiting');
    const before = leases.calls.replace;
    await keeper.publish({ ...ref('run-0'), commits: [commit('a')], bytes: 5 });
    for (const grant of await Promise.all(others)) {
      expect(grant).toMatchObject({ mode: 'read', fence: 1, published: { fence: 1, commits: [commit('a')] } });
    }
    expect(leases.calls.replace).toBe(before + 1);
    expect(holder()).toBe('read by 20 runs');
  });

  test('given a writer whose Pod is gone, when another waits, then it takes over', async () => {
    const { keeper, clock, gone } = setUp();
    await keeper.acquire(request('dead', 'write'));
    const next = keeper.acquire(request('next', 'write'), { waitMs: 60_000 });
    await clock.advance(2_000);
    gone.add('pod-uid-dead');
    await clock.advance(10_000);
    expect(await next).toMatchObject({ mode: 'write', fence: 2 });
    expect(await keeper.publish({ ...ref('dead'), commits: [commit('a')], bytes: 1 })).toEqual({ held: false });
  });

  test('given two keepers, when one gives the lock back, then the other looks and grants it', async () => {
    const { keeper, create, clock } = setUp();
    const other = create();
    await keeper.acquire(request('a', 'write'));
    const waiting = other.acquire(request('b', 'write'), { waitMs: 60_000 });
    await settled();
    const released = keeper.release(ref('a'));
    await clock.advance(6_000);
    await released;
    expect(await waiting).toMatchObject({ state: 'granted', fence: 2 });
  });
});
