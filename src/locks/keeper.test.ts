import { describe, expect, test } from 'vitest';
import { createFakeClock, settled } from '../../test/fixtures/fake-clock.ts';
import { ApiError } from '../kube/errors.ts';
import { silentLogger } from '../kube/logger.ts';
import type { IsGone } from './gone.ts';
import { createLockKeeper, type LockKeeperOptions } from './keeper.ts';
import { lockName } from './lease.ts';
import type { LockMetrics } from './metrics.ts';
import { commit, NAMESPACE, ref, request, URL } from './testing/builders.ts';
import { createMemoryLeases, type LeaseFault, type MemoryLeases } from './testing/memory-leases.ts';

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

describe('waiting for a lock', () => {
  test('given a lock that is held, when the wait is over, then the answer says who holds it, and the place is kept for the same id', async () => {
    const { keeper, clock, holder } = setUp();
    await keeper.acquire(request('a', 'write'));
    const early = keeper.acquire(request('b', 'write'), { waitMs: 2_000 });
    await clock.advance(10);
    const late = keeper.acquire(request('c', 'write'), { waitMs: 60_000 });
    await clock.advance(2_500);
    expect(await early).toEqual({ state: 'waiting', reason: 'the cached copy is written by run a' });
    expect(holder()).toBe('written by run a, 2 waiting');
    const again = keeper.acquire(request('b', 'write'), { waitMs: 60_000 });
    await keeper.release(ref('a'));
    expect(await again).toMatchObject({ state: 'granted', fence: 2 });
    await keeper.release(ref('b'));
    expect(await late).toMatchObject({ state: 'granted', fence: 3 });
  });

  test('given a lock that is held, when it is only tried, then the answer comes at once and nothing is written', async () => {
    const { keeper, leases } = setUp();
    await keeper.acquire(request('a', 'write'));
    const { replace } = leases.calls;
    expect(await keeper.acquire(request('b', 'read'))).toMatchObject({ state: 'waiting' });
    expect(leases.calls.replace).toBe(replace);
  });

  test('given a waiting request that is aborted, then it throws the reason, and its keeper rests', async () => {
    const { keeper, clock } = setUp();
    await keeper.acquire(request('a', 'write'));
    const abort = new AbortController();
    const waiting = keeper.acquire(request('b', 'write'), { waitMs: 60_000, signal: abort.signal });
    const refused = expect(waiting).rejects.toThrow('hung up');
    await clock.advance(500);
    abort.abort(new Error('hung up'));
    await refused;
    await clock.advance(10_000);
    expect(clock.pending).toBe(0);
    await expect(keeper.renew(ref('a'), { signal: abort.signal })).rejects.toThrow('hung up');
  });

  test('given nobody to wake it, then it looks after 100 ms, then twice as long, up to 5 s', async () => {
    const { keeper, clock, leases } = setUp();
    await keeper.acquire(request('a', 'write'));
    void keeper.acquire(request('b', 'write'), { waitMs: 120_000 });
    await clock.advance(50);
    const reads: number[] = [];
    for (let seconds = 0; seconds < 40; seconds += 10) {
      const before = leases.calls.get;
      await clock.advance(10_000);
      reads.push(leases.calls.get - before);
    }
    // 0.1 + 0.2 + 0.4 + ... with 10 % jitter, then one in 5.5 s.
    expect(reads[0]).toBeGreaterThanOrEqual(5);
    expect(reads.slice(1).every(count => count <= 2)).toBe(true);
  });

  test('given a change of the Lease that it is told of, then it does not wait for its next look; its own are none', async () => {
    const { keeper, create, clock, leases } = setUp();
    const other = create();
    leases.onChange = (_key, lease) => {
      const { namespace, name, resourceVersion } = lease!.metadata;
      for (const one of [keeper, other]) one.leaseChanged({ namespace, name, resourceVersion });
    };
    await keeper.acquire(request('a', 'write'));
    const waiting = other.acquire(request('b', 'write'), { waitMs: 120_000 });
    // By now it looks every 5 s.
    await clock.advance(30_000);
    void keeper.release(ref('a'));
    await clock.advance(50);
    expect(await waiting).toMatchObject({ state: 'granted' });
    const { get } = leases.calls;
    await other.renew(ref('b'));
    expect(leases.calls.get - get).toBeLessThanOrEqual(1);
  });

  test('given a waiter that nobody brings back, then the next ones pass it after a minute', async () => {
    const { keeper, create, clock } = setUp();
    await keeper.acquire(request('a', 'write'));
    const abort = new AbortController();
    const lost = keeper.acquire(request('lost', 'write'), { waitMs: 60_000, signal: abort.signal });
    lost.catch(() => {});
    await clock.advance(100);
    abort.abort(new Error('hung up'));
    const next = create().acquire(request('next', 'write'), { waitMs: 300_000 });
    await clock.advance(1_000);
    void keeper.release(ref('a'));
    await clock.advance(50_000);
    await clock.advance(20_000);
    expect(await next).toMatchObject({ state: 'granted', fence: 2 });
  });
});

