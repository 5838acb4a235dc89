import { type CelError, unparse } from '@bufbuild/cel';
import { shorten } from '../key-path.ts';
import { suggestion } from '../nearest.ts';
import { type Expression, findById, type Unknown } from './ast.ts';

export const TOO_DEEP = 'the expression is nested too deeply';

const POSITION = /^<input>:(\d+):(\d+): (.*)$/s;
const NO_FIELD = /^field not found: (.*)$/s;
const OUT_OF_BOUNDS = /^index (-?\d+) out of bounds/;
const NO_OVERLOAD = /^found no matching overload for '(.*?)' applied to '(.*)'$/s;

/** The library's complaint about an expression that does not parse. */
export function explainSyntax(error: unknown): string {
  if (error instanceof RangeError) return TOO_DEEP;
  const text = error instanceof Error ? error.message : String(error);
  const [, line, column, rest] = POSITION.exec(text) ?? [];
  if (rest === undefined) return `this is not valid CEL: ${shorten(text, 200)}`;
  const place = line === '1' ? `character ${column}` : `line ${line}, character ${column}`;
  return `this is not valid CEL at ${place}: ${shorten(rest, 200)}`;
}

/**
 * A name without a meaning. `a.b - c` with an unknown `c` has become `a["b-c"]` already; what is left is no hyphenated
 * name.
 */
export function explainUnknown(unknown: Unknown, variables: readonly string[], functions: readonly string[]): string {
  if (unknown.kind === 'variable') return `there is no variable ${unknown.name}${suggestion(unknown.name, variables)}`;
  const meant = suggestion(unknown.name, functions);
  // The list of all functions is long and helps less than the documentation.
  return `there is no function ${unknown.name}${meant.startsWith(', did') ? meant : ''}`;
}

/** An evaluation's error, with the part of the expression that it is about. */
export function explainEvaluation(error: CelError, expression: Expression): string {
  if (error.cause instanceof RangeError) return TOO_DEEP;
  const part = error.exprId === undefined ? undefined : findById(expression, error.exprId);
  const where = part === undefined ? '' : `${shorten(spelling(part), 100)}: `;
  const [, field] = NO_FIELD.exec(error.message) ?? [];
  if (field !== undefined) return `${where}there is no ${shorten(field, 60)} here; has(...) asks whether there is one`;
  const [, index] = OUT_OF_BOUNDS.exec(error.message) ?? [];
  if (index !== undefined) return `${where}the list has no item ${index}`;
  const [, name, types] = NO_OVERLOAD.exec(error.message) ?? [];
  if (name !== undefined) return `${where}${name.replaceAll('_', '')} cannot be used with ${shorten(types ?? '', 100)}`;
  if (error.message === 'unresolved attribute') return `${where}has no value here`;
  return `${where}${shorten(error.message, 200)}`;
}

function spelling(expression: Expression): string {
  try {
    return unparse(expression);
  } catch {
    return 'the expression';
  }
}
