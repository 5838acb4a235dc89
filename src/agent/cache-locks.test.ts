import { describe, expect, it, onTestFinished } from 'vitest';
import { createFakeClock } from '../../test/fixtures/fake-clock.ts';
import { until } from '../../test/fixtures/until.ts';
import { LockLostError } from '../cache/locks.ts';
import { createCacheLocks } from './cache-locks.ts';
import { createGatewayClient } from './gateway-client.ts';
import { type Answer, startTlsServer, tokenFile } from './testing/tls-server.ts';

const url = 'https://git.example.com/acme/core-lib.git';
const commit = 'a'.repeat(40);
const published = { fence: 7, commits: [commit], bytes: 1_000, at: '2026-01-01T00:00:00Z' };
const expires = '2026-01-01T00:30:00Z';
const ok = (body: unknown): Answer => ({ status: 200, body });
const readGrant = ok({ state: 'granted', mode: 'read', fence: 7, published, expires });
const writeGrant = ok({ state: 'granted', mode: 'write', fence: 8, expires });
const waiting = ok({ state: 'waiting', reason: 'written by run core-lib-x' });
const refusal: Answer = { status: 403, body: { reason: 'AttemptSuperseded', message: 'it is given up', retry: false } };

/** Locks over a real connection; time passes as the test says. */
async function startLocks(answers: Answer[], { seconds = 1_800, patienceMs = 60_000 } = {}) {
  const server = await startTlsServer();
  server.answers = answers;
  const clock = createFakeClock();
  /** The milliseconds of each timer that was started. */
  const armed: number[] = [];
  const { url: address, ca } = server;
  const backoff = { initialMs: 5, maximumMs: 20 };
  const gateway = createGatewayClient({ url: address, ca, tokenFile: tokenFile('token'), backoff });
  const locks = createCacheLocks({
    gateway,
    seconds,
    patienceMs,
    timer(callback, ms) {
      armed.push(ms);
      return clock.setTimeout(callback, ms);
    },
    monotonic: clock.monotonic,
  });
  onTestFinished(async () => {
    const closed = locks.close(0);
    clock.advanceSync(1);
    await closed;
    gateway.close();
  });
  const asked = () => server.seen.map(({ url: path, body }) => ({ kind: path.split('/').at(-1), ...JSON.parse(body) }));
  const kinds = () => asked().map(({ kind }) => kind);
  return { server, clock, armed, locks, asked, kinds };
}

const options = (signal?: AbortSignal) => ({ seenFence: 6, wait: true, signal });

