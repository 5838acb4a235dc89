/**
 * Quotes a value as one word of POSIX shell: within single quotes nothing but the quote itself has a meaning.
 *
 * @throws RangeError when the value holds a NUL, which no shell word can
 */
export function shellQuote(value: string): string {
  if (value.includes('\0')) throw new RangeError('a shell word cannot hold a NUL character');
  return `'${value.replaceAll("'", "'\\''")}'`;
}
