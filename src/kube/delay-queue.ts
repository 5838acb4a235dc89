import type { Cancel, Clock } from './clock.ts';
import { createHeap } from './heap.ts';

/** Keys that become due; each at most once at a time. */
export interface DelayQueue {
  readonly size: number;
  /** A key that already waits keeps the earlier of the two times. */
  add(key: string, delayMs: number): void;
  /** Forgets everything that waits. */
  clear(): void;
}

interface Entry {
  key: string;
  dueAt: number;
  /** Of two that are due at the same time, the first that was added comes first. */
  order: number;
}

/** One timer for all keys, armed for the one that is due first. */
export function createDelayQueue(clock: Clock, onDue: (key: string) => void): DelayQueue {
  const heap = createHeap<Entry>((a, b) => (a.dueAt === b.dueAt ? a.order < b.order : a.dueAt < b.dueAt));
  /** The entry that counts for its key; others of it in the heap were overtaken by an earlier one. */
  const current = new Map<string, Entry>();
  let order = 0;
  let timer: { dueAt: number; cancel: Cancel } | undefined;

  const arm = (): void => {
    const first = heap.peek();
    if (first === undefined || (timer !== undefined && timer.dueAt <= first.dueAt)) return;
    timer?.cancel();
    timer = { dueAt: first.dueAt, cancel: clock.setTimeout(fire, Math.max(0, first.dueAt - clock.monotonic())) };
  };

  const fire = (): void => {
    timer = undefined;
    const now = clock.monotonic();
    for (let first = heap.peek(); first !== undefined && first.dueAt <= now; first = heap.peek()) {
      heap.pop();
      if (current.get(first.key) !== first) continue;
      current.delete(first.key);
      onDue(first.key);
    }
    arm();
  };

  return {
    get size() {
      return current.size;
    },
    add: (key, delayMs) => {
      const dueAt = clock.monotonic() + delayMs;
      const waiting = current.get(key);
      if (waiting !== undefined && waiting.dueAt <= dueAt) return;
      const entry = { key, dueAt, order: order++ };
      current.set(key, entry);
      heap.push(entry);
      arm();
    },
    clear: () => {
      timer?.cancel();
      timer = undefined;
      current.clear();
      while (heap.size > 0) heap.pop();
    },
  };
}
