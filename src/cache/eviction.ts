/** Bounds of a cache volume. */
export interface CacheLimits {
  /** Of all entries together. It may be passed for the time that it takes to evict others. */
  readonly maxBytes: number;
  /** An entry that nobody used for so long goes. */
  readonly maxAgeSeconds: number;
}

/** What eviction looks at. */
interface EntryUse {
  readonly bytes: number;
  readonly used: Date;
}

export interface Eviction<T> {
  readonly entry: T;
  readonly reason: 'age' | 'size';
}

/** Which entries should go, in which order: those that are too old, then the least recently used until the rest fits. */
export function planEviction<T extends EntryUse>(entries: readonly T[], limits: CacheLimits, now: Date): Eviction<T>[] {
  const byUse = [...entries].sort((left, right) => left.used.getTime() - right.used.getTime());
  const oldest = now.getTime() - limits.maxAgeSeconds * 1000;
  let bytes = entries.reduce((sum, entry) => sum + entry.bytes, 0);
  const evictions: Eviction<T>[] = [];
  for (const entry of byUse) {
    const reason = entry.used.getTime() < oldest ? 'age' : bytes > limits.maxBytes ? 'size' : undefined;
    if (reason === undefined) break;
    bytes -= entry.bytes;
    evictions.push({ entry, reason });
  }
  return evictions;
}
