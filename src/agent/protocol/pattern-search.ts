/** Finds many byte strings in a stream's chunks. */
export interface PatternSearch {
  /** Calls `onMatch` for the longest match at every position where one begins, in ascending order of `start`. `end` is exclusive. */
  forEachMatch(data: Buffer, onMatch: (start: number, end: number) => void): void;
  /** The length of the longest end of `data` that is the beginning, but not the whole, of a pattern. */
  undecidedBytes(data: Buffer): number;
}

/**
 * Wu and Manber's search ("A fast algorithm for multi-pattern searching", 1994) with blocks of two bytes: most positions of a text
 * are skipped by one look into a table, whatever the number of patterns.
 *
 * @param patterns at least one, each of at least two bytes
 */
export function createPatternSearch(patterns: readonly Buffer[]): PatternSearch {
  const distinct = [...new Map(patterns.map(pattern => [pattern.toString('latin1'), pattern])).values()];
  // The longest first: the first that matches at a position is the longest one there.
  distinct.sort((a, b) => b.length - a.length);
  const windowBytes = distinct.at(-1)!.length;

  /** How far the window may move when its last two bytes are these. The table's bytes cap it at 255. */
  const shifts = new Uint8Array(65_536).fill(Math.min(windowBytes - 1, 255));
  /** The patterns whose first `windowBytes` end with these two bytes. */
  const candidates = new Map<number, Buffer[]>();
  for (const pattern of distinct) {
    for (let last = 1; last < windowBytes; last++) {
      const block = blockAt(pattern, last);
      shifts[block] = Math.min(shifts[block]!, windowBytes - 1 - last);
    }
    const block = blockAt(pattern, windowBytes - 1);
    const others = candidates.get(block);
    if (others === undefined) candidates.set(block, [pattern]);
    else others.push(pattern);
  }
  const prefixes = distinct.map(pattern => ({ pattern, borders: bordersOf(pattern) }));

  return {
    forEachMatch(data, onMatch) {
      let last = windowBytes - 1;
      while (last < data.length) {
        const block = blockAt(data, last);
        const shift = shifts[block]!;
        if (shift > 0) {
          last += shift;
          continue;
        }
        const start = last - windowBytes + 1;
        const match = candidates.get(block)!.find(pattern => startsWith(data, start, pattern));
        if (match !== undefined) onMatch(start, start + match.length);
        last++;
      }
    },
    undecidedBytes(data) {
      let longest = 0;
      for (const { pattern, borders } of prefixes) {
        // Patterns only get shorter, so from here on none can do better.
        if (pattern.length - 1 <= longest) break;
        longest = Math.max(longest, overlap(data, pattern, borders));
      }
      return longest;
    },
  };
}

function blockAt(data: Buffer, last: number): number {
  return (data[last - 1]! << 8) | data[last]!;
}

function startsWith(data: Buffer, start: number, pattern: Buffer): boolean {
  const end = start + pattern.length;
  // The first byte spares most calls of compare, each of which costs more than the rest of the search.
  return data[start] === pattern[0] && end <= data.length && data.compare(pattern, 0, pattern.length, start, end) === 0;
}

/** Knuth, Morris and Pratt's table: for each beginning of the pattern, the length of its longest end that is a beginning too. */
function bordersOf(pattern: Buffer): Uint32Array {
  const borders = new Uint32Array(pattern.length);
  let length = 0;
  for (let i = 1; i < pattern.length; i++) {
    while (length > 0 && pattern[i] !== pattern[length]) length = borders[length - 1]!;
    if (pattern[i] === pattern[length]) length++;
    borders[i] = length;
  }
  return borders;
}

/** The length of the longest end of `data` that is a proper beginning of `pattern`. Linear, also for hostile data. */
function overlap(data: Buffer, pattern: Buffer, borders: Uint32Array): number {
  let length = 0;
  for (let i = Math.max(0, data.length - pattern.length + 1); i < data.length; i++) {
    while (length > 0 && data[i] !== pattern[length]) length = borders[length - 1]!;
    if (data[i] === pattern[length]) length++;
  }
  return length;
}
