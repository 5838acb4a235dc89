interface Call<T> {
  readonly promise: Promise<T>;
  readonly controller: AbortController;
  waiting: number;
}

/** Lets callers that want the same thing at the same time share one call. */
export interface SharedCalls<T> {
  /**
   * Joins the call under way for `key`, or starts one. A caller whose signal is aborted leaves (its reason is thrown); the call itself is
   * aborted when the last one has left.
   */
  run(key: string, start: (signal: AbortSignal) => Promise<T>, signal?: AbortSignal): Promise<T>;
}

export function createSharedCalls<T>(): SharedCalls<T> {
  const calls = new Map<string, Call<T>>();

  const begin = (key: string, start: (signal: AbortSignal) => Promise<T>): Call<T> => {
    const controller = new AbortController();
    const promise = start(controller.signal).finally(() => {
      if (calls.get(key) === call) calls.delete(key);
    });
    // When all have left, nobody is there to hear of the failure.
    promise.catch(() => {});
    const call: Call<T> = { promise, controller, waiting: 0 };
    calls.set(key, call);
    return call;
  };

  return {
    async run(key, start, signal) {
      signal?.throwIfAborted();
      const call = calls.get(key) ?? begin(key, start);
      call.waiting += 1;
      const left = Promise.withResolvers<never>();
      const leave = () => left.reject(signal?.reason);
      signal?.addEventListener('abort', leave, { once: true });
      try {
        return await Promise.race([call.promise, left.promise]);
      } finally {
        signal?.removeEventListener('abort', leave);
        call.waiting -= 1;
        if (call.waiting === 0) {
          if (calls.get(key) === call) calls.delete(key);
          call.controller.abort(new Error('nobody waits for this call any more'));
        }
      }
    },
  };
}
