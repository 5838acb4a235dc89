import { readCompound, reservedWord } from './compound.ts';
import type { Cursor } from './cursor.ts';
import { opaque } from './expansions.ts';
import { readNewline } from './here-documents.ts';
import { readRedirect } from './redirects.ts';
import type { Assignment, Command, List, Part, Pipeline, Redirect, Word } from './syntax.ts';
import { endsWord, literalText, readParts, readWord } from './words.ts';

/** Words that end a list, where a command could begin. */
const LIST_ENDS: ReadonlySet<string> = new Set(['then', 'do', 'done', 'fi', 'elif', 'else', 'esac', '}']);

/** Reads commands until something that ends a list: `)`, `;;`, a reserved word such as `done`, the end. */
export function readList(cursor: Cursor): List {
  const pipelines: Pipeline[] = [];
  for (;;) {
    skipNewlines(cursor);
    if (atListEnd(cursor)) return { pipelines };
    pipelines.push(readPipeline(cursor));
    cursor.skipBlanks();
    if (cursor.take('&&') || cursor.take('||')) {
      skipNewlines(cursor);
      if (atListEnd(cursor)) cursor.fail('a command is missing here');
      continue;
    }
    if (cursor.startsWith(';;') || cursor.startsWith(';&')) return { pipelines };
    if (!cursor.take(';') && !cursor.take('&') && !atLineEnd(cursor) && !cursor.startsWith(')')) {
      cursor.fail('this is not expected here');
    }
  }
}

function atListEnd(cursor: Cursor): boolean {
  if (cursor.atEnd || cursor.startsWith(')') || cursor.startsWith(';;') || cursor.startsWith(';&')) return true;
  const word = reservedWord(cursor);
  return word !== undefined && LIST_ENDS.has(word);
}

function atLineEnd(cursor: Cursor): boolean {
  return cursor.atEnd || cursor.startsWith('\n') || cursor.startsWith('#');
}

/** Blanks, comments, newlines and here-documents. */
export function skipNewlines(cursor: Cursor): void {
  do {
    cursor.skipBlanks();
    skipComment(cursor);
  } while (readNewline(cursor));
}

function skipComment(cursor: Cursor): void {
  if (!cursor.startsWith('#')) return;
  const newline = cursor.text.indexOf('\n', cursor.at);
  const end = newline === -1 ? cursor.limit : Math.min(newline, cursor.limit);
  for (const hole of cursor.holesBetween(cursor.at, end)) cursor.commentHoles.push(hole);
  cursor.at = end;
}

function readPipeline(cursor: Cursor): Pipeline {
  const commands: Command[] = [];
  for (;;) {
    while (reservedWord(cursor) === '!') {
      cursor.at++;
      cursor.skipBlanks();
    }
    commands.push(readCommand(cursor));
    cursor.skipBlanks();
    if (cursor.startsWith('||') || !cursor.take('|')) return { commands };
    cursor.take('&');
    skipNewlines(cursor);
  }
}

export function readCommand(cursor: Cursor): Command {
  return cursor.nested(() => readCompound(cursor) ?? readSimple(cursor));
}

const ASSIGNMENT = /[A-Za-z_][A-Za-z0-9_]*=/y;
/** Assignments of bash, words of a command in other shells: what comes behind them may be a command's name. */
const BASH_ASSIGNMENT = /[A-Za-z_][A-Za-z0-9_]*(?:\+=|\[[^\]\s;&|<>()'"\\$`]*\]\+?=)/y;
const OPEN_SUBSCRIPT = /^[A-Za-z_][A-Za-z0-9_]*\[[^\]]*$/;
const FUNCTION_PARENTHESES = /\([ \t]*\)/y;

function readSimple(cursor: Cursor): Command {
  const assignments: Assignment[] = [];
  const words: Word[] = [];
  const redirects: Redirect[] = [];
  for (;;) {
    cursor.skipBlanks();
    const redirect = readRedirect(cursor);
    if (redirect !== undefined) {
      redirects.push(redirect);
      continue;
    }
    if (cursor.startsWith('#')) skipComment(cursor);
    if (words.length === 0) {
      const assignment = readAssignment(cursor);
      if (assignment !== undefined) {
        assignments.push(assignment);
        continue;
      }
    }
    const parentheses = words.length === 1 && assignments.length === 0 ? cursor.match(FUNCTION_PARENTHESES) : undefined;
    if (parentheses !== undefined && redirects.length === 0) {
      cursor.at += parentheses.length;
      return readFunctionBody(cursor, words[0]!);
    }
    const word = readWord(cursor);
    if (word === undefined) break;
    checkSubscript(cursor, word);
    // busybox takes && for an operator of [[ wherever in a command that word is.
    if (literalText(word) === '[[') cursor.fail('[[ is not expected here', word.start);
    words.push(withArray(cursor, word));
  }
  if (assignments.length + words.length + redirects.length === 0) cursor.fail('a command is missing here');
  return { kind: 'simple', assignments, words, redirects };
}

export function readFunctionBody(cursor: Cursor, name: Word): Command {
  skipNewlines(cursor);
  const body = readCompound(cursor);
  if (body === undefined) cursor.fail('expected the body of the function, { ...; }');
  return { kind: 'function', name, body };
}

function readAssignment(cursor: Cursor): Assignment | undefined {
  const head = cursor.match(ASSIGNMENT);
  if (head === undefined) return readBashAssignment(cursor);
  cursor.at += head.length;
  const start = cursor.at;
  const array = readArray(cursor);
  const parts = array === undefined ? readParts(cursor, () => endsWord(cursor)) : [array];
  return { name: head.slice(0, -1), value: { parts, start, end: cursor.at } };
}

/** `x+=1`, `x[1]=2`: no value is accepted in them. */
function readBashAssignment(cursor: Cursor): Assignment | undefined {
  const start = cursor.at;
  const head = cursor.match(BASH_ASSIGNMENT);
  if (head === undefined) return undefined;
  cursor.at += head.length;
  if (readArray(cursor) === undefined) readParts(cursor, () => endsWord(cursor));
  const value = { parts: [opaque(cursor, 'bashAssignment', start, 'none')], start, end: cursor.at };
  return { name: '', value };
}

/** In bash a subscript may hold blanks and operators, so that `x[a b]=1` is one word; elsewhere it is two. */
function checkSubscript(cursor: Cursor, word: Word): void {
  const bare = word.parts.filter(part => part.kind === 'literal' && part.quoting === 'none');
  const [first] = bare;
  if (first?.kind !== 'literal' || first !== word.parts[0] || !OPEN_SUBSCRIPT.test(first.text)) return;
  if (bare.slice(1).some(part => part.kind === 'literal' && part.text.includes(']'))) return;
  cursor.fail('shells disagree about where the [ in this word ends; put it in quotes', word.start);
}

/** `declare -a list=(a b)`: the parentheses belong to the word. */
function withArray(cursor: Cursor, word: Word): Word {
  if (!cursor.startsWith('(') || literalText(word)?.endsWith('=') !== true) return word;
  return { ...word, parts: [...word.parts, readArray(cursor)!], end: cursor.at };
}

/** `(a b)` behind a `=`. No value is accepted in it: POSIX knows no arrays. */
function readArray(cursor: Cursor): Part | undefined {
  const start = cursor.at;
  if (!cursor.take('(')) return undefined;
  for (;;) {
    skipNewlines(cursor);
    if (cursor.take(')')) return opaque(cursor, 'array', start, 'none');
    if (readWord(cursor) === undefined) cursor.fail('the list in parentheses that begins here has no end', start);
  }
}
