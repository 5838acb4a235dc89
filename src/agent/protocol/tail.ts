import { StringDecoder } from 'node:string_decoder';
import type { StreamName } from './output.ts';

/** The end of what a script wrote to its two streams, in bounded memory. */
export interface Tail {
  /** A chunk of a stream; its bytes are only valid during the call. */
  push(chunk: Buffer, stream: StreamName): void;
  /** The last lines of both streams, in the order in which they ended, joined by newlines; empty when there are none. */
  text(): string;
}

export interface TailOptions {
  /** Most lines. Default 10. */
  readonly maxLines?: number;
  /** Longest text, UTF-16 units. Default 1,000. */
  readonly maxLength?: number;
}

/** Bytes that are kept of both streams together: enough for the longest text, were it all of four bytes a character. */
const KEPT_BYTES = 4_096;

/**
 * Keeps the end of an output, whatever its length: a chunk costs the copy of its last 4 KiB, and lines are looked for only when somebody
 * asks. What a terminal would not show is left out: escape sequences, control characters, and what a carriage return overwrites.
 */
export function createTail({ maxLines = 10, maxLength = 1_000 }: TailOptions = {}): Tail {
  /** Neighbours are of different streams. */
  const kept: { stream: StreamName; bytes: Buffer }[] = [];
  const cut = new Set<StreamName>();
  let keptBytes = 0;

  function push(chunk: Buffer, stream: StreamName): void {
    const last = kept.at(-1);
    const isSame = last?.stream === stream;
    const all = isSame ? last.bytes.length + chunk.length : chunk.length;
    if (all > KEPT_BYTES) cut.add(stream);
    const added = chunk.subarray(Math.max(0, chunk.length - KEPT_BYTES));
    if (isSame) {
      const before = last.bytes.subarray(Math.max(0, last.bytes.length + added.length - KEPT_BYTES));
      keptBytes -= last.bytes.length;
      last.bytes = Buffer.concat([before, added]);
      keptBytes += last.bytes.length;
    } else {
      kept.push({ stream, bytes: Buffer.from(added) });
      keptBytes += added.length;
    }
    while (keptBytes - kept[0]!.bytes.length >= KEPT_BYTES) {
      const dropped = kept.shift()!;
      cut.add(dropped.stream);
      keptBytes -= dropped.bytes.length;
    }
  }

  function lines(): string[] {
    const complete: string[] = [];
    const streams = new Map<StreamName, { decoder: StringDecoder; partial: string }>();
    for (const { stream, bytes } of kept) {
      // The beginning of its first line is gone.
      const state = streams.get(stream) ?? { decoder: new StringDecoder('utf8'), partial: cut.has(stream) ? '…' : '' };
      streams.set(stream, state);
      const parts = (state.partial + state.decoder.write(bytes)).split('\n');
      state.partial = parts.pop()!;
      complete.push(...parts);
    }
    for (const { decoder, partial } of streams.values()) complete.push(partial + decoder.end());
    return complete.map(visible);
  }

  return {
    push,
    text() {
      const all = lines();
      while (all.at(-1)?.trim() === '') all.pop();
      const last = all.slice(-maxLines);
      while (last.length > 1 && (last.join('\n').length > maxLength || last[0]!.trim() === '')) last.shift();
      const text = last.join('\n');
      return text.length <= maxLength ? text : `…${text.slice(text.length - maxLength + 1).toWellFormed()}`;
    },
  };
}

/** Escape sequences of terminals: CSI (colours, cursor), OSC (titles, links), and the short ones. */
const ESCAPES = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[ -/]*[0-~])/g;
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029]/g;

function visible(line: string): string {
  const plain = line.replace(ESCAPES, '').replace(/\r+$/, '');
  return plain
    .slice(plain.lastIndexOf('\r') + 1)
    .replace(CONTROLS, '')
    .trimEnd();
}
