import type { KubeClient } from '../kube/client.ts';
import { type Clock, systemClock } from '../kube/clock.ts';
import { type Logger, silentLogger } from '../kube/logger.ts';
import { createTokenBucket } from '../kube/rate-limit.ts';
import { createEntry, type Entry } from './entry.ts';
import type { IsGone } from './gone.ts';
import { lockName } from './lease.ts';
import { DEFAULT_LOCK_SECONDS } from './limits.ts';
import { type LockMetrics, noLockMetrics } from './metrics.ts';
import { checkOperation } from './requests.ts';
import type {
  Answers,
  CacheUse,
  Grant,
  LockOperation,
  LockOwner,
  Publication,
  Renewal,
  Waiting,
  Want,
} from './types.ts';

/** Which lock, and whose. */
export interface LockRef {
  readonly namespace: string;
  /** Canonical address of the repository, `GitUrl.href`. */
  readonly url: string;
  /** Made by who asks, one for each acquisition: letters, digits and dashes, at most 64. */
  readonly id: string;
}

export interface AcquireRequest extends LockRef {
  readonly want: Want;
  /** For whom it is. */
  readonly holder: LockOwner;
  /** How long the holder may be silent. Default 30 min, at most 2 h. */
  readonly seconds?: number | undefined;
  /** The highest generation that the asker sees on the volume. Default 0. */
  readonly seenFence?: number | undefined;
}

export interface LockCall {
  /** Ends the call, which throws its reason. What was asked for may still happen: ask again with the same id, or release. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Locks of cached repositories. Any number of keepers serve the same locks; all state is in the Leases. Every call may be repeated with its id,
 * through any keeper. An ApiError says that the API server did not do its part for some time, or never will.
 */
export interface LockKeeper {
  /**
   * Asks for the lock, and waits up to `waitMs` (default 0) for it. Who is told to wait keeps the place in the queue for a minute: ask again with
   * the same id. With 0 it is only tried, and no place is kept.
   */
  acquire(
    request: AcquireRequest,
    call?: LockCall & { readonly waitMs?: number | undefined },
  ): Promise<Grant | Waiting>;
  renew(ref: LockRef, call?: LockCall): Promise<Renewal>;
  /** Makes the generation that was written under the lock the one that is read. The writer is a reader of it from then on. */
  publish(
    request: LockRef & { readonly commits: readonly string[]; readonly bytes: number },
    call?: LockCall,
  ): Promise<Publication>;
  /** For a writer: nothing is published from now on. The lock stays. */
  evict(ref: LockRef, call?: LockCall): Promise<{ readonly held: boolean }>;
  /** Also of what is not held: then a request with this id that comes later is void. */
  release(request: LockRef & { readonly use?: CacheUse | undefined }, call?: LockCall): Promise<void>;
  /** Takes the lock from holders that are gone, as anybody who asked for it would. */
  sweep(ref: Omit<LockRef, 'id'>, call?: LockCall): Promise<void>;
  /** To be told of every change of a Lease with the component `cache-lock`, so that nobody has to wait for the next look. */
  leaseChanged(lease: {
    readonly namespace?: string | undefined;
    readonly name: string;
    readonly resourceVersion: string;
  }): void;
  /** To be told of every Pod that is over. */
  podEnded(pod: { readonly namespace: string; readonly uid: string }): void;
}

export interface LockKeeperOptions {
  readonly client: Pick<KubeClient, 'get' | 'create' | 'replace'>;
  /**
   * Whether a Pod is over, by the word of the API server: it is not there, has another UID, has succeeded or failed, or its agent has. False when
   * in doubt. An error counts as false.
   */
  readonly isGone: IsGone;
  /** Calls a second for all locks together, on average: they are apart from the client's own limit. Default 100. */
  readonly qps?: number | undefined;
  /** Calls at once after a quiet time. Default 200. */
  readonly burst?: number | undefined;
  readonly clock?: Clock | undefined;
  /** In [0, 1); default Math.random. */
  readonly random?: (() => number) | undefined;
  readonly metrics?: LockMetrics | undefined;
  readonly logger?: Logger | undefined;
}

/** What was seen of a lock that nobody asks about is forgotten after this long, milliseconds: longer than between two requests of a waiter. */
const FORGET_MS = 10 * 60_000;

export function createLockKeeper(options: LockKeeperOptions): LockKeeper {
  const { client, isGone, qps = 100, burst = 200, clock = systemClock, random = Math.random } = options;
  const { metrics = noLockMetrics, logger = silentLogger } = options;
  const budget = createTokenBucket({ qps, burst, clock });
  const entries = new Map<string, Entry>();
  const context = { client, isGone, budget, clock, random, metrics, logger };
  let forgottenAt = clock.monotonic();

  const entryOf = (namespace: string, url: string): Entry => {
    forgetIdle();
    const key = `${namespace}/${lockName(url)}`;
    const known = entries.get(key);
    if (known !== undefined) return known;
    const entry = createEntry({ namespace, url }, context);
    entries.set(key, entry);
    return entry;
  };

  const forgetIdle = (): void => {
    if (clock.monotonic() - forgottenAt < FORGET_MS) return;
    forgottenAt = clock.monotonic();
    for (const [key, entry] of entries) if (entry.idleMs() >= FORGET_MS) entries.delete(key);
  };

  const submit = async <K extends LockOperation['kind']>(
    ref: Omit<LockRef, 'id'>,
    operation: Extract<LockOperation, { kind: K }>,
    { signal, waitMs = 0 }: { signal?: AbortSignal | undefined; waitMs?: number | undefined } = {},
  ): Promise<Answers[K]> => {
    signal?.throwIfAborted();
    checkOperation(operation);
    return (await entryOf(ref.namespace, ref.url).submit(operation, { signal, waitMs })) as Answers[K];
  };

  return {
    acquire: ({ namespace, url, id, want, holder, seconds = DEFAULT_LOCK_SECONDS, seenFence = 0 }, call = {}) => {
      const enqueue = (call.waitMs ?? 0) > 0;
      return submit(
        { namespace, url },
        { kind: 'acquire', id, want, owner: holder, seconds, seenFence, enqueue },
        call,
      );
    },
    renew: ({ id, ...ref }, call) => submit(ref, { kind: 'renew', id }, call),
    publish: ({ id, commits, bytes, ...ref }, call) => submit(ref, { kind: 'publish', id, commits, bytes }, call),
    evict: ({ id, ...ref }, call) => submit(ref, { kind: 'evict', id }, call),
    release: async ({ id, use, ...ref }, call) => {
      await submit(ref, { kind: 'release', id, use }, call);
    },
    sweep: ({ namespace, url }, call) => entryOf(namespace, url).sweep(call?.signal),
    leaseChanged: ({ namespace = '', name, resourceVersion }) =>
      entries.get(`${namespace}/${name}`)?.leaseChanged(resourceVersion),
    podEnded: ({ namespace, uid }) => {
      for (const entry of entries.values()) if (entry.namespace === namespace) entry.podEnded(uid);
    },
  };
}
