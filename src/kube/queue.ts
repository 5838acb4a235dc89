import type { Clock } from './clock.ts';
import { systemClock } from './clock.ts';
import { createDelayQueue } from './delay-queue.ts';
import type { KubeMetrics } from './metrics.ts';
import { noMetrics } from './metrics.ts';
import { createTokenBucket } from './rate-limit.ts';

/**
 * client-go's rate-limiting work queue: a key is in it at most once, is never handed to two workers, and when it is added while
 * a worker has it, it comes again after `done`.
 */
export interface WorkQueue {
  /** Keys that wait for a worker (not those that wait for their time). */
  readonly length: number;
  add(key: string): void;
  /** Adds it when the time has come; a key that already waits keeps its earlier time. 0 or less adds at once. */
  addAfter(key: string, delayMs: number): void;
  /** Adds it after its back-off: 5 ms doubled with every retry, up to 1,000 s; and all together 10 a second after the first 100. */
  addRateLimited(key: string, atLeastMs?: number): void;
  /** Ends the back-off: the next retry is the first again. */
  forget(key: string): void;
  /** How often the key was added rate-limited since it was last forgotten. */
  retries(key: string): number;
  /** The next key, or undefined when the queue is shut down and empty. Each key must be given back with `done`. */
  get(): Promise<string | undefined>;
  done(key: string): void;
  /** Takes no more keys; those that wait for their time are dropped, those in the queue still come out. */
  shutDown(): void;
  /** The same, and resolves when the queue is empty and every key is done. */
  shutDownWithDrain(): Promise<void>;
}

export interface WorkQueueOptions {
  /** For metrics. Default `default`. */
  name?: string;
  /** Default 5. */
  firstBackOffMs?: number;
  /** Default 1,000,000. */
  longestBackOffMs?: number;
  /** Retries a second over all keys. Default 10. */
  retryQps?: number;
  /** Default 100. */
  retryBurst?: number;
  clock?: Clock;
  metrics?: KubeMetrics;
}

// The figures are client-go's DefaultTypedControllerRateLimiter (util/workqueue/default_rate_limiters.go).
const defaults = { firstBackOffMs: 5, longestBackOffMs: 1_000_000, retryQps: 10, retryBurst: 100 };

export function createWorkQueue(options: WorkQueueOptions = {}): WorkQueue {
  const { name = 'default', clock = systemClock, metrics = noMetrics } = options;
  const { firstBackOffMs, longestBackOffMs, retryQps, retryBurst } = { ...defaults, ...options };
  const bucket = createTokenBucket({ qps: retryQps, burst: retryBurst, clock });

  /** In order, with the time at which each came in. Every key here is dirty and not in processing. */
  const queue = createFifo<{ key: string; since: number }>();
  const dirty = new Set<string>();
  const processing = new Set<string>();
  const failures = new Map<string, number>();
  const waiters: ((key: string | undefined) => void)[] = [];
  const drained: (() => void)[] = [];
  let shuttingDown = false;

  const take = (key: string, since: number): string => {
    processing.add(key);
    dirty.delete(key);
    metrics.queueWaited({ queue: name, waitMs: clock.monotonic() - since });
    return key;
  };

  const push = (key: string): void => {
    const since = clock.monotonic();
    const waiter = waiters.shift();
    if (waiter === undefined) queue.push({ key, since });
    else waiter(take(key, since));
    metrics.queueDepth({ queue: name, depth: queue.length });
  };

  const add = (key: string): void => {
    if (shuttingDown || dirty.has(key)) return;
    dirty.add(key);
    if (!processing.has(key)) push(key);
  };

  const delayed = createDelayQueue(clock, add);

  const addAfter = (key: string, delayMs: number): void => {
    if (shuttingDown) return;
    if (delayMs <= 0) add(key);
    else delayed.add(key, delayMs);
  };

  const finishIfDrained = (): void => {
    if (!shuttingDown || queue.length > 0 || processing.size > 0) return;
    for (const resolve of drained.splice(0)) resolve();
  };

  const shutDown = (): void => {
    shuttingDown = true;
    delayed.clear();
    for (const waiter of waiters.splice(0)) waiter(undefined);
    finishIfDrained();
  };

  return {
    get length() {
      return queue.length;
    },
    add,
    addAfter,
    addRateLimited: (key, atLeastMs = 0) => {
      const failed = failures.get(key) ?? 0;
      failures.set(key, failed + 1);
      metrics.queueRetried({ queue: name });
      const backOff = Math.min(firstBackOffMs * 2 ** failed, longestBackOffMs);
      addAfter(key, Math.max(backOff, bucket.reserve(), atLeastMs));
    },
    forget: key => {
      failures.delete(key);
    },
    retries: key => failures.get(key) ?? 0,
    get: () => {
      const next = queue.shift();
      if (next !== undefined) {
        metrics.queueDepth({ queue: name, depth: queue.length });
        return Promise.resolve(take(next.key, next.since));
      }
      if (shuttingDown) return Promise.resolve(undefined);
      return new Promise(resolve => waiters.push(resolve));
    },
    done: key => {
      processing.delete(key);
      if (dirty.has(key)) push(key);
      finishIfDrained();
    },
    shutDown,
    shutDownWithDrain: () => {
      const finished = new Promise<void>(resolve => drained.push(resolve));
      shutDown();
      return finished;
    },
  };
}

/** First in, first out; unlike an array's `shift` it does not move the rest. */
function createFifo<T>() {
  let items: T[] = [];
  let head = 0;
  return {
    get length() {
      return items.length - head;
    },
    push: (item: T): void => {
      items.push(item);
    },
    shift: (): T | undefined => {
      if (head === items.length) return undefined;
      const item = items[head++];
      // Amortised: what is cut off is at least as much as what is moved.
      if (head * 2 >= items.length) {
        items = items.slice(head);
        head = 0;
      }
      return item;
    },
  };
}
