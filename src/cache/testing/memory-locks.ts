import { type CacheLock, type CacheLocks, type CacheWant, LockLostError, type PublishedGeneration } from '../locks.ts';

interface Held {
  readonly url: string;
  mode: 'read' | 'write';
  readonly fence: number;
  readonly lost: AbortController;
}

interface Waiter {
  readonly url: string;
  readonly want: CacheWant;
  readonly seenFence: number;
  readonly grant: (lock: CacheLock) => void;
}

export interface MemoryLocks extends CacheLocks {
  /** Takes the locks of a repository away from their holders, who learn it unless `silent`. */
  takeAway(url: string, options?: { silent?: boolean }): void;
  published(url: string): PublishedGeneration | undefined;
  /** Forgets what it knows of a repository, numbers with it, as when somebody deletes the Lease. */
  forget(url: string): void;
  readonly holders: readonly { readonly url: string; readonly mode: 'read' | 'write'; readonly fence: number }[];
  readonly waiting: readonly { readonly url: string }[];
}

/** Locks for the tests of one process: first come, first served; readers together. */
export function createMemoryLocks(): MemoryLocks {
  const published = new Map<string, PublishedGeneration>();
  const fences = new Map<string, number>();
  let holders: Held[] = [];
  let queue: Waiter[] = [];

  const modeOf = ({ url, want }: Pick<Waiter, 'url' | 'want'>): 'read' | 'write' => {
    if ('mode' in want) return want.mode;
    return published.get(url)?.commits.includes(want.commit) ? 'read' : 'write';
  };
  const isFree = (url: string, mode: 'read' | 'write'): boolean =>
    !holders.some(held => held.url === url && (mode === 'write' || held.mode === 'write'));

  const serve = (url: string): void => {
    for (;;) {
      const next = queue.find(waiter => waiter.url === url);
      if (next === undefined || !isFree(url, modeOf(next))) return;
      queue = queue.filter(waiter => waiter !== next);
      next.grant(hold(next));
    }
  };

  const hold = (waiter: Omit<Waiter, 'grant'>): CacheLock => {
    const { url, seenFence } = waiter;
    const mode = modeOf(waiter);
    const fence = mode === 'write' ? Math.max(fences.get(url) ?? 0, seenFence) + 1 : (published.get(url)?.fence ?? 0);
    if (mode === 'write') fences.set(url, fence);
    const held: Held = { url, mode, fence, lost: new AbortController() };
    holders.push(held);
    const requireWriter = (): void => {
      if (!holders.includes(held) || held.mode !== 'write') throw new LockLostError(`the lock ${fence} was lost`);
    };
    return {
      get mode() {
        return held.mode;
      },
      fence,
      published: published.get(url),
      lost: held.lost.signal,
      async publish({ commits, bytes }) {
        requireWriter();
        const generation = { fence, commits, bytes, at: new Date().toISOString() };
        published.set(url, generation);
        held.mode = 'read';
        serve(url);
        return generation;
      },
      async evict() {
        requireWriter();
        published.delete(url);
      },
      async release() {
        holders = holders.filter(one => one !== held);
        serve(url);
      },
    };
  };

  return {
    async acquire(url, want, { seenFence, wait, signal }) {
      signal?.throwIfAborted();
      const waiter = { url, want, seenFence };
      if (!queue.some(one => one.url === url) && isFree(url, modeOf(waiter))) return hold(waiter);
      if (!wait) return undefined;
      const { promise, resolve, reject } = Promise.withResolvers<CacheLock>();
      const entry = { ...waiter, grant: resolve };
      queue.push(entry);
      const onAbort = (): void => {
        queue = queue.filter(one => one !== entry);
        reject(signal?.reason);
        serve(url);
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      return promise.finally(() => signal?.removeEventListener('abort', onAbort));
    },
    takeAway(url, { silent = false } = {}) {
      const gone = holders.filter(held => held.url === url);
      holders = holders.filter(held => held.url !== url);
      if (!silent) for (const held of gone) held.lost.abort(new LockLostError('taken away'));
      serve(url);
    },
    published: url => published.get(url),
    forget(url) {
      published.delete(url);
      fences.delete(url);
    },
    get holders() {
      return holders;
    },
    get waiting() {
      return queue;
    },
  };
}