describe("the agent's locks on the cache", () => {
  it('given a free lock, then it is asked for with all that the gateway wants to know', async () => {
    const { locks, asked } = await startLocks([readGrant]);
    const lock = await locks.acquire(url, { commit }, options());
    expect(lock).toMatchObject({ mode: 'read', fence: 7, published });
    expect(asked()).toEqual([
      {
        kind: 'acquire',
        url,
        id: expect.stringMatching(/^[0-9a-f]{24}$/),
        want: { commit },
        seconds: 1_800,
        seenFence: 6,
        waitSeconds: 20,
      },
    ]);
  });

  it('given a lock that others have, then it is asked for again with the same id until it is granted', async () => {
    const { locks, clock, asked } = await startLocks([waiting, 'reset', waiting, readGrant]);
    const acquired = locks.acquire(url, { commit }, options());
    await until('it waits for the second time', async () => {
      await clock.advance(200);
      return asked().length === 4;
    });
    expect(await acquired).toMatchObject({ mode: 'read' });
    expect(new Set(asked().map(({ id }) => id)).size).toBe(1);
  });

  it('given two acquisitions, then each has an id of its own', async () => {
    const { locks, asked } = await startLocks([readGrant]);
    await locks.acquire(url, { commit }, options());
    await locks.acquire(url, { commit }, options());
    const [one, other] = asked();
    expect(one.id).not.toBe(other.id);
  });

  it('given wait: false and a lock that is not free, then there is none, and nothing waits in the queue', async () => {
    const { locks, asked } = await startLocks([waiting]);
    expect(await locks.acquire(url, { mode: 'write' }, { seenFence: 0, wait: false })).toBeUndefined();
    expect(asked()).toMatchObject([{ kind: 'acquire', waitSeconds: 0 }]);
  });

  it('given somebody who does not want to wait any more, then the place in the queue is given back', async () => {
    const { locks, clock, asked, server } = await startLocks([waiting, 'hang']);
    const stop = new AbortController();
    const acquired = locks.acquire(url, { commit }, options(stop.signal));
    await until('it waits', async () => {
      await clock.advance(200);
      return server.seen.length === 2;
    });
    server.answers = [ok({})];
    stop.abort(new Error('the run was stopped'));
    await expect(acquired).rejects.toThrow('the run was stopped');
    await until('the place is given back', () => server.seen.length === 3);
    expect(asked()[2]).toEqual({ kind: 'release', url, id: asked()[0].id });
  });

  it('given somebody who stops waiting between two requests, then the place in the queue is given back too', async () => {
    const { locks, armed, asked, server } = await startLocks([waiting]);
    const stop = new AbortController();
    const acquired = locks.acquire(url, { commit }, options(stop.signal));
    const failed = expect(acquired).rejects.toThrow('the run was stopped');
    await until('it pauses', () => armed.includes(200));
    server.answers = [ok({})];
    stop.abort(new Error('the run was stopped'));
    await failed;
    await locks.close(30_000);
    expect(asked()).toMatchObject([{ kind: 'acquire' }, { kind: 'release', url, id: asked()[0].id }]);
  });

  it('given a gateway that stays away, then the acquisition gives up after its patience, and says what happened', async () => {
    const { locks, clock, server } = await startLocks(['hang'], { patienceMs: 30_000 });
    const acquired = locks.acquire(url, { commit }, options());
    const failed = expect(acquired).rejects.toMatchObject({ name: 'GatewayCallError', reason: 'GatewayUnreachable' });
    await until('it was asked', () => server.seen.length === 1);
    await clock.advance(50_000);
    await failed;
  });

  it('given a refusal for good, then that is the error', async () => {
    const { locks } = await startLocks([refusal]);
    await expect(locks.acquire(url, { commit }, options())).rejects.toMatchObject({ reason: 'AttemptSuperseded' });
  });

  it('given a lock that is held, then it is renewed every 60 s', async () => {
    const { locks, clock, kinds, asked } = await startLocks([readGrant, ok({ held: true, expires })]);
    const lock = await locks.acquire(url, { commit }, options());
    await clock.advance(59_000);
    expect(kinds()).toEqual(['acquire']);
    for (const count of [1, 2, 3]) {
      await clock.advance(60_000);
      await until(
        'it was renewed, and the next time is set',
        () => kinds().length === 1 + count && clock.pending === 1,
      );
    }
    expect(asked()[3]).toEqual({ kind: 'renew', url, id: asked()[0].id });
    expect(lock?.lost.aborted).toBe(false);
  });

  it('given a short lock, then it is renewed three times in its duration', async () => {
    const { locks, clock, kinds } = await startLocks([readGrant, ok({ held: true, expires })], { seconds: 90 });
    await locks.acquire(url, { commit }, options());
    await clock.advance(30_000);
    await until('it was renewed', () => kinds().length === 2);
  });

  it.each([
    ['the gateway says that it is not held', ok({ held: false }), 'somebody else may have it'],
    ['the gateway refuses for good', refusal, 'it is given up'],
  ])('given that %s, then the holder learns that the lock is lost', async (_, answer, why) => {
    const { locks, clock } = await startLocks([writeGrant, answer]);
    const lock = await locks.acquire(url, { commit }, options());
    await clock.advance(60_000);
    await until('it is lost', () => lock?.lost.aborted === true);
    expect(lock?.lost.reason).toBeInstanceOf(LockLostError);
    expect(String(lock?.lost.reason)).toContain(why);
    await expect(lock?.publish({ commits: [commit], bytes: 1 })).rejects.toBeInstanceOf(LockLostError);
    await expect(lock?.evict()).rejects.toBeInstanceOf(LockLostError);
  });

  it('given a gateway that stays away, then the lock is lost when its time since the last renewal is over, not before', async () => {
    const { locks, clock, server } = await startLocks([writeGrant, ok({ held: true }), 'hang'], { seconds: 180 });
    const lock = await locks.acquire(url, { commit }, options());
    await clock.advance(60_000);
    await until('it was renewed', () => server.seen.length === 2);
    await clock.advance(60_000);
    await until('it was asked again', async () => {
      await clock.advance(0);
      return server.seen.length === 3;
    });
    await clock.advance(119_000);
    expect(lock?.lost.aborted).toBe(false);
    await clock.advance(1_000);
    await until('it is lost', () => lock?.lost.aborted === true);
    expect(String(lock?.lost.reason)).toContain('could not be renewed in time');
  });

  it('given a writer that publishes, then it is a reader of what it has published', async () => {
    const generation = { ...published, fence: 8 };
    const { locks, asked } = await startLocks([writeGrant, 'cut', ok({ held: true, published: generation })]);
    const lock = await locks.acquire(url, { commit }, options());
    expect(lock?.mode).toBe('write');
    expect(await lock?.publish({ commits: [commit], bytes: 1_000 })).toEqual(generation);
    expect(lock).toMatchObject({ mode: 'read', fence: 8, published: generation });
    expect(asked()[2]).toEqual({ kind: 'publish', url, id: asked()[0].id, commits: [commit], bytes: 1_000 });
  });

  it('given a writer that publishes while the gateway is away, when the lock is lost meanwhile, then it learns that', async () => {
    const { locks, clock, server } = await startLocks([writeGrant, 'hang'], { seconds: 90 });
    const lock = await locks.acquire(url, { commit }, options());
    const publishing = lock?.publish({ commits: [commit], bytes: 1 });
    const failed = expect(publishing).rejects.toBeInstanceOf(LockLostError);
    await until('it was sent', () => server.seen.length === 2);
    await clock.advance(90_000);
    await failed;
  });

  it('given a writer that publishes while the gateway is away, when it gives the lock back, then it does not publish any more', async () => {
    const { locks, server, kinds } = await startLocks([writeGrant, 'hang']);
    const lock = await locks.acquire(url, { commit }, options());
    const failed = expect(lock?.publish({ commits: [commit], bytes: 1 })).rejects.toThrow();
    await until('it was sent', () => server.seen.length === 2);
    server.answers = [ok({})];
    await lock?.release();
    await failed;
    await locks.close(5_000);
    expect(kinds()).toEqual(['acquire', 'publish', 'release']);
  });

  it('given a lock that is lost, when it is given back, then the gateway is told all the same', async () => {
    const { locks, clock, asked } = await startLocks([writeGrant, ok({ held: false }), ok({})]);
    const lock = await locks.acquire(url, { commit }, options());
    await clock.advance(60_000);
    await until('it is lost', () => lock?.lost.aborted === true);
    await lock?.release({ result: 'miss', fetchedBytes: 5 });
    await locks.close(5_000);
    expect(asked()[2]).toMatchObject({ kind: 'release', use: { result: 'miss', fetchedBytes: 5 } });
  });

  it('given a writer that publishes and has lost its lock, then it learns it', async () => {
    const { locks } = await startLocks([writeGrant, ok({ held: false })]);
    const lock = await locks.acquire(url, { commit }, options());
    await expect(lock?.publish({ commits: [commit], bytes: 1 })).rejects.toBeInstanceOf(LockLostError);
    expect(lock?.lost.aborted).toBe(true);
  });

  it('given a writer that evicts, then nothing is published any more', async () => {
    const { locks, kinds } = await startLocks([
      ok({ state: 'granted', mode: 'write', fence: 8, published, expires }),
      ok({ held: true }),
    ]);
    const lock = await locks.acquire(url, { mode: 'write' }, options());
    await lock?.evict();
    expect(lock).toMatchObject({ mode: 'write', published: undefined });
    expect(kinds()).toEqual(['acquire', 'evict']);
  });

  it('given a gateway that is away, when a lock is released, then nobody waits for it but close, and that not for ever', async () => {
    const { locks, clock, server, asked } = await startLocks([readGrant, 'hang']);
    const lock = await locks.acquire(url, { commit }, options());
    await lock?.release({ result: 'hit', fetchedBytes: 0 });
    await lock?.release();
    await until('it was sent', () => server.seen.length === 2);
    expect(asked()[1]).toMatchObject({ kind: 'release', use: { result: 'hit', fetchedBytes: 0 } });
    let closed = false;
    const closing = locks.close(5_000).then(() => {
      closed = true;
    });
    await clock.advance(4_999);
    expect(closed).toBe(false);
    await clock.advance(1);
    await closing;
    expect(clock.pending).toBe(0);
  });

  it('given a checkout that ended without a lock, then the gateway is told in the background', async () => {
    const { locks, server } = await startLocks([ok({})]);
    locks.report({ result: 'bypassed', fetchedBytes: 0 });
    await locks.close(5_000);
    expect(server.seen).toMatchObject([{ url: '/v1/cache-uses', body: '{"result":"bypassed","fetchedBytes":0}' }]);
  });

  it('given locks that are still held, when they are closed, then all are given back', async () => {
    const { locks, clock, kinds, server } = await startLocks([readGrant]);
    await locks.acquire(url, { commit }, options());
    await locks.acquire(url, { commit }, options());
    server.answers = ['reset', ok({})];
    await locks.close(5_000);
    expect(kinds().filter(kind => kind === 'release').length).toBeGreaterThanOrEqual(2);
    expect(clock.pending).toBe(0);
  });
});
