import { type Clock, sleepOn } from '../../../kube/clock.ts';
import { createHeap } from '../../../kube/heap.ts';

/** Hours that pass in a moment, with as many clocks as there are processes, none of which agree. */
export interface VirtualTime {
  /** The one true time, which no process can see: milliseconds since the start. */
  readonly nowMs: number;
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /**
   * The clock of a process.
   *
   * @param skewMs by how much its wall time is wrong now
   */
  clock(skewMs: () => number): Clock;
  /** Lets time pass until the condition holds. False: it did not within `limitMs`. */
  run(isDone: () => boolean, limitMs: number): Promise<boolean>;
}

const START_MS = Date.parse('2026-01-01T00:00:00Z');

export function createVirtualTime(): VirtualTime {
  const timers = createHeap<{ dueMs: number; order: number; callback: (() => void) | undefined }>((a, b) =>
    a.dueMs === b.dueMs ? a.order < b.order : a.dueMs < b.dueMs,
  );
  let nowMs = 0;
  let order = 0;

  const setTimeout = (callback: () => void, delayMs: number) => {
    const timer: { dueMs: number; order: number; callback: (() => void) | undefined } = {
      dueMs: nowMs + Math.max(0, delayMs),
      order: order++,
      callback,
    };
    timers.push(timer);
    return () => {
      timer.callback = undefined;
    };
  };
  const sleep = (ms: number, signal?: AbortSignal): Promise<void> => sleepOn({ setTimeout }, ms, signal);
  /** All promises go on that can; nothing here does real I/O, so one turn is enough. */
  const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve));

  return {
    get nowMs() {
      return nowMs;
    },
    sleep,
    clock: skewMs => {
      const bootMs = 1_000 * (order++ % 7);
      return {
        now: () => new Date(START_MS + nowMs + skewMs()),
        monotonic: () => nowMs + bootMs,
        setTimeout,
        sleep,
      };
    },
    run: async (isDone, limitMs) => {
      const endMs = nowMs + limitMs;
      await turn();
      while (!isDone()) {
        const next = timers.pop();
        if (next === undefined || next.dueMs > endMs) return false;
        if (next.callback === undefined) continue;
        nowMs = next.dueMs;
        next.callback();
        await turn();
      }
      return true;
    },
  };
}
