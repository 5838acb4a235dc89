import { describe, expect, it } from 'vitest';
import { settled } from '../../../test/fixtures/fake-clock.ts';
import { until } from '../../../test/fixtures/until.ts';
import { ApiError } from '../../kube/errors.ts';
import { lockName } from '../../locks/lease.ts';
import { createMemoryLeases } from '../../locks/testing/memory-leases.ts';
import { buildLiveRun, type GatewayHarness, startGateway } from '../testing/gateway-harness.ts';

const url = 'https://git.example.com/acme/core-lib.git';
const commit = 'a'.repeat(40);
const one = { url, id: 'acquisition-0001' };
const other = { url, id: 'acquisition-0002' };
const LEASE = `team/${lockName(url)}`;

type Kind = 'acquire' | 'renew' | 'publish' | 'evict' | 'release';

function lockCalls({ call }: Pick<GatewayHarness, 'call'>, token?: string) {
  return (kind: Kind, body: unknown, signal?: AbortSignal) =>
    call('POST', `/v1/locks/${kind}`, { body, ...(token && { token }), ...(signal && { signal }) });
}

async function start(options: Parameters<typeof startGateway>[0] = {}) {
  const harness = await startGateway(options);
  const lock = lockCalls(harness);
  const acquire = (name: { url: string; id: string }, more: object = {}, signal?: AbortSignal) =>
    lock('acquire', { ...name, want: { commit }, waitSeconds: 0, ...more }, signal);
  const holder = () => harness.leases.get(LEASE)?.spec?.holderIdentity;
  return { ...harness, lock, acquire, holder };
}

/** A second Pod, of another run of the namespace or of another namespace. */
async function otherPod({ runs, issuer, call }: GatewayHarness, namespace = 'team') {
  const metadata = { namespace, name: 'app-one', uid: 'uid-app-one' };
  const attempts = [{ number: 1, podName: 'app-one-0', podUID: 'pod-2' }];
  runs.put({ ...buildLiveRun({ status: { phase: 'Running', attempts } }), metadata });
  const token = await issuer.sign({ namespace, podUid: 'pod-2' });
  return lockCalls({ call }, token);
}

