/**
 * Milliseconds since the epoch as metav1.Time has them: RFC 3339 with whole seconds. Rounded down: a tree never ends later than it was told.
 * Throws a RangeError for what is no time.
 */
export function toTimestamp(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}
