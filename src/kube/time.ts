/** RFC 3339 with microseconds, as metav1.MicroTime wants it: always six digits. */
export function formatMicroTime(date: Date): string {
  return date.toISOString().replace('Z', '000Z');
}

/** RFC 3339 with seconds, as metav1.Time and conditions have it. */
export function formatTime(date: Date): string {
  return date.toISOString().replace(/\.\d{3}Z$/, 'Z');
}
