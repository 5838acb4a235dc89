import type { Cursor } from './cursor.ts';
import { readBacktick, readDollar, readProcessSubstitution } from './expansions.ts';
import type { LiteralPart, Part, Quoting, Word } from './syntax.ts';

/** Text without a meaning, taken at once. */
const PLAIN_RUN = /[A-Za-z0-9_.,:/=@%+^-]+/y;
const SINGLE_QUOTED_RUN = /[^'\u0001]+/y;
const EXPANDED_RUN = /[^"\\$`\u0001]+/y;

/** Characters that end a word outside of quotes. */
const METACHARACTERS = new Set([' ', '\t', '\n', ';', '&', '|', '<', '>', '(', ')']);

export function endsWord(cursor: Cursor): boolean {
  return cursor.atEnd || (!cursor.atHole && METACHARACTERS.has(cursor.char()));
}

/** Reads one word; undefined when none begins here. */
export function readWord(cursor: Cursor): Word | undefined {
  const start = cursor.at;
  const substitution = readProcessSubstitution(cursor);
  if (substitution !== undefined) return { parts: [substitution], start, end: cursor.at };
  const parts = readParts(cursor, () => endsWord(cursor));
  return cursor.at === start ? undefined : { parts, start, end: cursor.at };
}

/** Reads what words are made of, outside of quotes, until `stop`. */
export function readParts(cursor: Cursor, stop: () => boolean): Part[] {
  const parts = new PartList();
  while (!stop()) {
    if (cursor.atEnd) break;
    if (cursor.atHole) {
      parts.hole(cursor.at++, 'none');
      continue;
    }
    const run = cursor.run(PLAIN_RUN);
    if (run !== '') {
      parts.literal(run, 'none', false, cursor.at);
      continue;
    }
    const char = cursor.char();
    switch (char) {
      case "'":
        readSingleQuotes(cursor, parts);
        break;
      case '"':
        cursor.at++;
        for (const part of readDoubleQuotes(cursor)) parts.push(part);
        break;
      case '\\':
        readEscape(cursor, parts, 'none', () => true);
        break;
      case '$':
        parts.push(readDollar(cursor, 'none'));
        break;
      case '`':
        parts.push(readBacktick(cursor, 'none'));
        break;
      default:
        cursor.at++;
        parts.literal(char, 'none', false, cursor.at);
    }
  }
  return parts.parts;
}

/** Reads the inside of double quotes and the closing one; the opening one is behind the cursor. */
export function readDoubleQuotes(cursor: Cursor): Part[] {
  const open = cursor.at - 1;
  const parts = new PartList();
  // An empty pair still makes a word.
  parts.literal('', 'double', false, cursor.at);
  while (!cursor.startsWith('"')) {
    if (cursor.atEnd) cursor.fail('the double quote that begins here has no end', open);
    readExpandedCharacter(cursor, parts, 'double');
  }
  cursor.at++;
  return parts.parts;
}

const DOUBLE_QUOTE_ESCAPES = new Set(['$', '`', '"', '\\']);
const DOCUMENT_ESCAPES = new Set(['$', '`', '\\']);

/** One step within double quotes or an unquoted here-document, where only `$`, backticks and some backslashes mean something. */
export function readExpandedCharacter(cursor: Cursor, parts: PartList, quoting: 'double' | 'document'): void {
  if (cursor.atHole) {
    parts.hole(cursor.at++, quoting);
    return;
  }
  const run = cursor.run(EXPANDED_RUN);
  if (run !== '') {
    parts.literal(run, quoting, false, cursor.at);
    return;
  }
  const char = cursor.char();
  switch (char) {
    case '\\': {
      const escapes = quoting === 'double' ? DOUBLE_QUOTE_ESCAPES : DOCUMENT_ESCAPES;
      readEscape(cursor, parts, quoting, next => escapes.has(next));
      break;
    }
    case '$':
      parts.push(readDollar(cursor, quoting));
      break;
    case '`':
      parts.push(readBacktick(cursor, quoting));
      break;
    default:
      cursor.at++;
      parts.literal(char, quoting, false, cursor.at);
  }
}

export function readSingleQuotes(cursor: Cursor, parts: PartList): void {
  const open = cursor.at++;
  parts.literal('', 'single', false, cursor.at);
  while (!cursor.startsWith("'")) {
    if (cursor.atEnd) cursor.fail('the single quote that begins here has no end', open);
    if (cursor.atHole) parts.hole(cursor.at++, 'single');
    else {
      const run = cursor.run(SINGLE_QUOTED_RUN) || cursor.text[cursor.at++]!;
      parts.literal(run, 'single', false, cursor.at);
    }
  }
  cursor.at++;
}

/** A backslash and what it makes literal; a continued line vanishes. */
export function readEscape(
  cursor: Cursor,
  parts: PartList,
  quoting: Quoting,
  escapes: (next: string) => boolean,
): void {
  const backslash = cursor.at++;
  if (cursor.atHole) {
    parts.push({ kind: 'opaque', reason: 'afterBackslash', holes: [cursor.at], quoting, end: ++cursor.at });
    return;
  }
  const next = cursor.char();
  if (next === '\n') {
    cursor.at = backslash;
    cursor.skipContinuation(quoting !== 'none');
    return;
  }
  if (next !== '' && escapes(next)) {
    cursor.at++;
    parts.literal(next, quoting, true, cursor.at);
    return;
  }
  parts.literal('\\', quoting, false, backslash + 1);
}

/** Collects parts; neighbouring literal characters of the same kind become one. */
export class PartList {
  readonly parts: Part[] = [];

  push(part: Part): void {
    if (part.kind === 'literal') this.literal(part.text, part.quoting, part.escaped, part.end);
    else this.parts.push(part);
  }

  hole(offset: number, quoting: Quoting): void {
    this.parts.push({ kind: 'hole', offset, quoting });
  }

  literal(text: string, quoting: Quoting, escaped: boolean, end: number): void {
    const last = this.parts.at(-1);
    if (last?.kind === 'literal' && last.quoting === quoting && last.escaped === escaped && !escaped) {
      this.parts[this.parts.length - 1] = { ...last, text: last.text + text, end } satisfies LiteralPart;
      return;
    }
    this.parts.push({ kind: 'literal', text, quoting, escaped, end });
  }
}

/** A word's text when nothing in it is expanded; undefined otherwise. */
export function literalText(word: Word | undefined): string | undefined {
  if (word === undefined) return undefined;
  let text = '';
  for (const part of word.parts) {
    if (part.kind !== 'literal') return undefined;
    text += part.text;
  }
  return text;
}
