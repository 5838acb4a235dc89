import { readList } from './commands.ts';
import type { Cursor } from './cursor.ts';
import { readBraces } from './parameter.ts';
import type { CommandPart, List, LiteralPart, OpaquePart, OpaqueReason, Part, Quoting } from './syntax.ts';
import { readDoubleQuotes } from './words.ts';

const NAME = /\$[A-Za-z_][A-Za-z0-9_]*/y;
const SPECIAL = /\$[0-9@*#?$!-]/y;

/** Reads what a `$` begins; a `$` that begins nothing is literal. */
export function readDollar(cursor: Cursor, quoting: Quoting): Part {
  const start = cursor.at;
  if (cursor.holeAhead(1)) {
    cursor.at += 2;
    return { kind: 'opaque', reason: 'afterDollar', holes: [start + 1], quoting, end: cursor.at };
  }
  if (cursor.startsWith('$((')) {
    const arithmetic = readArithmetic(cursor, '$((', quoting);
    if (arithmetic !== undefined) return arithmetic;
  }
  if (cursor.take('$(')) return readSubstitution(cursor, quoting, start);
  if (cursor.take('${')) return readBraces(cursor, quoting, start);
  if (cursor.take('$[')) return readOldArithmetic(cursor, quoting, start);
  if (quoting === 'none' && cursor.startsWith("$'")) return readDollarSingle(cursor);
  if (quoting === 'none' && cursor.take('$"')) {
    readDoubleQuotes(cursor);
    return opaque(cursor, 'dollarQuote', start, quoting);
  }
  const name = cursor.match(NAME) ?? cursor.match(SPECIAL);
  if (name === undefined) {
    cursor.at++;
    return literal('$', quoting, cursor.at);
  }
  cursor.at += name.length;
  return { kind: 'parameter', name: name.slice(1), braced: false, quoting, end: cursor.at };
}

/** The commands behind `$(`, `<(` or `>(`, and the closing parenthesis. */
function readSubstitution(cursor: Cursor, quoting: Quoting, start: number): CommandPart {
  const list = nestedList(cursor, () => {
    const commands = readList(cursor);
    if (!cursor.take(')')) {
      if (cursor.atEnd) cursor.fail('the ( that begins here has no )', start);
      cursor.fail('this is not expected here');
    }
    return commands;
  });
  return { kind: 'command', list, quoting, end: cursor.at };
}

export function readProcessSubstitution(cursor: Cursor): CommandPart | undefined {
  const start = cursor.at;
  if (!cursor.take('<(') && !cursor.take('>(')) return undefined;
  return readSubstitution(cursor, 'none', start);
}

/**
 * Backticks. Their text is unescaped once before it is parsed, so only those without a backslash are looked into; the same for those within
 * double quotes, where shells disagree about quotes.
 */
export function readBacktick(cursor: Cursor, quoting: Quoting): Part {
  const start = cursor.at++;
  const close = findBacktick(cursor, start);
  if (quoting !== 'none' || cursor.text.slice(start, close).includes('\\')) {
    cursor.at = close + 1;
    return opaque(cursor, 'backtick', start, quoting);
  }
  const limit = cursor.limit;
  cursor.limit = close;
  const list = nestedList(cursor, () => {
    const commands = readList(cursor);
    if (!cursor.atEnd) cursor.fail('this is not expected here');
    if (cursor.pending.length > 0) cursor.fail('the here-document that begins here has no end', cursor.pending[0]!.at);
    return commands;
  });
  cursor.limit = limit;
  cursor.at = close + 1;
  return { kind: 'command', list, quoting, end: cursor.at };
}

function findBacktick(cursor: Cursor, open: number): number {
  for (let ahead = 0; cursor.at + ahead < cursor.limit; ahead++) {
    const char = cursor.char(ahead);
    if (char === '`') return cursor.at + ahead;
    if (char === '\\') ahead++;
  }
  return cursor.fail('the backtick that begins here has no end', open);
}

/** Commands in commands have here-documents of their own. */
function nestedList(cursor: Cursor, read: () => List): List {
  const outer = cursor.pending;
  const start = cursor.at;
  cursor.pending = [];
  const list = cursor.nested(read);
  if (outer.length > 0 && cursor.text.slice(start, cursor.at).includes('\n')) {
    cursor.fail('shells disagree about where this here-document begins: end the line before its body', outer[0]!.at);
  }
  if (cursor.pending.length > 0) cursor.fail('the here-document that begins here has no end', cursor.pending[0]!.at);
  cursor.pending = outer;
  return list;
}

/**
 * `$(( ))` or `(( ))`; `open` is what it begins with. Undefined, with the cursor where it was, when the parentheses close one by one: then
 * they are subshells.
 */
export function readArithmetic(cursor: Cursor, open: '$((' | '((', quoting: Quoting): OpaquePart | undefined {
  return cursor.nested(() => tryArithmetic(cursor, open, quoting));
}

function tryArithmetic(cursor: Cursor, open: string, quoting: Quoting): OpaquePart | undefined {
  const start = cursor.at;
  cursor.at += open.length;
  for (let depth = 0; !cursor.atEnd; ) {
    if (cursor.atHole) {
      cursor.at++;
      continue;
    }
    const char = cursor.char();
    if (char === '\\') cursor.at += 2;
    else if (char === '$') readDollar(cursor, 'double');
    else if (char === '`') readBacktick(cursor, 'double');
    else if (char === ')' && depth === 0) {
      if (cursor.take('))')) return opaque(cursor, 'arithmetic', start, quoting);
      break;
    } else {
      if (char === '(') depth++;
      if (char === ')') depth--;
      cursor.at++;
    }
  }
  if (cursor.atEnd) cursor.fail('the arithmetic that begins here has no ))', start);
  cursor.at = start;
  return undefined;
}

/** `$[ ]`, bash's old spelling of arithmetic. */
function readOldArithmetic(cursor: Cursor, quoting: Quoting, start: number): Part {
  for (let depth = 1; depth > 0; cursor.at++) {
    if (cursor.atEnd) cursor.fail('the $[ that begins here has no ]', start);
    if (cursor.char() === '[') depth++;
    if (cursor.char() === ']') depth--;
  }
  return opaque(cursor, 'arithmetic', start, quoting);
}

/** `$'...'`. In shells that do not know it, a backslash does not keep the quote from ending it. */
function readDollarSingle(cursor: Cursor): OpaquePart {
  const start = cursor.at;
  cursor.at += 2;
  while (!cursor.startsWith("'")) {
    if (cursor.atEnd) cursor.fail("the $' that begins here has no end", start);
    if (cursor.startsWith("\\'"))
      cursor.fail("shells disagree about where this $'...' ends; write the quote as \\047", start);
    cursor.at += cursor.char() === '\\' ? 2 : 1;
  }
  cursor.at++;
  return opaque(cursor, 'dollarQuote', start, 'none');
}

export function opaque(cursor: Cursor, reason: OpaqueReason, start: number, quoting: Quoting): OpaquePart {
  return { kind: 'opaque', reason, holes: cursor.holesBetween(start, cursor.at), quoting, end: cursor.at };
}

function literal(text: string, quoting: Quoting, end: number): LiteralPart {
  return { kind: 'literal', text, quoting, escaped: false, end };
}
