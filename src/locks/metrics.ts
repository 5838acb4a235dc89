import type { CacheUse, LockMode } from './types.ts';

/**
 * What a keeper tells of its work, once for each change that it has written: what is asked for again, through whichever keeper, is told once.
 * A change whose write got no answer from the API server is not told. Times are milliseconds.
 */
export interface LockMetrics {
  /** A lock was granted, after so long in the queue. */
  granted(grant: { mode: LockMode; waitMs: number }): void;
  /** A lock was given back, or went from writing to reading. */
  ended(lock: { mode: LockMode; heldMs: number }): void;
  /** A generation became the one that is read. */
  published(generation: { bytes: number }): void;
  /** A lock was given back, with what came of its checkout. */
  used(use: CacheUse): void;
  /** A lock was taken from a holder that is gone or silent. */
  takenOver(lock: { mode: LockMode; cause: 'gone' | 'silent' }): void;
  /** Another keeper had written the Lease first. */
  conflict(): void;
}

export const noLockMetrics: LockMetrics = {
  granted: () => {},
  ended: () => {},
  published: () => {},
  used: () => {},
  takenOver: () => {},
  conflict: () => {},
};
