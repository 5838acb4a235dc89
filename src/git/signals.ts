/** Aborted as soon as one of those that there are, with its reason; of those that are aborted already the first. Undefined when there is none. */
export function anyOf(...signals: [...(AbortSignal | undefined)[], AbortSignal]): AbortSignal;
export function anyOf(...signals: readonly (AbortSignal | undefined)[]): AbortSignal | undefined;
export function anyOf(...signals: readonly (AbortSignal | undefined)[]): AbortSignal | undefined {
  const there = signals.filter(signal => signal !== undefined);
  return there.length > 1 ? AbortSignal.any(there) : there[0];
}
