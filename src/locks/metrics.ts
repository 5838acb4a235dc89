import type { LockMode } from './types.ts';

/** What a keeper tells of its work. Times are milliseconds. */
export interface LockMetrics {
  /** A lock was granted, after so long in the queue. */
  granted(grant: { mode: LockMode; waitMs: number }): void;
  /** A lock was given back, or went from writing to reading. */
  ended(lock: { mode: LockMode; heldMs: number }): void;
  /** A lock was taken from a holder that is gone or silent. */
  takenOver(lock: { mode: LockMode; cause: 'gone' | 'silent' }): void;
  /** Another keeper had written the Lease first. */
  conflict(): void;
}

export const noLockMetrics: LockMetrics = {
  granted: () => {},
  ended: () => {},
  takenOver: () => {},
  conflict: () => {},
};
