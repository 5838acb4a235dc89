/** Cancels a timer; calling it again, or after the timer fired, does nothing. */
export type Cancel = () => void;

/** Everything in this folder that waits or looks at the time takes one of these, so that tests can turn the hands. */
export interface Clock {
  /** Wall time, for timestamps that others read. Never compare two of them to measure a duration. */
  now(): Date;
  /** Milliseconds since an arbitrary start; never runs backwards. */
  monotonic(): number;
  /** Calls `callback` once after `delayMs`, of any length. */
  setTimeout(callback: () => void, delayMs: number): Cancel;
  /** Resolves after `delayMs`; rejects with the signal's reason when it is aborted first. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
}

/** Node fires timers beyond this at once (https://nodejs.org/api/timers.html), so longer waits are cut into pieces. */
const longestNodeTimer = 2 ** 31 - 1;

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => new Date(),
  monotonic: () => performance.now(),
  setTimeout: (callback, delayMs) => {
    let timer: NodeJS.Timeout;
    const arm = (remaining: number): void => {
      const piece = Math.min(Math.max(remaining, 0), longestNodeTimer);
      timer = setTimeout(() => (remaining > piece ? arm(remaining - piece) : callback()), piece);
    };
    arm(delayMs);
    return () => clearTimeout(timer);
  },
  sleep: (delayMs, signal) => sleepOn(systemClock, delayMs, signal),
};

/** Calls `action` each time that `everyMs` milliseconds have passed, first then, until it is cancelled; that may be from within `action`. */
export function repeat(clock: Pick<Clock, 'setTimeout'>, everyMs: number, action: () => void): Cancel {
  let cancel: Cancel;
  const arm = (): void => {
    cancel = clock.setTimeout(() => {
      arm();
      action();
    }, everyMs);
  };
  arm();
  return () => cancel();
}

/** `Clock.sleep` in terms of `Clock.setTimeout`. */
export function sleepOn(clock: Pick<Clock, 'setTimeout'>, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(signal.reason);
      return;
    }
    const onAbort = (): void => {
      cancel();
      reject(signal?.reason);
    };
    const cancel = clock.setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, delayMs);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
