import { WAITER_SILENCE_MS } from './limits.ts';
import type { LockEvent, LockState, Observation } from './types.ts';

/**
 * Those that have lost what they held or waited for: their Pod is over, or they have been silent for too long. Silence is measured by the
 * observer's own monotonic clock, so it does not matter what the clocks of those that wrote the Lease say.
 */
export function departures(
  { holders, queue }: Pick<LockState, 'holders' | 'queue'>,
  { gone, silentMs }: Pick<Observation, 'gone' | 'silentMs'>,
): Extract<LockEvent, { kind: 'takenOver' | 'leftQueue' }>[] {
  const causeOf = (one: { id: string; podUid: string }, patienceMs: number): 'gone' | 'silent' | undefined => {
    if (one.podUid !== '' && gone.has(one.podUid)) return 'gone';
    return silentMs(one.id) >= patienceMs ? 'silent' : undefined;
  };
  return [
    ...holders.flatMap(holder => {
      const cause = causeOf(holder, holder.seconds * 1_000);
      return cause === undefined ? [] : [{ kind: 'takenOver', holder, cause } as const];
    }),
    ...queue.flatMap(waiter => {
      const cause = causeOf(waiter, WAITER_SILENCE_MS);
      return cause === undefined ? [] : [{ kind: 'leftQueue', waiter, cause } as const];
    }),
  ];
}
