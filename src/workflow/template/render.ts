import type { JsonValue } from '../types.ts';
import type { Node, Span } from './ast.ts';
import { type TemplateError, TemplateFault, templateError } from './errors.ts';
import { type Budget, evaluate, evaluateText, newBudget, type Scope, spendBytes } from './evaluate.ts';
import { BlockFault, expand } from './expand.ts';
import { parseTemplate } from './parse.ts';
import { jsonText } from './value.ts';

export interface RenderOptions {
  /** Bound of the output, UTF-8 bytes. Default 1 MiB. */
  readonly maxBytes?: number;
}
export const DEFAULT_MAX_BYTES = 1024 * 1024;

export type TextResult =
  | { readonly ok: true; readonly value: string }
  | { readonly ok: false; readonly error: TemplateError };
export type ValueResult =
  | { readonly ok: true; readonly value: JsonValue }
  | { readonly ok: false; readonly error: TemplateError };

/** Nested lists and objects of a JSON value. */
const MAX_DEPTH = 200;

/**
 * Renders a text with templates. `scope` is what the first dot sees (`inputs`, `steps`, ...): JSON, of which only own properties are read.
 * Never throws for what the text or the scope holds.
 */
export function renderText(
  text: string,
  scope: Readonly<Record<string, unknown>>,
  options: RenderOptions = {},
): TextResult {
  const budget = newBudget(options.maxBytes ?? DEFAULT_MAX_BYTES);
  return attempt(() => renderNodes(text, parsed(text), rootScope(scope), budget));
}

/**
 * Renders every string in a JSON value, at any depth; keys stay as they are. A string that is exactly one `{{ expression }}` becomes the
 * expression's value with its type, so that numbers, booleans, lists and objects stay what they are. `maxBytes` bounds the sum of
 * what the templates gave. Never throws for what the value or the scope holds.
 */
export function renderValue(
  json: JsonValue,
  scope: Readonly<Record<string, unknown>>,
  options: RenderOptions = {},
): ValueResult {
  const root = rootScope(scope);
  const budget = newBudget(options.maxBytes ?? DEFAULT_MAX_BYTES);
  return attempt(() => walk(json, 0));

  function walk(value: JsonValue, depth: number): JsonValue {
    if (typeof value === 'string') return value.includes('{{') ? renderTyped(value, root, budget) : value;
    if (typeof value !== 'object' || value === null) return value;
    if (depth > MAX_DEPTH) {
      const message = `the value has more than ${MAX_DEPTH} nested lists and objects`;
      throw new RenderFault({ message, expression: '', offset: 0, line: 1, column: 1 });
    }
    if (Array.isArray(value)) return value.map(item => walk(item, depth + 1));
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, walk(item, depth + 1)]));
  }
}

/** The scope of a text's outermost level. */
export function rootScope(root: Readonly<Record<string, unknown>>): Scope {
  return { root, variables: new Map() };
}

class RenderFault extends Error {
  override readonly name = 'RenderFault';
  readonly error: TemplateError;

  constructor(error: TemplateError) {
    super(error.message);
    this.error = error;
  }
}

function attempt<T>(render: () => T): { ok: true; value: T } | { ok: false; error: TemplateError } {
  try {
    return { ok: true, value: render() };
  } catch (error) {
    if (error instanceof RenderFault) return { ok: false, error: error.error };
    throw error;
  }
}

function parsed(text: string): readonly Node[] {
  const { nodes, problems } = parseTemplate(text);
  const first = problems[0];
  if (first !== undefined) throw new RenderFault(templateError(text, first.span, first));
  return nodes;
}

function renderNodes(text: string, nodes: readonly Node[], scope: Scope, budget: Budget): string {
  const chunks: string[] = [];
  const push = (chunk: string, at: number) => {
    spendBytes(budget, Buffer.byteLength(chunk), at);
    chunks.push(chunk);
  };
  try {
    expand(nodes, scope, budget, {
      text: (value, start) => blaming(text, { start, end: start }, () => push(value, start)),
      output: (node, at) => blaming(text, node, () => push(evaluateText(node.expression, at, budget), node.start)),
    });
  } catch (error) {
    if (error instanceof BlockFault) throw new RenderFault(templateError(text, error.span, error.fault));
    throw error;
  }
  return chunks.join('');
}

function renderTyped(text: string, scope: Scope, budget: Budget): JsonValue {
  const nodes = parsed(text);
  const only = nodes.length === 1 ? nodes[0]! : undefined;
  if (only?.kind !== 'output' || only.start !== 0 || only.end !== text.length) {
    return renderNodes(text, nodes, scope, budget);
  }
  return blaming(text, only, () => {
    const value = evaluate(only.expression, scope, budget) as JsonValue;
    const json = jsonText(value);
    if (json === undefined) throw new TemplateFault('the value is nested too deeply', only.start);
    spendBytes(budget, Buffer.byteLength(json), only.start);
    return value;
  });
}

function blaming<T>(text: string, span: Span, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof TemplateFault) throw new RenderFault(templateError(text, span, error));
    throw error;
  }
}
