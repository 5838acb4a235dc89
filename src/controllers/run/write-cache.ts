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

interface Entry<T> {
  /** When the last write was. */
  readonly at: number;
  /** Until the store has moved on from the versions that the writes rested on. */
  pending?: { readonly bases: ReadonlySet<string>; readonly result: T } | undefined;
}

/**
 * Remembers the last write of each object until the store has it, so that a decision never rests on a status that was already
 * replaced. Without it such a decision would only end in a conflict, but a wasted one. Afterwards only the time is kept.
 */
export function createWriteCache<T extends Versioned>(): WriteCache<T> {
  const entries = new Map<string, Entry<T>>();
  return {
    freshest(key, stored) {
      const entry = entries.get(key);
      if (entry?.pending === undefined) return stored;
      const { bases, result } = entry.pending;
      if (bases.has(stored.metadata.resourceVersion) && result.metadata.uid === stored.metadata.uid) return result;
      entry.pending = undefined;
      return stored;
    },
    wrote(key, base, result, now) {
      const bases = new Set(entries.get(key)?.pending?.bases).add(base.metadata.resourceVersion);
      entries.set(key, { at: now, pending: { bases, result } });
    },
    writtenAgo(key, now) {
      const entry = entries.get(key);
      return entry === undefined ? Number.POSITIVE_INFINITY : now - entry.at;
    },
    forget: key => void entries.delete(key),
  };
}
