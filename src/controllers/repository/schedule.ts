/** An interval shorter than this is taken as this, milliseconds: a look costs a process and two requests. */
export const MIN_INTERVAL_MS = 10_000;
/** The CRD's default, milliseconds. */
export const DEFAULT_INTERVAL_MS = 5 * 60_000;
/** Wait after the first transient failure, milliseconds; it doubles up to the interval. */
const FIRST_BACK_OFF_MS = 5_000;
/** So that repositories that were created together are not looked at together forever. */
const JITTER = 0.1;

export interface ScheduleInput {
  readonly intervalMs: number;
  /** Transient failures in a row; 0 after any other outcome. */
  readonly failures: number;
  /** From 0 to 1. */
  readonly random: number;
}

/** Milliseconds until a repository is looked at again: its interval, or less after a transient failure, give or take 10 %. */
export function nextLookMs({ intervalMs, failures, random }: ScheduleInput): number {
  const interval = Math.max(intervalMs, MIN_INTERVAL_MS);
  const wait = failures === 0 ? interval : Math.min(FIRST_BACK_OFF_MS * 2 ** Math.min(failures - 1, 20), interval);
  return Math.round(wait * (1 - JITTER + 2 * JITTER * random));
}
