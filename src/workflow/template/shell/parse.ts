import { readList } from './commands.ts';
import { Cursor } from './cursor.ts';
import type { List } from './syntax.ts';

export interface ParsedScript {
  readonly list: List;
  /** Offsets of the holes in comments. */
  readonly commentHoles: readonly number[];
}

/**
 * Parses a POSIX shell script, with those of bash's additions that are common. `holes` are the offsets of single characters that stand
 * for values. Throws a ShellSyntaxError for what it does not understand, or where shells would not agree.
 */
export function parseScript(text: string, holes: Iterable<number>): ParsedScript {
  const cursor = new Cursor(text, holes);
  const list = readList(cursor);
  if (!cursor.atEnd) cursor.fail('this is not expected here');
  const waiting = cursor.pending[0];
  if (waiting !== undefined) cursor.fail('the here-document that begins here has no end', waiting.at);
  return { list, commentHoles: cursor.commentHoles };
}
