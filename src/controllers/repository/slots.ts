/** Lets only so many calls run at the same time; the others wait in the order in which they came. */
export interface Slots {
  /** Runs `work` when it is its turn. Rejects with the signal's reason when that is aborted before; `work` has to heed it itself after. */
  run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T>;
}

export function createSlots(count: number): Slots {
  let free = count;
  const waiting = new Set<() => void>();

  function turn(signal: AbortSignal | undefined): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const start = () => {
      signal?.removeEventListener('abort', leave);
      resolve();
    };
    const leave = () => {
      waiting.delete(start);
      reject(signal?.reason);
    };
    waiting.add(start);
    signal?.addEventListener('abort', leave, { once: true });
    return promise;
  }

  function next(): void {
    const [first] = waiting;
    if (first === undefined) {
      free += 1;
      return;
    }
    // The slot goes over to it: nobody who comes later can take it in between.
    waiting.delete(first);
    first();
  }

  return {
    async run(work, signal) {
      signal?.throwIfAborted();
      if (free > 0) free -= 1;
      else await turn(signal);
      try {
        return await work();
      } finally {
        next();
      }
    },
  };
}
