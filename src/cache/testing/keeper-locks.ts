import { randomUUID } from 'node:crypto';
import type { LockKeeper, LockRef } from '../../locks/keeper.ts';
import type { LockOwner } from '../../locks/types.ts';
import { type CacheLock, type CacheLocks, LockLostError } from '../locks.ts';

/** How long one request to the keeper waits, milliseconds: as an agent's long poll. */
const WAIT_MS = 20_000;

export interface KeeperLocks extends CacheLocks {
  /** How long each lock was held that was given back, milliseconds. */
  readonly heldMs: number[];
}

/** A run's locks from a keeper in the same process, where an agent has them by way of the gateway. They are not renewed: tests are short. */
export function createKeeperLocks(keeper: LockKeeper, namespace: string, owner: LockOwner): KeeperLocks {
  const heldMs: number[] = [];
  return {
    heldMs,
    async acquire(url, want, { seenFence, wait, signal }) {
      const ref: LockRef = { namespace, url, id: randomUUID() };
      try {
        for (;;) {
          const waitMs = wait ? WAIT_MS : 0;
          const answer = await keeper.acquire({ ...ref, want, holder: owner, seenFence }, { waitMs, signal });
          if (answer.state === 'granted') return lockOf(keeper, ref, answer, heldMs);
          if (!wait) return undefined;
        }
      } catch (error) {
        await keeper.release(ref);
        throw error;
      }
    },
  };
}

function lockOf(
  keeper: LockKeeper,
  ref: LockRef,
  granted: Pick<CacheLock, 'mode' | 'fence' | 'published'>,
  heldMs: number[],
): CacheLock {
  const since = performance.now();
  const lost = new AbortController();
  let { mode, published } = granted;
  const requireHeld = (held: boolean): void => {
    if (held) return;
    lost.abort(new LockLostError(`the lock ${ref.id} was taken away`));
    lost.signal.throwIfAborted();
  };
  return {
    get mode() {
      return mode;
    },
    fence: granted.fence,
    get published() {
      return published;
    },
    lost: lost.signal,
    async publish(generation) {
      const answer = await keeper.publish({ ...ref, ...generation });
      requireHeld(answer.held);
      mode = 'read';
      published = answer.published;
      return published!;
    },
    async evict() {
      requireHeld((await keeper.evict(ref)).held);
      published = undefined;
    },
    async release() {
      heldMs.push(performance.now() - since);
      await keeper.release(ref);
    },
  };
}
