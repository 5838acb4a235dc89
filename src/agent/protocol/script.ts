/** The longest script, prelude included, in bytes. */
const MAX_SCRIPT_BYTES = 1_048_576;

/** What a step container runs. */
export interface Script {
  /** POSIX shell. It runs with the container's environment and working directory, and with nothing on stdin. */
  body: string;
  /** Shell text that runs before the body, in the same shell: assignments, `export`, `cd`, `set -e`. */
  prelude?: string;
}

/** What a script's files hold. The prelude has a file of its own, so that shells count the lines of the body alone. */
export interface EncodedScript {
  readonly body: Buffer;
  readonly prelude?: Buffer;
}

/** The script's files, or in words why there cannot be any. */
export function encodeScript({ body, prelude = '' }: Script): EncodedScript | string {
  if (body.includes('\0') || prelude.includes('\0')) return 'it contains a NUL character, which no shell can read';
  const encoded = {
    body: Buffer.from(`${body}\n`),
    ...(prelude !== '' && { prelude: Buffer.from(`${prelude}\n`) }),
  };
  const bytes = encoded.body.length + (encoded.prelude?.length ?? 0);
  if (bytes <= MAX_SCRIPT_BYTES) return encoded;
  return `it has ${bytes} bytes with all its values, more than ${MAX_SCRIPT_BYTES}: pass large data in a file`;
}
