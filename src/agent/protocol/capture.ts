/** The first bytes of a stream, as they came: not masked. */
export interface Captured {
  bytes: Buffer;
  /** Whether the stream was longer than what was asked for. */
  truncated: boolean;
  /** All bytes that the stream held. */
  total: number;
}

/** Keeps the first bytes of a stream and counts the rest. */
export interface Capture {
  push(chunk: Buffer): void;
  readonly total: number;
  result(): Captured;
}

/** @param limit how many bytes to keep; 0 only counts */
export function createCapture(limit: number): Capture {
  const kept: Buffer[] = [];
  let keptBytes = 0;
  let total = 0;
  return {
    push(chunk) {
      total += chunk.length;
      const room = limit - keptBytes;
      if (room <= 0) return;
      // Copied, because a chunk is a part of a far larger block that would stay in memory with it.
      const piece = Buffer.from(chunk.subarray(0, room));
      kept.push(piece);
      keptBytes += piece.length;
    },
    get total() {
      return total;
    },
    result: () => ({ bytes: Buffer.concat(kept), truncated: total > keptBytes, total }),
  };
}
