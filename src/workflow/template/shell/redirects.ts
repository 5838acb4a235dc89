import type { Cursor } from './cursor.ts';
import { delimiterOf } from './here-documents.ts';
import type { HereDocument, Redirect } from './syntax.ts';
import { readWord } from './words.ts';

const OPERATOR = /(?:[0-9]+|\{[A-Za-z_][A-Za-z0-9_]*\})?(?:<<-|<<<|<<|<&|<>|<|>>|>&|>\||>)|&>>?/y;

/** Reads one redirection; a process substitution `<(` is none. */
export function readRedirect(cursor: Cursor): Redirect | undefined {
  const start = cursor.at;
  const matched = cursor.match(OPERATOR);
  if (matched === undefined) return undefined;
  const operator = matched.replace(/^(?:[0-9]+|\{.*\})/, '');
  if ((operator === '<' || operator === '>') && operator === matched && cursor.char(1) === '(') return undefined;
  cursor.at += matched.length;
  cursor.skipBlanks();
  const target = readWord(cursor);
  if (target === undefined) cursor.fail(`a file is missing behind ${operator}`, start);
  if (operator !== '<<' && operator !== '<<-') return { operator, target };
  const delimiter = delimiterOf(target);
  // With a value as its delimiter nobody can tell where the body ends; the redirection is refused as a whole.
  if (delimiter === undefined) cursor.fail('the delimiter of a here-document must be plain text', start);
  const hereDocument: HereDocument = { quoted: delimiter.quoted, parts: [] };
  cursor.pending.push({ document: hereDocument, delimiter: delimiter.text, stripTabs: operator === '<<-', at: start });
  return { operator, target, hereDocument };
}
