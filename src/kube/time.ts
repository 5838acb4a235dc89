/** RFC 3339 with microseconds, as metav1.MicroTime wants it: always six digits. */
export function formatMicroTime(date: Date): string {
  return date.toISOString().replace('Z', '000Z');
}
