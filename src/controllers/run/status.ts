import type { TakoRunStatus } from '../../api/takorun.ts';

/** A status without what follows from the verdict. */
export type StatusBody = Omit<TakoRunStatus, 'conditions' | 'observedGeneration' | 'phase' | 'message'>;

/** Milliseconds since the epoch as metav1.Time writes them, to the second. */
export function rfc3339(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

/** A text of at most `max` UTF-16 units, with an ellipsis where it was cut, and no half of a character at the end. */
export function clip(text: string, max: number): string {
  if (text.length <= max) return text;
  const head = text.slice(0, max - 1);
  return `${head.isWellFormed() ? head : head.slice(0, -1)}…`;
}

/**
 * A copy without lone surrogates. The API server stores them as U+FFFD, so a status that has one would differ from what is read back
 * and be written again and again.
 */
export function wellFormed<T>(value: T): T {
  if (typeof value === 'string') return value.toWellFormed() as T;
  if (Array.isArray(value)) return value.map(wellFormed) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, wellFormed(member)])) as T;
}