describe('losing a lock', () => {
  test('given a holder that is silent, then it loses the lock when the observer has seen no sign of it for its time, whatever the clocks say', async () => {
    const { keeper, clock, leases } = setUp();
    await keeper.acquire(request('silent', 'write', { seconds: 60 }));
    // Its times are a year old.
    const lease = structuredClone(leases.get(KEY)!);
    lease.metadata.annotations!['tako.dev/lock'] = lease.metadata.annotations!['tako.dev/lock']!.replaceAll(
      '2026-',
      '2025-',
    );
    leases.put(lease);
    const next = keeper.acquire(request('next', 'write'), { waitMs: 300_000 });
    let isGranted = false;
    void next.then(() => {
      isGranted = true;
    });
    await clock.advance(59_000);
    expect(isGranted).toBe(false);
    await clock.advance(10_000);
    expect(await next).toMatchObject({ state: 'granted', fence: 2 });
    expect(await keeper.renew(ref('silent'))).toEqual({ held: false });
  });

  test('given a Pod that is said to have ended, then its lock passes on at once', async () => {
    const { keeper, clock, gone } = setUp();
    await keeper.acquire(request('dead', 'write'));
    const next = keeper.acquire(request('next', 'write'), { waitMs: 300_000 });
    await clock.advance(30_000);
    gone.add('pod-uid-dead');
    keeper.podEnded({ namespace: NAMESPACE, uid: 'pod-uid-dead' });
    await clock.advance(50);
    expect(await next).toMatchObject({ state: 'granted', fence: 2 });
  });

  test('given nobody who asks, when it is swept, then those that are gone go', async () => {
    const { keeper, gone, holder, leases } = setUp();
    await keeper.sweep({ namespace: NAMESPACE, url: URL });
    await keeper.acquire(request('dead', 'write'));
    const { replace } = leases.calls;
    await keeper.sweep({ namespace: NAMESPACE, url: URL });
    expect(leases.calls.replace).toBe(replace);
    gone.add('pod-uid-dead');
    await keeper.sweep({ namespace: NAMESPACE, url: URL });
    expect(holder()).toBe('');
  });

  test('given metrics, then they hear of grants, ends, publications, uses and takeovers', async () => {
    const heard: object[] = [];
    const metrics: LockMetrics = {
      granted: one => heard.push(['granted', one]),
      ended: one => heard.push(['ended', one]),
      published: one => heard.push(['published', one]),
      used: one => heard.push(['used', one]),
      takenOver: one => heard.push(['takenOver', one]),
      conflict: () => heard.push(['conflict']),
    };
    const { keeper, clock, gone } = setUp({ metrics });
    await keeper.acquire(request('a', 'write'));
    const b = keeper.acquire(request('b', 'write'), { waitMs: 60_000 });
    await clock.advance(3_000);
    await keeper.publish({ ...ref('a'), commits: ['a'.repeat(40)], bytes: 9 });
    await clock.advance(1_000);
    await keeper.release({ ...ref('a'), use: { result: 'miss', fetchedBytes: 7 } });
    await b;
    gone.add('pod-uid-b');
    await keeper.sweep({ namespace: NAMESPACE, url: URL });
    expect(heard).toEqual([
      ['granted', { mode: 'write', waitMs: 0 }],
      ['ended', { mode: 'write', heldMs: 3_000 }],
      ['published', { bytes: 9 }],
      ['ended', { mode: 'read', heldMs: 1_000 }],
      ['used', { result: 'miss', fetchedBytes: 7 }],
      ['granted', { mode: 'write', waitMs: 4_000 }],
      ['takenOver', { mode: 'write', cause: 'gone' }],
    ]);
  });
});

