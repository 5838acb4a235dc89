export interface BackOffOptions {
  /** Default 200. */
  firstMs?: number;
  /** Default 30,000. */
  longestMs?: number;
  /** Each delay is longer by a random part of itself, up to this. Default 1, so that many clients do not come back together. */
  jitter?: number;
  /** In [0, 1); default Math.random. */
  random?: () => number;
}

/** Delays that double. */
export interface BackOff {
  /** Milliseconds to wait now. */
  next(): number;
  reset(): void;
}

export function createBackOff(options: BackOffOptions = {}): BackOff {
  const { firstMs = 200, longestMs = 30_000, jitter = 1, random = Math.random } = options;
  let failures = 0;
  return {
    next: () => Math.min(firstMs * 2 ** failures++, longestMs) * (1 + jitter * random()),
    reset: () => {
      failures = 0;
    },
  };
}
