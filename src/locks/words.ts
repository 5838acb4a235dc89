import type { Holder, LockState } from './types.ts';

/** What `kubectl get leases` shows as the holder; empty when nobody is there. */
export function holderWords({ holders, queue }: Pick<LockState, 'holders' | 'queue'>): string {
  const held = heldWords(holders);
  if (queue.length === 0) return held;
  return `${held === '' ? 'free' : held}, ${queue.length} waiting`;
}

function heldWords(holders: readonly Holder[]): string {
  const [first, second] = holders;
  if (first === undefined) return '';
  const done = first.mode === 'write' ? 'written' : 'read';
  return second === undefined ? `${done} by run ${first.run}` : `${done} by ${holders.length} runs`;
}

/**
 * Why one has to wait.
 *
 * @param ahead how many of the queue come before it
 */
export function waitingWords({ holders }: Pick<LockState, 'holders'>, ahead: number): string {
  const parts = [
    holders.length === 0 ? [] : [`the cached copy is ${heldWords(holders)}`],
    ahead === 0 ? [] : [`${ahead} ${ahead === 1 ? 'request is' : 'requests are'} ahead`],
  ].flat();
  return parts.length === 0 ? 'the lock is about to be granted' : parts.join(', ');
}
