/** Remembers by namespace that a cache could not be used, and has it tried again by one run after a while. */
export interface Setbacks {
  /** A run had to go without. */
  add(namespace: string, now: number): void;
  /** It works again. */
  clear(namespace: string): void;
  /** Whether a run that starts now has to go without. When the time is over, the first one that asks tries it for the others. */
  isHeld(namespace: string, now: number): boolean;
}

export interface SetbackTimes {
  /** From a setback to the next try, milliseconds. */
  readonly retryMs: number;
  /** How long a try may take to fail, milliseconds: after that it counts as good. */
  readonly trialMs: number;
}

interface Setback {
  readonly until: number;
  readonly isTried: boolean;
}

/**
 * A cache that cannot be used costs a run the time until its Pod is given up, so that not every run is to find it out. In memory only: after a
 * restart one more run does.
 */
export function createSetbacks({ retryMs, trialMs }: SetbackTimes): Setbacks {
  const setbacks = new Map<string, Setback>();
  return {
    add: (namespace, now) => void setbacks.set(namespace, { until: now + retryMs, isTried: false }),
    clear: namespace => void setbacks.delete(namespace),
    isHeld(namespace, now) {
      const setback = setbacks.get(namespace);
      if (setback === undefined) return false;
      if (now < setback.until) return true;
      if (setback.isTried) setbacks.delete(namespace);
      else setbacks.set(namespace, { until: now + trialMs, isTried: true });
      return false;
    },
  };
}
