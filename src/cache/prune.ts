import { rm, rmdir } from 'node:fs/promises';
import path from 'node:path';
import { type CacheEntry, listEntries } from './entries.ts';
import { type CacheLimits, type Eviction, planEviction } from './eviction.ts';
import { highestFence, numberedDirectories } from './layout.ts';
import type { CacheLocks } from './locks.ts';
import { within } from './within.ts';

export interface PruneRequest {
  readonly root: string;
  readonly limits: CacheLimits;
  /** Part of what is there that goes at least, whatever the limits. Default 0. */
  readonly share?: number | undefined;
  readonly locks: CacheLocks;
  readonly now: Date;
  readonly signal?: AbortSignal | undefined;
}

export interface PruneResult {
  readonly evicted: readonly Eviction<CacheEntry>[];
  /** What should have gone, but is in use. */
  readonly busy: readonly Eviction<CacheEntry>[];
}

/** Brings a cache volume within its limits. Entries that somebody reads, writes or waits for stay. */
export async function pruneCache(request: PruneRequest): Promise<PruneResult> {
  const entries = await listEntries(request.root, request.signal);
  const evicted: Eviction<CacheEntry>[] = [];
  const busy: Eviction<CacheEntry>[] = [];
  const bytes = entries.reduce((sum, entry) => sum + entry.bytes, 0);
  const maxBytes = Math.min(request.limits.maxBytes, Math.floor(bytes * (1 - (request.share ?? 0))));
  for (const eviction of planEviction(entries, { ...request.limits, maxBytes }, request.now)) {
    const done = await evictEntry(eviction.entry, request.locks, request.signal);
    (done ? evicted : busy).push(eviction);
  }
  return { evicted, busy };
}

/**
 * Removes an entry if its lock is free at once, and says whether it was. The lock service takes back what is published first: from then on
 * nobody is told to read what this removes, however long it takes.
 */
export async function evictEntry(
  { directory, url }: Pick<CacheEntry, 'directory' | 'url'>,
  locks: CacheLocks,
  signal?: AbortSignal,
): Promise<boolean> {
  const seenFence = await highestFence(directory);
  const lock = await locks.acquire(url.href, { mode: 'write' }, { seenFence, wait: false, signal });
  if (lock === undefined) return false;
  try {
    await within(lock.evict(), signal);
    await removeGenerations(directory, lock.fence);
    return true;
  } finally {
    await within(lock.release(), signal);
  }
}

/**
 * Deletes the generations of an entry up to a number, finished or not, and the entry when nothing is left of it. Only for who holds, or held, the
 * write lock with that number and has evicted the entry under it: from then on nobody is told to read what this removes.
 */
export async function removeGenerations(directory: string, fence: number): Promise<void> {
  for (const one of await numberedDirectories(directory)) {
    if (one.fence <= fence) await rm(one.path, { recursive: true, force: true });
  }
  // Whoever got the lock since has begun the entry anew.
  if ((await numberedDirectories(directory)).length > 0) return;
  for (const name of ['used', 'url']) await rm(path.join(directory, name), { force: true });
  // A writer that was paused may have left something since.
  await rmdir(directory).catch(() => undefined);
}
