const newline = 0x0a;

/**
 * The lines of a byte stream as text, without their ends. Chunks may cut lines and characters anywhere; bytes are only
 * joined and decoded when a line is complete, so that a line of several MB costs one copy. What comes after the last newline is
 * dropped: it was cut off. Empty lines are skipped.
 *
 * @throws RangeError for a line of more than `longestLineBytes`
 */
export async function* splitLines(chunks: AsyncIterable<Buffer>, longestLineBytes: number): AsyncGenerator<string> {
  let parts: Buffer[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, start)) {
      parts.push(chunk.subarray(start, end));
      const line = parts.length === 1 ? parts[0]! : Buffer.concat(parts);
      parts = [];
      length = 0;
      start = end + 1;
      if (line.length > 0) yield line.toString('utf8');
    }
    if (start === chunk.length) continue;
    parts.push(chunk.subarray(start));
    length += chunk.length - start;
    if (length > longestLineBytes) throw new RangeError(`a line has more than ${longestLineBytes} bytes`);
  }
}
