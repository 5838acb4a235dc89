/** Splits a byte stream into lines; memory stays bounded by the longest line that it is told to keep. */
export interface LineSplitter {
  push(chunk: Buffer): void;
  /** The stream is over: hands on what stands after the last newline. */
  end(): void;
}

/**
 * Calls `onLine` for every line, without its newline. A line longer than `maxBytes` is handed on in pieces of that size.
 * A line's bytes are only valid during the call, when they came in one chunk.
 */
export function createLineSplitter(maxBytes: number, onLine: (line: Buffer) => void): LineSplitter {
  let held: Buffer[] = [];
  let heldBytes = 0;

  function emit(last: Buffer): void {
    const line = held.length === 0 ? last : Buffer.concat([...held, last]);
    held = [];
    heldBytes = 0;
    onLine(line);
  }

  return {
    push(chunk) {
      let start = 0;
      while (start < chunk.length) {
        const newline = chunk.indexOf(0x0a, start);
        const end = newline < 0 ? chunk.length : newline;
        const room = maxBytes - heldBytes;
        if (end - start > room) {
          emit(chunk.subarray(start, start + room));
          start += room;
        } else if (newline < 0) {
          held.push(Buffer.from(chunk.subarray(start)));
          heldBytes += end - start;
          start = end;
        } else {
          emit(chunk.subarray(start, end));
          start = newline + 1;
        }
      }
    },
    end() {
      if (heldBytes > 0) emit(Buffer.alloc(0));
    },
  };
}
