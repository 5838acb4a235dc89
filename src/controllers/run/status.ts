import type { TakoRunStatus } from '../../api/takorun.ts';

/** A status without what follows from the verdict. */
export type StatusBody = Omit<TakoRunStatus, 'conditions' | 'observedGeneration' | 'phase' | 'message'>;

/** Milliseconds since the epoch as metav1.Time writes them, to the second. */
export function rfc3339(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}
