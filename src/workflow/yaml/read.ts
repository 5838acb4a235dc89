import { type Document, Lexer, parseDocument, type YAMLError } from 'yaml';
import type { Finding, Position, Problem } from '../file-error.ts';
import type { KeyPath } from '../key-path.ts';
import { convert, type Offsets } from './convert.ts';
import { lineStarts, positionAt } from './lines.ts';
import { readText } from './text.ts';
import type { YamlValue } from './value.ts';

/**
 * Lexemes: an honest file of 5,000 lines has about 40,000. Measured: 200,000 parse in 0.2 s, 1 MiB of nothing but them
 * in 2.5 s.
 */
const MAX_LEXEMES = 200_000;
/** A broken quote makes every following line an error; more than these help nobody. */
const MAX_SYNTAX_ERRORS = 20;

export type YamlResult =
  | {
      ok: true;
      value: YamlValue;
      /** Problems that leave the rest of the file readable: duplicate keys, tags, aliases. */
      problems: Problem[];
      /** Adds the place of the key, or of the nearest key above it that the file has. */
      locate(finding: Finding): Problem;
    }
  | { ok: false; problems: Problem[] };

/**
 * Reads one YAML 1.2 document (core schema) into plain data: no custom tags, no code, no prototypes; size, number of
 * values, depth and use of aliases are bounded (text.ts, convert.ts). Never throws.
 */
export function readYaml(input: string | Uint8Array): YamlResult {
  const text = readText(input);
  if (!text.ok) return { ok: false, problems: [text.problem] };
  const tooLong = tooManyLexemes(text.text);
  if (tooLong !== undefined) return { ok: false, problems: [tooLong] };

  const document = parseDocument(text.text, {
    version: '1.2',
    schema: 'core',
    // `convert` finds duplicates in linear time; the package's own search is quadratic.
    uniqueKeys: false,
    // At 'silent' a second document would be ignored without a word.
    logLevel: 'error',
    prettyErrors: false,
  });
  const starts = lineStarts(text.text);
  if (document.errors.length > 0) {
    const problems = document.errors.slice(0, MAX_SYNTAX_ERRORS).map(error => syntaxProblem(error, starts));
    return { ok: false, problems };
  }
  const { value, offsets, problems } = convert(document);
  const all = [
    ...directiveProblems(document),
    ...document.warnings.slice(0, MAX_SYNTAX_ERRORS).map(warning => syntaxProblem(warning, starts)),
    ...problems.map(({ at, offset, message }) => ({ at, message, position: positionAt(starts, offset) })),
  ];
  if (value === undefined) return { ok: false, problems: all };
  const root = positionAt(starts, document.contents?.range?.[0] ?? 0);
  const place = (finding: Finding) => ({ ...finding, position: locate(value, finding.at, offsets, starts) ?? root });
  return { ok: true, value, problems: all, locate: place };
}

function tooManyLexemes(text: string): Problem | undefined {
  let count = 0;
  for (const _ of new Lexer().lex(text)) {
    count += 1;
    if (count > MAX_LEXEMES) {
      return { at: [], message: `the file has more than ${MAX_LEXEMES} YAML tokens`, position: { line: 1, column: 1 } };
    }
  }
  return undefined;
}

function syntaxProblem(error: YAMLError, starts: readonly number[]): Problem {
  const message = explain(error);
  return { at: [], message, position: positionAt(starts, error.pos[0]) };
}

function explain(error: YAMLError): string {
  switch (error.code) {
    case 'MULTIPLE_DOCS':
      return 'expected one YAML document, got a second one after ---';
    case 'TAB_AS_INDENT':
      return 'YAML does not allow tabs as indentation, use spaces';
    case 'RESOURCE_EXHAUSTION':
      return 'the file is nested too deeply';
    case 'TAG_RESOLVE_FAILED':
      return `tags are not supported here: ${error.message}`;
    default:
      return `this is not valid YAML: ${error.message}`;
  }
}

/** `%YAML 1.1` would change what `yes` and `on` mean. */
function directiveProblems(document: Document.Parsed): Problem[] {
  if (document.directives.yaml.version === '1.2') return [];
  const message = `expected YAML 1.2, got the directive %YAML ${document.directives.yaml.version}`;
  return [{ at: [], message, position: { line: 1, column: 1 } }];
}

function locate(root: YamlValue, at: KeyPath, offsets: Offsets, starts: readonly number[]): Position | undefined {
  let value: YamlValue | undefined = root;
  let offset: number | undefined;
  for (const part of at) {
    if (typeof value !== 'object' || value === null) break;
    const next = offsets.get(value)?.get(part);
    if (next === undefined) break;
    offset = next;
    value = (value as Record<string | number, YamlValue>)[part];
  }
  return offset === undefined ? undefined : positionAt(starts, offset);
}
