export interface LruOptions {
  /** Entries kept. */
  readonly maxEntries: number;
  /** Sum of the weights kept. A single entry above it is not kept at all. */
  readonly maxWeight: number;
}

export interface Lru<T> {
  get(key: string): T | undefined;
  set(key: string, value: T, weight: number): void;
  readonly size: number;
}

/** A bounded cache; what was used least recently goes first. A Map keeps the order of insertion, which is all it takes. */
export function createLru<T>({ maxEntries, maxWeight }: LruOptions): Lru<T> {
  const entries = new Map<string, { value: T; weight: number }>();
  let total = 0;

  const remove = (key: string): void => {
    total -= entries.get(key)?.weight ?? 0;
    entries.delete(key);
  };

  return {
    get size() {
      return entries.size;
    },
    get(key) {
      const entry = entries.get(key);
      if (entry === undefined) return undefined;
      entries.delete(key);
      entries.set(key, entry);
      return entry.value;
    },
    set(key, value, weight) {
      remove(key);
      if (weight > maxWeight) return;
      entries.set(key, { value, weight });
      total += weight;
      for (const oldest of entries.keys()) {
        if (entries.size <= maxEntries && total <= maxWeight) break;
        remove(oldest);
      }
    },
  };
}
