import type { Clock } from '../kube/clock.ts';
import { type GoneCheck, podsOf } from './gone.ts';
import type { LockState } from './types.ts';

/** Looks whether those that a request waits for are there at all. */
export interface Suspicion {
  /** Begins to look, unless it does or did a moment ago. `asking`: ids that are known to be there, since they ask. */
  suspect(state: Pick<LockState, 'holders' | 'queue'>, asking: ReadonlySet<string>): void;
  /** One of them was said to have ended: the next look need not wait for its time. */
  hurry(): void;
}

export interface SuspicionOptions {
  readonly namespace: string;
  readonly goneCheck: Pick<GoneCheck, 'check'>;
  readonly clock: Pick<Clock, 'monotonic'>;
  /** Somebody is gone. */
  readonly onGone: () => void;
}

/** Whether Pods are gone is asked this often at most, milliseconds, unless one was said to have ended. */
const GONE_CHECK_MS = 500;

/** It goes on beside everything else: an API server that takes its time for one Pod holds up nobody. */
export function createSuspicion({ namespace, goneCheck, clock, onGone }: SuspicionOptions): Suspicion {
  let isChecking = false;
  let checkedAtMs = Number.NEGATIVE_INFINITY;
  return {
    suspect: ({ holders, queue }, asking) => {
      if (isChecking || clock.monotonic() - checkedAtMs < GONE_CHECK_MS) return;
      const firstAsking = queue.findIndex(({ id }) => asking.has(id));
      const ahead = queue.slice(0, firstAsking === -1 ? queue.length : firstAsking);
      isChecking = true;
      checkedAtMs = clock.monotonic();
      void goneCheck.check(podsOf(namespace, [...holders, ...ahead])).then(isAnyGone => {
        isChecking = false;
        if (isAnyGone) onGone();
      });
    },
    hurry: () => {
      checkedAtMs = Number.NEGATIVE_INFINITY;
    },
  };
}
