import { setTimeout as sleep } from 'node:timers/promises';

/** What one look at a condition found: it holds, or why not yet. */
export type Look<T> = { done: true; value: T } | { done: false; reason: string };

export const notYet = (reason: string): Look<never> => ({ done: false, reason });
export const done = <T>(value: T): Look<T> => ({ done: true, value });

export interface WaitOptions {
  /** Milliseconds until it gives up. Default 60,000. */
  timeout?: number;
  /** Milliseconds between looks. Default 100. */
  interval?: number;
  signal?: AbortSignal;
}

/**
 * Looks until the condition holds and returns its value. What `look` throws ends the wait at once.
 * @param what the condition, for the error's text: "the node to be Ready".
 * @throws {Error} at the deadline, with the last reason.
 */
export async function waitFor<T>(
  what: string,
  look: () => Look<T> | Promise<Look<T>>,
  { timeout = 60_000, interval = 100, signal }: WaitOptions = {},
): Promise<T> {
  const deadline = performance.now() + timeout;
  for (;;) {
    signal?.throwIfAborted();
    const seen = await look();
    if (seen.done) return seen.value;
    if (performance.now() > deadline) {
      throw new Error(`waited ${Math.round(timeout / 1000)} s for ${what}: ${seen.reason}`);
    }
    await sleep(interval, undefined, signal ? { signal } : {});
  }
}
