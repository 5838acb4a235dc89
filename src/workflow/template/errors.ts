import type { Span } from './ast.ts';
import { positionOf } from './position.ts';

/** Longer expressions are cut in messages. */
const MAX_SHOWN = 80;

/** Something that the author of a template has to change. */
export interface TemplateProblem {
  readonly message: string;
  /** UTF-16 offset in the text. */
  readonly offset: number;
}

/** A text that could not be rendered. */
export interface TemplateError {
  /** Position, expression, what is wrong and what is available. Holds no value, only names. */
  readonly message: string;
  /** As written, with its braces. */
  readonly expression: string;
  /** UTF-16 offset in the text. */
  readonly offset: number;
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
}

/** Thrown inside this folder only; the exported functions return errors as values. */
export class TemplateFault extends Error {
  override readonly name = 'TemplateFault';
  readonly at: number;

  constructor(message: string, at: number) {
    super(message);
    this.at = at;
  }
}

/** The error for the action at `span`; the fault's own offset says where in it. */
export function templateError(text: string, span: Span, fault: { message: string; at: number }): TemplateError {
  const { line, column } = positionOf(text, fault.at);
  const expression = showExpression(text, span);
  const shown = expression === '' ? '' : ` ${expression}`;
  return { message: `${line}:${column}${shown}: ${fault.message}`, expression, offset: fault.at, line, column };
}

/** An action as written, on one line, not too long. */
export function showExpression(text: string, span: Span): string {
  const written = text.slice(span.start, span.end).replace(/\s+/g, ' ');
  return written.length <= MAX_SHOWN ? written : `${written.slice(0, MAX_SHOWN - 1)}…`;
}
