import { readCommand, readFunctionBody, readList, skipNewlines } from './commands.ts';
import type { Cursor } from './cursor.ts';
import { readArithmetic } from './expansions.ts';
import { readRedirect } from './redirects.ts';
import type { CaseItem, Command, FunctionCommand, List, Part, Redirect, Word } from './syntax.ts';
import { readParts, readWord } from './words.ts';

const RESERVED: ReadonlySet<string> = new Set(
  'if then elif else fi while until for select do done case esac in function time { } ! [['.split(' '),
);
const RESERVED_SHAPE = /[a-z]+|[{}!]|\[\[/y;

/** The reserved word at the cursor, not taken. Only where a command may begin does it mean something. */
export function reservedWord(cursor: Cursor): string | undefined {
  const word = cursor.match(RESERVED_SHAPE);
  if (word === undefined || !RESERVED.has(word) || cursor.holeAhead(word.length)) return undefined;
  return ' \t\n;&|<>()'.includes(cursor.char(word.length)) ? word : undefined;
}

/** Reads a compound command or a function with the `function` word; undefined when a simple command begins here. */
export function readCompound(cursor: Cursor): Command | undefined {
  const start = cursor.at;
  if (cursor.startsWith('((')) {
    const part = readArithmetic(cursor, '((', 'none');
    if (part !== undefined) return { kind: 'arithmetic', part, redirects: readRedirects(cursor) };
  }
  if (cursor.take('(')) {
    const list = readList(cursor);
    if (!cursor.take(')')) cursor.fail('the ( that begins here has no )', start);
    return { kind: 'group', lists: [list], redirects: readRedirects(cursor) };
  }
  const word = reservedWord(cursor);
  switch (word) {
    case undefined:
    case '!':
      return undefined;
    case '{':
      return group(cursor, ['{', '}']);
    case 'if':
      return readIf(cursor);
    case 'while':
    case 'until':
      return group(cursor, [word, 'do', 'done']);
    case 'for':
    case 'select':
      return readFor(cursor, word);
    case 'case':
      return readCase(cursor);
    case '[[':
      return readTest(cursor);
    case 'function':
      return readFunction(cursor);
    case 'time':
      return readTime(cursor);
    default:
      return cursor.fail(`"${word}" is not expected here`);
  }
}

/** Lists between reserved words: the first is taken, then each list is followed by the next word. */
function group(cursor: Cursor, words: readonly string[]): Command {
  const start = cursor.at;
  cursor.at += words[0]!.length;
  const lists: List[] = [];
  for (const word of words.slice(1)) {
    lists.push(readList(cursor));
    expectWord(cursor, word, start);
  }
  return { kind: 'group', lists, redirects: readRedirects(cursor) };
}

function readIf(cursor: Cursor): Command {
  const start = cursor.at;
  const lists: List[] = [];
  for (let word: string | undefined = 'if'; word !== 'fi'; word = reservedWord(cursor)) {
    if (word === 'else') {
      expectWord(cursor, 'else', start);
      lists.push(readList(cursor));
      if (reservedWord(cursor) !== 'fi') cursor.fail('the if that begins here has no fi', start);
      break;
    }
    if (word !== 'if' && word !== 'elif') cursor.fail('the if that begins here has no fi', start);
    cursor.at += word.length;
    lists.push(readList(cursor));
    expectWord(cursor, 'then', start);
    lists.push(readList(cursor));
  }
  expectWord(cursor, 'fi', start);
  return { kind: 'group', lists, redirects: readRedirects(cursor) };
}

function readFor(cursor: Cursor, word: string): Command {
  const start = cursor.at;
  cursor.at += word.length;
  cursor.skipBlanks();
  const variable = readForVariable(cursor, start);
  skipNewlines(cursor);
  const words: Word[] = [];
  if (reservedWord(cursor) === 'in') {
    cursor.at += 2;
    for (;;) {
      cursor.skipBlanks();
      const next = cursor.startsWith('#') ? undefined : readWord(cursor);
      if (next === undefined) break;
      words.push(next);
    }
  }
  cursor.take(';');
  skipNewlines(cursor);
  expectWord(cursor, 'do', start);
  const body = readList(cursor);
  expectWord(cursor, 'done', start);
  return { kind: 'for', variable, words, body, redirects: readRedirects(cursor) };
}

/** The variable's name, or bash's `((a; b; c))`. */
function readForVariable(cursor: Cursor, start: number): Word {
  const at = cursor.at;
  const arithmetic = cursor.startsWith('((') ? readArithmetic(cursor, '((', 'none') : undefined;
  if (arithmetic !== undefined) return { parts: [arithmetic], start: at, end: cursor.at };
  return readWord(cursor) ?? cursor.fail('the for that begins here has no variable', start);
}

function readCase(cursor: Cursor): Command {
  const start = cursor.at;
  cursor.at += 'case'.length;
  cursor.skipBlanks();
  const subject = readWord(cursor) ?? cursor.fail('the case that begins here has no word', start);
  skipNewlines(cursor);
  expectWord(cursor, 'in', start);
  const items: CaseItem[] = [];
  for (;;) {
    skipNewlines(cursor);
    if (reservedWord(cursor) === 'esac') break;
    if (cursor.atEnd) cursor.fail('the case that begins here has no esac', start);
    items.push(readCaseItem(cursor));
  }
  expectWord(cursor, 'esac', start);
  return { kind: 'case', subject, items, redirects: readRedirects(cursor) };
}

function readCaseItem(cursor: Cursor): CaseItem {
  cursor.take('(');
  const patterns: Word[] = [];
  do {
    cursor.skipBlanks();
    patterns.push(readWord(cursor) ?? cursor.fail('a pattern is missing here'));
    cursor.skipBlanks();
  } while (cursor.take('|'));
  if (!cursor.take(')')) cursor.fail('expected ) behind the pattern');
  const body = readList(cursor);
  if (!cursor.take(';;&') && !cursor.take(';;') && !cursor.take(';&') && reservedWord(cursor) !== 'esac') {
    cursor.fail('expected ;; or esac');
  }
  return { patterns, body };
}

/** `[[ ... ]]`: words, in which parentheses, `<`, `>`, `&&` and `||` are operators of the test. */
function readTest(cursor: Cursor): Command {
  const start = cursor.at;
  cursor.at += 2;
  const words: Word[] = [];
  for (;;) {
    skipNewlines(cursor);
    if (cursor.atEnd) cursor.fail('the [[ that begins here has no ]]', start);
    const at = cursor.at;
    const parts = readTestWord(cursor);
    const [only] = parts;
    if (parts.length === 1 && only?.kind === 'literal' && only.quoting === 'none' && only.text === ']]') break;
    words.push({ parts, start: at, end: cursor.at });
  }
  return { kind: 'test', words, redirects: readRedirects(cursor) };
}

const TEST_OPERATOR = /&&|\|\||[()<>|&;]/y;

function readTestWord(cursor: Cursor): readonly Part[] {
  const operator = cursor.match(TEST_OPERATOR);
  if (operator !== undefined) {
    cursor.at += operator.length;
    return [{ kind: 'literal', text: operator, quoting: 'none', escaped: false, end: cursor.at }];
  }
  return readParts(cursor, () => !cursor.atHole && (cursor.atEnd || ' \t\n()<>|&;'.includes(cursor.char())));
}

function readFunction(cursor: Cursor): FunctionCommand {
  const start = cursor.at;
  cursor.at += 'function'.length;
  cursor.skipBlanks();
  const name = readWord(cursor) ?? cursor.fail('the function that begins here has no name', start);
  cursor.skipBlanks();
  if (cursor.take('(')) {
    cursor.skipBlanks();
    if (!cursor.take(')')) cursor.fail('expected () behind the name of the function');
  }
  return readFunctionBody(cursor, name) as FunctionCommand;
}

function readTime(cursor: Cursor): Command {
  cursor.at += 'time'.length;
  cursor.skipBlanks();
  if (cursor.take('-p')) cursor.skipBlanks();
  return readCommand(cursor);
}

export function readRedirects(cursor: Cursor): Redirect[] {
  const redirects: Redirect[] = [];
  for (;;) {
    cursor.skipBlanks();
    const redirect = readRedirect(cursor);
    if (redirect === undefined) return redirects;
    redirects.push(redirect);
  }
}

function expectWord(cursor: Cursor, word: string, start: number): void {
  skipNewlines(cursor);
  if (reservedWord(cursor) !== word) cursor.fail(`expected "${word}" for the command that begins here`, start);
  cursor.at += word.length;
}
