import type { Cursor } from './cursor.ts';
import { opaque, readBacktick, readDollar } from './expansions.ts';
import type { Part, Quoting } from './syntax.ts';
import { PartList, readDoubleQuotes, readEscape, readParts } from './words.ts';

const SIMPLE = /#?(?:[A-Za-z_][A-Za-z0-9_]*|[0-9]+|[@*#?$!-])\}/y;
const WITH_WORD = /(?:[A-Za-z_][A-Za-z0-9_]*|[0-9]+|[@*#?$!-])(?::?[-=?+]|##?|%%?)/y;
const OPERATOR = /(?::?[-=?+]|##?|%%?)$/;

/**
 * Reads a `${...}` from behind its brace. POSIX's forms are understood; whatever else is in braces (subscripts, substrings, replacements, `${!x}`)
 * is opaque, since shells evaluate parts of it as arithmetic or names.
 */
export function readBraces(cursor: Cursor, quoting: Quoting, start: number): Part {
  const simple = cursor.match(SIMPLE);
  if (simple !== undefined) {
    cursor.at += simple.length;
    return { kind: 'parameter', name: simple.slice(0, -1), braced: true, quoting, end: cursor.at };
  }
  const head = cursor.match(WITH_WORD);
  if (head === undefined) {
    readBraceWord(cursor, quoting, start);
    return opaque(cursor, 'parameterForm', start, quoting);
  }
  cursor.at += head.length;
  const operator = OPERATOR.exec(head)![0];
  const name = head.slice(0, -operator.length);
  const word = readBraceWord(cursor, quoting, start);
  return { kind: 'parameter', name, braced: true, operator, word, quoting, end: cursor.at };
}

/** The word of a `${x-word}` and the closing brace. */
function readBraceWord(cursor: Cursor, quoting: Quoting, start: number): Part[] {
  return cursor.nested(() => {
    const unterminated = () => cursor.fail('the ${ that begins here has no }', start);
    const atClose = () => {
      if (cursor.atEnd) unterminated();
      return cursor.startsWith('}');
    };
    const parts =
      quoting === 'double' || quoting === 'document'
        ? readQuotedBraceWord(cursor, quoting, atClose)
        : readParts(cursor, atClose);
    cursor.at++;
    return parts;
  });
}

/**
 * In double quotes, shells disagree whether quotes within the braces quote. They agree about what is where as long as those quotes come in
 * pairs around simple text, so only that is taken.
 */
function readQuotedBraceWord(cursor: Cursor, quoting: 'double' | 'document', atClose: () => boolean): Part[] {
  const parts = new PartList();
  while (!atClose()) {
    if (cursor.atHole) {
      parts.hole(cursor.at++, quoting);
      continue;
    }
    const char = cursor.char();
    if (char === "'" || (char === '"' && quoting === 'document')) parts.push(readDisputedQuotes(cursor, char, quoting));
    else if (char === '"') parts.push(readInnerDoubleQuotes(cursor));
    else if (char === '\\') readEscape(cursor, parts, quoting, next => '$`"\\}'.includes(next));
    else if (char === '$') parts.push(readDollar(cursor, quoting));
    else if (char === '`') parts.push(readBacktick(cursor, quoting));
    else {
      cursor.at++;
      parts.literal(char, quoting, false, cursor.at);
    }
  }
  return parts.parts;
}

function readDisputedQuotes(cursor: Cursor, quote: string, quoting: Quoting): Part {
  const start = cursor.at++;
  while (!cursor.startsWith(quote)) {
    if (cursor.atEnd || (!cursor.atHole && '}"\'\\$`\n'.includes(cursor.char()))) {
      cursor.fail(
        'shells disagree about quotes within ${...} within double quotes; put the text into a variable',
        start,
      );
    }
    cursor.at++;
  }
  cursor.at++;
  return opaque(cursor, 'nestedQuotes', start, quoting);
}

/** `"${x#"$y"}"`: the inner quotes quote in every shell. */
function readInnerDoubleQuotes(cursor: Cursor): Part {
  const start = cursor.at++;
  const parts = readDoubleQuotes(cursor);
  if (parts.some(part => part.kind === 'literal' && part.text.includes('}'))) {
    cursor.fail('shells disagree about a } in quotes within ${...}; put the text into a variable', start);
  }
  return opaque(cursor, 'nestedQuotes', start, 'double');
}
