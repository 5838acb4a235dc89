/** The longest script, prelude included, in bytes. */
const MAX_SCRIPT_BYTES = 1_048_576;

/** What a step container runs. */
export interface Script {
  /** POSIX shell. It runs with the container's environment and working directory, and with nothing on stdin. */
  body: string;
  /** Shell text that stands before the body: assignments, `export`, `cd`, `set -e`. */
  prelude?: string;
}

/** The script's file, or in words why there cannot be one. */
export function encodeScript({ body, prelude }: Script): Buffer | string {
  const text = prelude === undefined || prelude === '' ? `${body}\n` : `${prelude}\n${body}\n`;
  if (text.includes('\0')) return 'it contains a NUL character, which no shell can read';
  const bytes = Buffer.from(text);
  if (bytes.length <= MAX_SCRIPT_BYTES) return bytes;
  return `it has ${bytes.length} bytes with all its values, more than ${MAX_SCRIPT_BYTES}: pass large data in a file`;
}
