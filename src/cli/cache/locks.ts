import { isPodGone } from '../../controllers/cache/pod-gone.ts';
import type { KubeClient } from '../../kube/client.ts';
import { type Clock, repeat } from '../../kube/clock.ts';
import { createLockKeeper, type LockKeeper } from '../../locks/keeper.ts';
import type { Grant, LockMode, LockOwner } from '../../locks/types.ts';

/** A lock that a command holds. */
export interface HeldLock {
  readonly grant: Grant;
  /** Asks the API server: false when somebody has taken it away. */
  isHeld(): Promise<boolean>;
  /** For a writer: nobody is told to read the entry any more. False when the lock is lost. */
  evict(): Promise<boolean>;
}

export type Locked<R> =
  | { readonly kind: 'done'; readonly value: R }
  | { readonly kind: 'busy'; readonly reason: string };

export interface CommandLocks {
  /**
   * Takes the lock of a repository if it is free at once, does the work, and gives it back. It is renewed meanwhile.
   *
   * @param seenFence the highest number of a generation on the volume
   */
  with<R>(
    lock: { readonly url: string; readonly mode: LockMode; readonly seenFence: number },
    work: (lock: HeldLock) => Promise<R>,
  ): Promise<Locked<R>>;
}

export interface CommandLocksOptions {
  readonly keeper: LockKeeper;
  readonly namespace: string;
  /** For whom: a Pod, with whose end the locks are free. */
  readonly holder: LockOwner;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** How long a lock outlives a command that has lost its connection, while its Pod is still there, seconds. */
const LOCK_SECONDS = 300;
const RENEW_MS = 60_000;
/** Giving a lock back is tried for so long, also after Ctrl-C, milliseconds. */
const RELEASE_MS = 10_000;

/** Locks of cache entries for a command. */
export function createCommandLocks(options: CommandLocksOptions): CommandLocks {
  const { keeper, namespace, holder, clock, signal } = options;
  let last = 0;
  return {
    async with({ url, mode, seenFence }, work) {
      const ref = { namespace, url, id: `${holder.podUid}-${++last}` };
      try {
        const request = { ...ref, want: { mode }, holder, seconds: LOCK_SECONDS, seenFence };
        let answer = await keeper.acquire(request, { signal });
        if (answer.state === 'waiting') {
          // What is tried once is not looked into: whoever holds it may be gone.
          await keeper.sweep({ namespace, url }, { signal });
          answer = await keeper.acquire(request, { signal });
        }
        if (answer.state === 'waiting') return { kind: 'busy', reason: answer.reason };
        const grant = answer;
        // One that fails is tried again at the next; whether the lock is still there is asked where it matters.
        const stop = repeat(clock, RENEW_MS, () => void keeper.renew(ref).catch(() => undefined));
        try {
          const value = await work({
            grant,
            isHeld: async () => (await keeper.renew(ref, { signal })).held,
            evict: async () => (await keeper.evict(ref, { signal })).held,
          });
          return { kind: 'done', value };
        } finally {
          stop();
        }
      } finally {
        // Also when it is not known whether it was granted. What fails here ends with the Pod.
        await keeper.release(ref, { signal: AbortSignal.timeout(RELEASE_MS) }).catch(() => undefined);
      }
    },
  };
}

/** A keeper of its own for a command, with the rights of its user. */
export function createCommandKeeper(
  client: Pick<KubeClient, 'get' | 'create' | 'replace'>,
  { clock, random }: { readonly clock: Clock; readonly random: () => number },
): LockKeeper {
  return createLockKeeper({ client, clock, random, isGone: (pod, signal) => isPodGone(client, pod, signal) });
}
