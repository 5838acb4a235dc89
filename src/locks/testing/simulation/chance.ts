/** Numbers that a seed determines, so that a history that fails can be had again. */
export interface Chance {
  /** In [0, 1). */
  next(): number;
  /** True with this probability. */
  happens(probability: number): boolean;
  between(from: number, to: number): number;
  pick<T>(from: readonly T[]): T;
}

/** mulberry32: small, and random enough to shake things. */
export function createChance(seed: number): Chance {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const between = (from: number, to: number): number => from + (to - from) * next();
  return {
    next,
    happens: probability => next() < probability,
    between,
    pick: from => from[Math.floor(between(0, from.length))]!,
  };
}
