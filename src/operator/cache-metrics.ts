import { Counter, Histogram, type Registry } from 'prom-client';
import type { CacheMetrics } from '../gateway/routes/locks.ts';
import type { LockMetrics } from '../locks/metrics.ts';

/** From a lock that is free to the time that a silent holder keeps one at most. */
const SECONDS = [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 1_800, 7_200];

/** Metrics of caches and their locks, of all namespaces together: neither tenants nor repositories have series of their own. */
export function createCacheMetrics(registry: Registry): { readonly cache: CacheMetrics; readonly locks: LockMetrics } {
  const registers = [registry];
  const checkouts = new Counter({
    name: 'tako_cache_checkouts_total',
    help: 'Checkouts in namespaces with a cache, by result: hit (nothing was fetched), miss (fetched into the cache), rebuilt (the entry was broken), bypassed (fetched without the cache)',
    labelNames: ['result'],
    registers,
  });
  const fetched = new Counter({
    name: 'tako_cache_fetched_bytes_total',
    help: 'Bytes that Git servers have sent for checkouts in namespaces with a cache',
    registers,
  });
  const publications = new Counter({
    name: 'tako_cache_publications_total',
    help: 'Generations that were written to caches',
    registers,
  });
  const published = new Counter({
    name: 'tako_cache_published_bytes_total',
    help: 'Bytes of the generations that were written to caches',
    registers,
  });
  const waits = new Histogram({
    name: 'tako_lock_wait_seconds',
    help: 'Time that locks of cache entries were waited for until they were granted, by mode (read, write)',
    labelNames: ['mode'],
    buckets: SECONDS,
    registers,
  });
  const holds = new Histogram({
    name: 'tako_lock_hold_seconds',
    help: 'Time that locks of cache entries were held, by mode (read, write)',
    labelNames: ['mode'],
    buckets: SECONDS,
    registers,
  });
  const takeovers = new Counter({
    name: 'tako_lock_takeovers_total',
    help: 'Locks that were taken from their holders, by mode (read, write) and cause (gone: its Pod is over; silent: not renewed in time)',
    labelNames: ['mode', 'cause'],
    registers,
  });
  const conflicts = new Counter({
    name: 'tako_lock_conflicts_total',
    help: 'Writes of locks that came after that of another replica, and were done again',
    registers,
  });
  const used: CacheMetrics['used'] = ({ result, fetchedBytes }) => {
    checkouts.inc({ result });
    fetched.inc(fetchedBytes);
  };
  return {
    cache: { used },
    locks: {
      used,
      published({ bytes }) {
        publications.inc();
        published.inc(bytes);
      },
      granted: ({ mode, waitMs }) => waits.observe({ mode }, waitMs / 1_000),
      ended: ({ mode, heldMs }) => holds.observe({ mode }, heldMs / 1_000),
      takenOver: ({ mode, cause }) => takeovers.inc({ mode, cause }),
      conflict: () => conflicts.inc(),
    },
  };
}