describe('POST /v1/locks/acquire', () => {
  it('given a free lock, then it is granted to the run and the Pod of the token, in their namespace', async () => {
    const { acquire, leases, run } = await start();
    expect(await acquire(one, { seconds: 600, seenFence: 4 })).toMatchObject({
      status: 200,
      body: { state: 'granted', mode: 'write', fence: 5, expires: '2026-01-01T00:10:00.000Z' },
    });
    const state = JSON.parse(leases.get(LEASE)?.metadata.annotations?.['tako.dev/lock'] ?? '');
    expect(state.holders).toMatchObject([
      { run: run.metadata.name, runUid: run.metadata.uid, pod: 'release-0', podUid: 'pod-1', mode: 'write' },
    ]);
  });

  it('given a URL in another spelling, then it is the same lock', async () => {
    const { acquire } = await start();
    await acquire(one);
    const spelled = { ...other, url: 'https://GIT.example.com:443/acme/core-lib.git/' };
    expect(await acquire(spelled)).toMatchObject({ body: { state: 'waiting' } });
  });

  it('given the same request again, then it is the same grant, also from another replica after the answer was lost', async () => {
    const leases = createMemoryLeases();
    const first = await start({ leases });
    const { body } = await first.acquire(one);
    await first.gateway.close();
    const second = await start({ leases });
    expect(await second.acquire(one)).toMatchObject({ status: 200, body: { ...body, expires: expect.any(String) } });
    expect(await second.lock('publish', { ...one, commits: [commit], bytes: 5 })).toMatchObject({
      body: { held: true, published: { fence: 1, commits: [commit], bytes: 5 } },
    });
  });

  it('given an answer of the API server that was lost, then the lock is not lost with it', async () => {
    let lose = true;
    const leases = createMemoryLeases({
      fault: call => (call === 'create' && lose ? 'lostAnswer' : undefined),
    });
    const { acquire, clock } = await start({ leases });
    const answer = acquire(one);
    await until('it was written', () => leases.get(LEASE) !== undefined);
    lose = false;
    await until('it is answered', async () => {
      await clock.advance(100);
      return (await Promise.race([answer, settled()])) !== undefined;
    });
    expect(await answer).toMatchObject({ status: 200, body: { state: 'granted', fence: 1 } });
  });

  it('given a lock that another run has, when it publishes, then the one that waits reads it', async () => {
    const harness = await start();
    const theirs = await otherPod(harness);
    await harness.acquire(one);
    const waiting = theirs('acquire', { ...other, want: { commit }, waitSeconds: 30 });
    await until('it is in the queue', () => harness.holder()?.includes('waiting') === true);
    await harness.lock('publish', { ...one, commits: [commit], bytes: 5 });
    expect(await waiting).toMatchObject({
      status: 200,
      body: { state: 'granted', mode: 'read', fence: 1, published: { fence: 1, commits: [commit], bytes: 5 } },
    });
    expect(harness.publishedBytes).toEqual([5]);
  });

  it('given a lock that another run has, when the wait is over, then the answer says who', async () => {
    const { acquire, clock, holder } = await start();
    await acquire(one);
    const waiting = acquire(other, { waitSeconds: 30 });
    await until('it is in the queue', () => holder()?.includes('waiting') === true);
    await until('it is answered', async () => {
      await clock.advance(5_000);
      return (await Promise.race([waiting, settled()])) !== undefined;
    });
    expect(await waiting).toMatchObject({
      status: 200,
      body: { state: 'waiting', reason: expect.stringContaining('core-lib-release') },
    });
  });

  it('given a lock that is only tried, when it is not free, then there is no place in the queue', async () => {
    const { acquire, holder } = await start();
    await acquire(one);
    expect(await acquire(other)).toMatchObject({ body: { state: 'waiting' } });
    expect(holder()).not.toContain('waiting');
  });

  it('given somebody who waits, when the gateway closes, then it is answered, and another replica goes on', async () => {
    const leases = createMemoryLeases();
    const first = await start({ leases });
    await first.acquire(one);
    const waiting = first.acquire(other, { waitSeconds: 60 });
    await until('it is in the queue', () => first.holder()?.includes('waiting') === true);
    await first.gateway.close();
    expect(await waiting).toMatchObject({ status: 200, body: { state: 'waiting' } });
    const second = await start({ leases });
    const again = second.acquire(other, { waitSeconds: 60 });
    await second.lock('release', one);
    expect(await again).toMatchObject({ body: { state: 'granted', mode: 'write', fence: 2 } });
  });

  it('given somebody who waits, when it hangs up, then nobody waits for it any more', async () => {
    const { acquire, clock, holder, log } = await start();
    await acquire(one);
    const stop = new AbortController();
    const waiting = acquire(other, { waitSeconds: 60 }, stop.signal);
    const failed = expect(waiting).rejects.toThrow();
    await until('it is in the queue', () => holder()?.includes('waiting') === true);
    stop.abort();
    await failed;
    await until('no timer is left', () => clock.pending === 0);
    expect(log.filter(({ level }) => level === 'error')).toEqual([]);
  });

  it('given a holder whose Pod is over, then the next one has the lock', async () => {
    const harness = await start();
    const theirs = await otherPod(harness);
    await theirs('acquire', { ...other, want: { mode: 'write' }, waitSeconds: 0 });
    const waiting = harness.acquire(one, { waitSeconds: 60 });
    await until('it is in the queue', () => harness.holder()?.includes('waiting') === true);
    harness.gonePods.add('pod-2');
    await until('it is answered', async () => {
      await harness.clock.advance(1_000);
      return (await Promise.race([waiting, settled()])) !== undefined;
    });
    expect(await waiting).toMatchObject({ body: { state: 'granted', mode: 'write', fence: 2 } });
    expect(await theirs('publish', { ...other, commits: [commit], bytes: 1 })).toMatchObject({ body: { held: false } });
    expect(harness.publishedBytes).toEqual([]);
  });

  it('given an API server that does not let it, then the agent is told so for good', async () => {
    const { acquire, leases } = await start();
    leases.client.get = async () => {
      throw new ApiError({ class: 'forbidden', code: 403, reason: 'Forbidden', message: 'leases are forbidden' });
    };
    expect(await acquire(one)).toMatchObject({ status: 403, body: { reason: 'Forbidden', retry: false } });
  });

  it.each([
    ['no URL', { url: undefined }, 'body.url'],
    ['a URL that is none', { url: 'git.example.com/a' }, 'must start with https://'],
    ['a URL with credentials', { url: 'https://me:hunter2@git.example.com/a' }, 'put no credentials into the URL'],
    ['a short id', { id: 'a' }, 'body.id'],
    ['an id that is no name', { id: 'UPPER CASE AND BLANKS' }, 'body.id'],
    ['nothing wanted', { want: {} }, 'body.want'],
    ['a short commit', { want: { commit: 'abc' } }, 'body.want'],
    ['two wants', { want: { commit, mode: 'read' } }, 'body.want'],
    ['a time that is too short', { seconds: 59 }, 'body.seconds'],
    ['a time that is too long', { seconds: 7_201 }, 'body.seconds'],
    ['a number that leaves no higher one', { seenFence: 2 ** 31 }, 'body.seenFence'],
    ['a wait that is too long', { waitSeconds: 61 }, 'body.waitSeconds'],
    ['a namespace', { namespace: 'other' }, 'namespace'],
    ['a holder', { holder: { run: 'other' } }, 'holder'],
  ])('given %s, then the error names it, and nothing was asked of the API server', async (_, wrong, message) => {
    const { acquire, leases } = await start();
    const answer = await acquire(one, wrong);
    expect(answer).toMatchObject({ status: 400, body: { reason: 'InvalidRequest', retry: false } });
    expect(answer.body.message).toContain(message);
    expect(answer.body.message).not.toContain('hunter2');
    expect(leases.calls).toEqual({ get: 0, create: 0, replace: 0 });
  });
});

