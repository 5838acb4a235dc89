import { isUtf8 } from 'node:buffer';
import type { Problem } from '../file-error.ts';
import { lineStarts, positionAt } from './lines.ts';

/** The largest file that is read: 1 MiB. A larger one is refused before anything looks inside. */
export const MAX_FILE_BYTES = 1_048_576;

export type TextResult = { ok: true; text: string } | { ok: false; problem: Problem };

const BYTE_ORDER_MARK = '\uFEFF';
/** YAML's c-printable excludes these; the `yaml` package lets them pass. */
const NOT_PRINTABLE = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]/;

/** Bytes to text: bounded, UTF-8 only, without byte order mark and control characters. */
export function readText(input: string | Uint8Array): TextResult {
  const bytes = typeof input === 'string' ? Buffer.byteLength(input) : input.byteLength;
  if (bytes > MAX_FILE_BYTES) {
    return problem(1, 1, `the file has ${bytes} bytes, at most ${MAX_FILE_BYTES} are read`);
  }
  const decoded = typeof input === 'string' ? input : decode(input);
  if (typeof decoded !== 'string') return { ok: false, problem: decoded };
  const text = decoded.startsWith(BYTE_ORDER_MARK) ? decoded.slice(1) : decoded;
  const control = NOT_PRINTABLE.exec(text);
  if (control === null) return { ok: true, text };
  const { line, column } = positionAt(lineStarts(text), control.index);
  const code = control[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, '0');
  return problem(line, column, `the character U+${code} is not allowed in YAML`);
}

function decode(bytes: Uint8Array): string | Problem {
  if (isUtf8(bytes)) return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  let line = 1;
  let start = 0;
  for (;;) {
    const end = bytes.indexOf(0x0a, start);
    const row = bytes.subarray(start, end === -1 ? undefined : end);
    if (!isUtf8(row)) return place(line, firstBadColumn(row), 'the file is not UTF-8 text from here on');
    line += 1;
    start = end + 1;
  }
}

/** Column of the first byte that is no UTF-8: everything before it decodes. */
function firstBadColumn(row: Uint8Array): number {
  const replaced = new TextDecoder('utf-8', { ignoreBOM: true }).decode(row);
  const original = new TextEncoder().encode(replaced);
  const bad = original.findIndex((byte, index) => byte !== row[index]);
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(original.subarray(0, bad)).length + 1;
}

function place(line: number, column: number, message: string): Problem {
  return { at: [], message, position: { line, column } };
}

function problem(line: number, column: number, message: string): TextResult {
  return { ok: false, problem: place(line, column, message) };
}
