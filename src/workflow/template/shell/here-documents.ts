import type { Cursor, PendingDocument } from './cursor.ts';
import type { Part, Word } from './syntax.ts';
import { PartList, readExpandedCharacter } from './words.ts';

/** The delimiter behind `<<`: its text, and whether it was quoted. Undefined when a value or an expansion is in it. */
export function delimiterOf(word: Word): { text: string; quoted: boolean } | undefined {
  let text = '';
  let quoted = false;
  for (const part of word.parts) {
    if (part.kind !== 'literal') return undefined;
    text += part.text;
    if (part.quoting !== 'none' || part.escaped) quoted = true;
  }
  return { text, quoted };
}

/** Reads a newline and the bodies of the here-documents that wait for it. */
export function readNewline(cursor: Cursor): boolean {
  if (!cursor.take('\n')) return false;
  const pending = cursor.pending;
  cursor.pending = [];
  for (const document of pending) readBody(cursor, document);
  return true;
}

function readBody(cursor: Cursor, { document, delimiter, stripTabs, at }: PendingDocument): void {
  const start = cursor.at;
  const { end, next } = findEnd(cursor, delimiter, { stripTabs, quoted: document.quoted, at });
  const limit = cursor.limit;
  cursor.limit = end;
  document.parts = document.quoted ? quotedParts(cursor, start, end) : expandedParts(cursor);
  cursor.limit = limit;
  cursor.at = next;
}

function expandedParts(cursor: Cursor): Part[] {
  const parts = new PartList();
  while (!cursor.atEnd) readExpandedCharacter(cursor, parts, 'document');
  return parts.parts;
}

function quotedParts(cursor: Cursor, start: number, end: number): Part[] {
  return [
    { kind: 'opaque', reason: 'quotedDocument', holes: cursor.holesBetween(start, end), quoting: 'document', end },
  ];
}

/** `end`: behind the last line of the body. `next`: where the script goes on. */
function findEnd(
  cursor: Cursor,
  delimiter: string,
  { stripTabs, quoted, at }: { stripTabs: boolean; quoted: boolean; at: number },
): { end: number; next: number } {
  let continued = false;
  for (let line = cursor.at; line < cursor.limit; ) {
    const newline = cursor.text.indexOf('\n', line);
    const lineEnd = newline === -1 || newline > cursor.limit ? cursor.limit : newline;
    const text = cursor.text.slice(line, lineEnd);
    const hasHole = cursor.holesBetween(line, lineEnd).length > 0;
    if (!hasHole && (stripTabs ? text.replace(/^\t+/, '') : text) === delimiter) {
      if (continued)
        cursor.fail('shells disagree whether this here-document ends behind a line that ends in a backslash', at);
      return { end: line, next: Math.min(lineEnd + 1, cursor.limit) };
    }
    continued = !quoted && /(?:^|[^\\])(?:\\\\)*\\$/.test(text);
    line = lineEnd + 1;
  }
  return cursor.fail(`the here-document that begins here has no line "${delimiter}"`, at);
}