describe('the other calls of a lock', () => {
  it('given a lock that is held, then it can be renewed, evicted, and given back', async () => {
    const { lock, acquire, clock, holder, cacheUses } = await start();
    await acquire(one);
    clock.advanceSync(60_000);
    expect(await lock('renew', one)).toMatchObject({
      status: 200,
      body: { held: true, expires: '2026-01-01T00:31:00.000Z' },
    });
    expect(await lock('evict', one)).toMatchObject({ status: 200, body: { held: true } });
    const use = { result: 'rebuilt', fetchedBytes: 1_234 };
    expect(await lock('release', { ...one, use })).toMatchObject({ status: 200, body: {} });
    expect(holder()).toBe('');
    expect(cacheUses).toEqual([use]);
  });

  it.each(['renew', 'evict', 'publish'] as const)(
    'given %s of a lock that is not held, then it says so',
    async kind => {
      const { lock, publishedBytes } = await start();
      const body = kind === 'publish' ? { ...one, commits: [commit], bytes: 1 } : one;
      expect(await lock(kind, body)).toMatchObject({ status: 200, body: { held: false } });
      expect(publishedBytes).toEqual([]);
    },
  );

  it('given a lock that is given back twice, then the second time is no error', async () => {
    const { lock, acquire } = await start();
    await acquire(one);
    await lock('release', one);
    expect(await lock('release', one)).toMatchObject({ status: 200 });
  });

  it('given a publication and a release that are sent again, then each counts once, whichever replica is asked', async () => {
    const leases = createMemoryLeases();
    const [first, second, third] = [await start({ leases }), await start({ leases }), await start({ leases })];
    const use = { result: 'miss', fetchedBytes: 7 };
    await first.acquire(one);
    for (const { lock } of [first, first, second]) {
      expect(await lock('publish', { ...one, commits: [commit], bytes: 5 })).toMatchObject({ body: { held: true } });
    }
    for (const { lock } of [second, second, third]) {
      expect(await lock('release', { ...one, use })).toMatchObject({ status: 200 });
    }
    expect([first, second, third].flatMap(({ publishedBytes }) => publishedBytes)).toEqual([5]);
    expect([first, second, third].flatMap(({ cacheUses }) => cacheUses)).toEqual([use]);
  });

  it('given the id of another Pod’s lock, then it opens nothing', async () => {
    const harness = await start();
    await harness.acquire(one);
    const theirs = await otherPod(harness);
    expect(await theirs('renew', one)).toMatchObject({ body: { held: false } });
    expect(await theirs('publish', { ...one, commits: [commit], bytes: 1 })).toMatchObject({ body: { held: false } });
    expect(await theirs('evict', one)).toMatchObject({ body: { held: false } });
    await theirs('release', one);
    expect(await theirs('acquire', { ...one, want: { commit }, waitSeconds: 0 })).toMatchObject({
      body: { state: 'waiting' },
    });
    expect(await harness.lock('renew', one)).toMatchObject({ body: { held: true } });
  });

  it('given a run of another namespace, then the lock of the same repository is another one', async () => {
    const harness = await start();
    await harness.acquire(one);
    const theirs = await otherPod(harness, 'elsewhere');
    expect(await theirs('acquire', { ...one, want: { commit }, waitSeconds: 0 })).toMatchObject({
      body: { state: 'granted', mode: 'write', fence: 1 },
    });
    expect(harness.leases.get(`elsewhere/${lockName(url)}`)).toBeDefined();
  });

  it.each([
    ['renew', { ...one, commits: [] }, 'commits'],
    ['publish', { ...one, commits: [], bytes: 1 }, 'body.commits'],
    ['publish', { ...one, commits: Array(51).fill(commit), bytes: 1 }, 'body.commits'],
    ['publish', { ...one, commits: ['HEAD'], bytes: 1 }, 'body.commits.0'],
    ['publish', { ...one, commits: [commit], bytes: -1 }, 'body.bytes'],
    ['publish', { ...one, commits: [commit], bytes: 1.5 }, 'body.bytes'],
    ['evict', { id: one.id }, 'body.url'],
    ['release', { ...one, use: { result: 'fine', fetchedBytes: 1 } }, 'body.use.result'],
    ['release', { ...one, use: { result: 'hit', fetchedBytes: -1 } }, 'body.use.fetchedBytes'],
  ] as const)('given %s of %j, then the error names what is wrong', async (kind, body, message) => {
    const { lock, cacheUses } = await start();
    expect(await lock(kind, body)).toMatchObject({
      status: 400,
      body: { reason: 'InvalidRequest', message: expect.stringContaining(message) },
    });
    expect(cacheUses).toEqual([]);
  });
});

describe('POST /v1/cache-uses', () => {
  it('given a checkout that ended without a lock, then it is counted, and no Lease is written', async () => {
    const { call, cacheUses, leases } = await start();
    const body = { result: 'bypassed', fetchedBytes: 0 };
    expect(await call('POST', '/v1/cache-uses', { body })).toMatchObject({ status: 200, body: {} });
    expect(cacheUses).toEqual([body]);
    expect(leases.calls).toEqual({ get: 0, create: 0, replace: 0 });
    expect(await call('POST', '/v1/cache-uses', { body: {} })).toMatchObject({ status: 400 });
  });
});
