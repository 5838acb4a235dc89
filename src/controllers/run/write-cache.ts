interface Versioned {
  readonly metadata: { readonly uid: string; readonly resourceVersion: string };
}

/** Bridges the time between a write and its arrival in the store. */
export interface WriteCache<T extends Versioned> {
  /** The object as written last while the store still shows the version before that write; else the store's. */
  freshest(key: string, stored: T): T;
  wrote(key: string, base: T, result: T, now: number): void;
  /** Milliseconds since the last write; Infinity when there was none. */
  writtenAgo(key: string, now: number): number;
  forget(key: string): void;
}

/**
 * Remembers the last write of each object until the store has it, so that a decision never rests on a status that was already
 * replaced. Without it such a decision would only end in a conflict, but a wasted one.
 */
export function createWriteCache<T extends Versioned>(): WriteCache<T> {
  const entries = new Map<string, { baseVersions: Set<string>; result: T; at: number; settled: boolean }>();
  return {
    freshest(key, stored) {
      const entry = entries.get(key);
      if (entry === undefined || entry.settled) return stored;
      if (
        entry.baseVersions.has(stored.metadata.resourceVersion) &&
        entry.result.metadata.uid === stored.metadata.uid
      ) {
        return entry.result;
      }
      entry.settled = true;
      return stored;
    },
    wrote(key, base, result, now) {
      const entry = entries.get(key);
      const earlier = entry !== undefined && !entry.settled ? entry.baseVersions : [];
      entries.set(key, {
        baseVersions: new Set([...earlier, base.metadata.resourceVersion]),
        result,
        at: now,
        settled: false,
      });
    },
    writtenAgo: (key, now) => {
      const entry = entries.get(key);
      return entry === undefined ? Number.POSITIVE_INFINITY : now - entry.at;
    },
    forget: key => void entries.delete(key),
  };
}
