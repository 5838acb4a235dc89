import { createPatternSearch, type PatternSearch } from './pattern-search.ts';

/** Masks a string of at least this many bytes; shorter ones occur everywhere, and masking them would tell more than it hides. */
const MIN_SECRET_BYTES = 4;
const REPLACEMENT = Buffer.from('***');
const NOTHING = Buffer.alloc(0);

export interface Secret {
  /** For messages only. */
  name: string;
  value: string | Uint8Array;
}

/**
 * Replaces secrets in byte streams by `***`. It protects against accidents only: a step can always print a secret in another form.
 *
 * Every byte that belongs to an occurrence of any secret is hidden, and a row of hidden bytes becomes one `***`. So the longest match
 * wins, overlapping secrets leave no rest behind, and the result does not depend on where the stream was cut into chunks.
 * A secret of several lines is also masked line by line (without the blanks around each line), since tools print it indented.
 */
export interface Mask {
  /** Names of the secrets of which nothing is masked, because no line of them has four bytes. */
  readonly ignored: readonly string[];
  /** A masker for one stream. stdout and stderr need one each. */
  stream(): MaskStream;
  /** Masks a whole text, such as an error message. */
  text(value: string): string;
}

/** The result of either function may share memory with the chunk. */
interface MaskStream {
  /** What can be shown so far: only the beginning of what might become a secret is held back. */
  push(chunk: Buffer): Buffer;
  /** The stream is over: what was held back is no secret. */
  end(): Buffer;
}

/** Prepares secrets once for any number of streams. Costs 64 KiB, and nothing when there is nothing to mask. */
export function compileMask(secrets: readonly Secret[]): Mask {
  const patterns: Buffer[] = [];
  const ignored: string[] = [];
  for (const { name, value } of secrets) {
    const found = patternsOf(Buffer.from(value));
    patterns.push(...found);
    if (found.length === 0 && value.length > 0) ignored.push(name);
  }
  const search = patterns.length === 0 ? undefined : createPatternSearch(patterns);
  const stream = () => (search === undefined ? transparentStream : createMaskStream(search));
  return {
    ignored,
    stream,
    text(value) {
      const masker = stream();
      return Buffer.concat([masker.push(Buffer.from(value)), masker.end()]).toString();
    },
  };
}

const transparentStream: MaskStream = { push: chunk => chunk, end: () => NOTHING };

/** The whole value without the newlines at its end, and each of its lines without the blanks around it. latin1 keeps every byte. */
function patternsOf(value: Buffer): Buffer[] {
  const text = value.toString('latin1');
  const lines = text.split(/[\r\n]+/).map(line => line.replace(/^[ \t]+|[ \t]+$/g, ''));
  return [text.replace(/[\r\n]+$/, ''), ...lines]
    .filter(pattern => pattern.length >= MIN_SECRET_BYTES)
    .map(pattern => Buffer.from(pattern, 'latin1'));
}

function createMaskStream(search: PatternSearch): MaskStream {
  /** What was not decided yet: it may be the beginning of a secret. */
  let held: Buffer = NOTHING;
  /** How many of the held bytes already belong to a secret that began before them. */
  let heldCovered = 0;
  /** Whether the last thing shown was `***`, which further hidden bytes join. */
  let afterMask = false;

  /** Shows `data` up to `limit`; the rest is held. */
  function show(data: Buffer, limit: number): Buffer {
    const parts: Buffer[] = [];
    let position = 0;
    let coveredTo = heldCovered;

    function plainUpTo(end: number): void {
      if (end <= position) return;
      parts.push(data.subarray(position, end));
      position = end;
      afterMask = false;
    }
    function maskUpTo(end: number): void {
      if (end <= position) return;
      if (!afterMask) parts.push(REPLACEMENT);
      position = end;
      afterMask = true;
    }

    search.forEachMatch(data, (start, end) => {
      // What begins in the held part is found again with what follows it.
      if (start >= limit) return;
      if (start > coveredTo) {
        maskUpTo(coveredTo);
        plainUpTo(start);
      }
      coveredTo = Math.max(coveredTo, end);
    });
    maskUpTo(Math.min(coveredTo, limit));
    plainUpTo(limit);
    heldCovered = Math.max(0, coveredTo - limit);
    // A copy, as the chunk's memory is the reader's; short, unless a secret is long.
    held = Buffer.from(data.subarray(limit));
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
  }

  return {
    push(chunk) {
      const data = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
      return show(data, data.length - search.undecidedBytes(data));
    },
    end: () => show(held, held.length),
  };
}
