import { randomBytes } from 'node:crypto';
import { type CacheLock, type CacheLocks, LockLostError } from '../cache/locks.ts';
import { within } from '../cache/within.ts';
import { anyOf } from '../git/signals.ts';
import type { CacheUse, Grant } from '../locks/types.ts';
import type { LockCalls, LockName } from './contract.ts';
import type { GatewayClient } from './gateway-client.ts';
import { messageOf } from './step-end.ts';
import { startTimer } from './timer.ts';

export interface AgentCacheLocksOptions {
  readonly gateway: Pick<GatewayClient, 'lock' | 'reportCacheUse'>;
  /** How long a lock stays while it is not renewed, seconds. */
  readonly seconds: number;
  /** How long the gateway may be away before an acquisition gives up, milliseconds. Default 60,000. */
  readonly patienceMs?: number;
  readonly timer?: typeof startTimer;
  /** Milliseconds since an arbitrary start. */
  readonly monotonic?: () => number;
}

/** Locks by way of the gateway. Those that are held are renewed until they are released. */
export interface AgentCacheLocks extends CacheLocks {
  /** Tells of a checkout that had no lock in the end. In the background. */
  report(use: CacheUse): void;
  /** Gives back what is held, and waits until the gateway knows of all that was; no longer than `limitMs`. Never rejects. */
  close(limitMs: number): Promise<void>;
}

/** Time between two renewals unless the lock is a short one, milliseconds. */
const RENEW_MS = 60_000;
/** How long one request waits for the lock, seconds; then it is sent again. */
const WAIT_SECONDS = 20;
/** A gateway that is about to close answers at once: this is the pause before the next is asked, milliseconds. */
const PAUSE_MS = 200;

export function createCacheLocks(options: AgentCacheLocksOptions): AgentCacheLocks {
  const { gateway, seconds, patienceMs = 60_000, timer = startTimer, monotonic = () => performance.now() } = options;
  const closing = new AbortController();
  const messages = new Set<Promise<void>>();
  const held = new Map<string, CacheLock>();

  /** In the background: neither the steps nor the next acquisition wait for it. */
  function send(message: Promise<unknown>): void {
    const sent = message.then(
      () => undefined,
      // A lock goes with the Pod, or when it has not been renewed for its time.
      () => undefined,
    );
    messages.add(sent);
    void sent.then(() => messages.delete(sent));
  }

  function giveBack(name: LockName, use?: CacheUse): void {
    send(gateway.lock('release', { ...name, ...(use !== undefined && { use }) }, closing.signal));
  }

  /** Rejects with the signal's reason when it is aborted first. */
  async function pause(signal: AbortSignal): Promise<void> {
    const over = Promise.withResolvers<void>();
    const cancel = timer(over.resolve, PAUSE_MS);
    await within(over.promise, signal).finally(cancel);
  }

  return {
    async acquire(url, want, { seenFence, wait, signal: given }) {
      const signal = anyOf(given, closing.signal);
      signal.throwIfAborted();
      const name = { url, id: randomBytes(12).toString('hex') };
      const request = { ...name, want, seconds, seenFence, waitSeconds: wait ? WAIT_SECONDS : 0 };
      try {
        for (;;) {
          const asked = monotonic();
          const limit = limited(signal, timer, patienceMs + request.waitSeconds * 1_000);
          const answer = await gateway.lock('acquire', request, limit.signal).finally(limit.cancel);
          if (answer.state === 'granted') return hold(name, answer, asked);
          if (!wait) return undefined;
          await pause(signal);
        }
      } catch (error) {
        giveBack(name);
        signal.throwIfAborted();
        throw error;
      }
    },

    report: use => send(gateway.reportCacheUse(use, closing.signal)),

    async close(limitMs) {
      for (const lock of held.values()) void lock.release();
      const cancel = timer(() => closing.abort(), limitMs);
      await Promise.all(messages);
      cancel();
    },
  };

  /** @param asked when the request was sent that was granted: the lock is good for its time from then on at least */
  function hold(name: LockName, grant: Grant, asked: number): CacheLock {
    const lost = new AbortController();
    /** Lost, or given back: there is nothing to ask any more. */
    const over = new AbortController();
    let { mode, published } = grant;
    let cancelTimer = (): void => undefined;

    const end = (): void => {
      cancelTimer();
      over.abort();
    };
    const lose = (why: string): LockLostError => {
      end();
      const error = new LockLostError(`the lock on the cache entry of ${name.url} is lost: ${why}`);
      lost.abort(error);
      return error;
    };
    const ask = async <Kind extends 'publish' | 'evict'>(kind: Kind, request: LockCalls[Kind]['request']) => {
      lost.signal.throwIfAborted();
      try {
        return await gateway.lock(kind, request, over.signal);
      } catch (error) {
        lost.signal.throwIfAborted();
        throw error;
      }
    };

    const renewAfter = (good: number): void => {
      const interval = Math.min(RENEW_MS, (seconds * 1_000) / 3);
      cancelTimer = timer(() => void renew(good), good + interval - monotonic());
    };
    const renew = async (good: number): Promise<void> => {
      const now = monotonic();
      const limit = limited(over.signal, timer, good + seconds * 1_000 - now);
      try {
        const answer = await gateway.lock('renew', name, limit.signal);
        if (over.signal.aborted) return;
        if (answer.held) renewAfter(now);
        else lose('somebody else may have it');
      } catch (error) {
        if (!over.signal.aborted) lose(`it could not be renewed in time: ${messageOf(error)}`);
      } finally {
        limit.cancel();
      }
    };

    const lock: CacheLock = {
      get mode() {
        return mode;
      },
      fence: grant.fence,
      get published() {
        return published;
      },
      lost: lost.signal,
      async publish(generation) {
        const answer = await ask('publish', { ...name, ...generation });
        if (!answer.held || answer.published === undefined) throw lose('it was taken away before the end');
        mode = 'read';
        published = answer.published;
        return published;
      },
      async evict() {
        const { held: still } = await ask('evict', name);
        if (!still) throw lose('it was taken away before the end');
        published = undefined;
      },
      async release(use) {
        if (!held.delete(name.id)) return;
        end();
        giveBack(name, use);
      },
    };
    held.set(name.id, lock);
    renewAfter(asked);
    return lock;
  }
}

/** The signal, and a time limit that can be taken back. */
function limited(
  signal: AbortSignal,
  timer: typeof startTimer,
  ms: number,
): { readonly signal: AbortSignal; cancel(): void } {
  const limit = new AbortController();
  const cancel = timer(() => limit.abort(), ms);
  return { signal: AbortSignal.any([signal, limit.signal]), cancel };
}