describe('an API server that fails', () => {
  test('given a write whose answer is lost, then it is found to be done', async () => {
    const faults: (LeaseFault | undefined)[] = [undefined, 'lostAnswer'];
    const { keeper, clock, leases } = setUp({ leases: createMemoryLeases({ fault: () => faults.shift() }) });
    const grant = keeper.acquire(request('a', 'write'));
    await clock.advance(1_000);
    expect(await grant).toMatchObject({ state: 'granted', fence: 1 });
    expect(leases.calls).toMatchObject({ create: 1, replace: 0 });
  });

  test('given one that fails for longer than anybody can wait, then the request fails with its error', async () => {
    const { keeper, clock } = setUp({ leases: createMemoryLeases({ fault: () => 'error' }) });
    const refused = expect(keeper.acquire(request('a', 'write'))).rejects.toThrow('a simulated InternalError');
    await clock.advance(25_000);
    await refused;
  });

  test('given one that refuses, then the request fails at once', async () => {
    const client = { ...createMemoryLeases().client, create: () => Promise.reject(forbidden()) };
    const { keeper } = setUp({ client });
    await expect(keeper.acquire(request('a', 'write'))).rejects.toThrow('not yours');
  });

  test('given many keepers that write at the same moment, then each of them gets through', async () => {
    const { create, clock, holder } = setUp();
    const all = Array.from({ length: 10 }, (_, index) => create().acquire(request(`r${index}`, 'read')));
    await clock.advance(10_000);
    expect((await Promise.all(all)).map(one => one.state)).toEqual(Array.from({ length: 10 }, () => 'granted'));
    expect(holder()).toBe('read by 10 runs');
  });

  test('given a request that makes no sense, then it is refused before anything is written', async () => {
    const { keeper, leases } = setUp();
    await expect(keeper.acquire(request('a', 'write', { seconds: 99_999 }))).rejects.toThrow(RangeError);
    expect(leases.calls.create).toBe(0);
  });
});

describe('a Lease that somebody has written to', () => {
  const spoil = (leases: MemoryLeases): void => {
    const lease = leases.get(KEY)!;
    leases.put({ ...lease, metadata: { ...lease.metadata, annotations: { 'tako.dev/lock': 'mine!' } } });
  };

  test('given an annotation that is not Tako’s, then nobody gets the lock and who had it has lost it, until two hours have passed', async () => {
    const warnings: string[] = [];
    const { keeper, clock, leases } = setUp({
      logger: { ...silentLogger, warn: (_, message) => warnings.push(message) },
    });
    await keeper.acquire(request('a', 'write'));
    spoil(leases);
    await clock.advance(2_000);
    expect(await keeper.renew(ref('a'))).toEqual({ held: false });
    expect(await keeper.publish({ ...ref('a'), commits: [commit('a')], bytes: 1 })).toEqual({ held: false });
    expect(await keeper.evict(ref('a'))).toEqual({ held: false });
    await keeper.release(ref('a'));
    await keeper.sweep({ namespace: NAMESPACE, url: URL });
    const waiting = keeper.acquire(request('b', 'write'), { waitMs: 60_000 });
    await clock.advance(61_000);
    expect(await waiting).toEqual({
      state: 'waiting',
      reason: expect.stringMatching(/cannot be read \(it is not JSON\).*kubectl -n team delete lease/),
    });
    expect(warnings).toHaveLength(1);

    const patient = keeper.acquire(request('b', 'write'), { waitMs: 3 * 3_600_000 });
    await clock.advance(2 * 3_600_000);
    expect(await patient).toMatchObject({ state: 'granted', fence: 2 });
  });

  test('given an annotation that is mended, then the lock goes on as it says', async () => {
    const { keeper, clock, leases } = setUp();
    await keeper.acquire(request('a', 'write'));
    const good = leases.get(KEY)!;
    spoil(leases);
    await clock.advance(2_000);
    expect(await keeper.renew(ref('a'))).toEqual({ held: false });
    leases.put({ ...good, metadata: { ...good.metadata, resourceVersion: leases.get(KEY)!.metadata.resourceVersion } });
    await clock.advance(2_000);
    expect(await keeper.renew(ref('a'))).toMatchObject({ held: true });
  });
});

test('given locks that nobody asks about for long, then they are forgotten, and nothing is lost by it', async () => {
  const { keeper, clock } = setUp();
  await keeper.acquire(request('a', 'write'));
  await clock.advance(11 * 60_000);
  await keeper.acquire({ ...request('b', 'write'), url: `${URL}x` });
  expect(await keeper.acquire(request('c', 'write'))).toMatchObject({ state: 'waiting' });
});

function forbidden(): ApiError {
  return new ApiError({ class: 'forbidden', code: 403, reason: 'Forbidden', message: 'not yours' });
}

test('given a read that is answered late, then what was asked meanwhile is not answered from it', async () => {
  const gates: Promise<void>[] = [];
  const leases = createMemoryLeases({ delay: async () => gates.shift() });
  const { create, clock } = setUp({ leases });
  const [slow, other] = [create(), create()];
  await other.acquire(request('a', 'read'));
  // The request goes through at once, the answer stays on its way.
  let open = (): void => {};
  gates.push(Promise.resolve(), new Promise(resolve => (open = resolve)));
  const first = slow.renew(ref('nobody'));
  await settled();
  await other.acquire(request('b', 'read'));
  const second = slow.renew(ref('b'));
  await settled();
  open();
  await clock.advance(1_000);
  expect(await first).toEqual({ held: false });
  expect(await second).toMatchObject({ held: true });
});
