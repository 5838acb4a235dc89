/** What happens to a run, in the order in which it happened, for one reader that waits for one thing after the other. */
export interface Mailbox<Event> {
  post(event: Event): void;
  /** The next event; undefined when none came before `deadline`, a time of `performance.now()`. */
  next(deadline?: number): Promise<Event | undefined>;
}

export function createMailbox<Event>(): Mailbox<Event> {
  const events: Event[] = [];
  let wake: (() => void) | undefined;
  return {
    post(event) {
      events.push(event);
      wake?.();
    },
    async next(deadline = Number.POSITIVE_INFINITY) {
      if (events.length === 0) {
        const { promise, resolve } = Promise.withResolvers<void>();
        wake = resolve;
        const left = Math.max(0, deadline - performance.now());
        // A timer holds at most 2^31 - 1 ms; whoever waits longer is woken early, and waits again.
        const timer = Number.isFinite(left) ? setTimeout(resolve, Math.min(left, 2_147_483_647)) : undefined;
        await promise;
        clearTimeout(timer);
        wake = undefined;
        if (events.length === 0 && performance.now() < deadline - 1) return this.next(deadline);
      }
      return events.shift();
    },
  };
}
