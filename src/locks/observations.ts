import type { Clock } from '../kube/clock.ts';
import type { LockState } from './types.ts';

/** Remembers since when each holder and waiter has given no sign, by this process's monotonic clock. */
export interface Observations {
  /** To be told of every state that is read or written. */
  observe(state: Pick<LockState, 'holders' | 'queue'>): void;
  silentMs(id: string): number;
}

/**
 * What a holder writes at each renewal is compared for equality only, so it does not matter whose clock it was taken from. Silence counts from
 * when this process first saw it: a new process is patient with everybody.
 */
export function createObservations(clock: Pick<Clock, 'monotonic'>): Observations {
  let signs = new Map<string, { sign: string; sinceMs: number }>();
  return {
    observe: ({ holders, queue }) => {
      const nowMs = clock.monotonic();
      const next: typeof signs = new Map();
      const note = (id: string, sign: string): void => {
        const known = signs.get(id);
        next.set(id, known?.sign === sign ? known : { sign, sinceMs: nowMs });
      };
      for (const { id, renewed } of holders) note(id, renewed);
      for (const { id, seen } of queue) note(id, seen);
      signs = next;
    },
    silentMs: id => {
      const known = signs.get(id);
      return known === undefined ? 0 : clock.monotonic() - known.sinceMs;
    },
  };
}
