import type { Holder, LockMode, LockState, Published, Waiter, Want } from './types.ts';

/** What a want comes down to now. */
export function modeFor(want: Want, published: Published | undefined): LockMode {
  if ('mode' in want) return want.mode;
  return published?.commits.includes(want.commit) === true ? 'read' : 'write';
}

/** Whether a lock of this mode can stand beside those. */
function isCompatible(mode: LockMode, holders: readonly Pick<Holder, 'mode'>[]): boolean {
  return mode === 'read' ? holders.every(holder => holder.mode === 'read') : holders.length === 0;
}

/**
 * Who gets the lock now, in order: strictly first come, first served, but readers that stand together read together. So nobody starves: those
 * ahead of a waiter only become fewer.
 *
 * A grant is for those that ask now, as one that was given to somebody who is not there would be held by nobody. One that does not ask keeps
 * its place, until it is known to be gone: readers may pass a reader, and nobody passes a writer.
 *
 * @param isAsking whether the request of a waiter is in the hand of who decides
 */
export function grantable(
  { holders, queue, published }: Pick<LockState, 'holders' | 'queue' | 'published'>,
  isAsking: (waiter: Waiter) => boolean,
): { waiter: Waiter; mode: LockMode }[] {
  const granted: { waiter: Waiter; mode: LockMode }[] = [];
  const ahead: { mode: LockMode }[] = [...holders];
  for (const waiter of queue) {
    const mode = modeFor(waiter.want, published);
    if (!isCompatible(mode, ahead)) break;
    if (isAsking(waiter)) granted.push({ waiter, mode });
    ahead.push({ mode });
  }
  return granted;
}
