import type { Expression, Node, OutputNode } from './ast.ts';
import { TemplateFault } from './errors.ts';
import { type Budget, evaluate, type Scope, textOf } from './evaluate.ts';
import { expand } from './expand.ts';
import { findPipe } from './pipes.ts';
import { HOLE_CHARACTER } from './shell/cursor.ts';

/** A script whose `if` and `range` are decided; each value is one hole in it. */
export interface ScriptSource {
  /** With one character for each hole. */
  readonly text: string;
  /** In order of their offsets. */
  readonly holes: readonly Hole[];
  /** Where a place of `text` stands in the template. */
  readonly originOf: (offset: number) => number;
}

export interface Hole {
  /** In the script's text. */
  readonly offset: number;
  readonly node: OutputNode;
  readonly value: HoleValue;
}

export type HoleValue =
  /** Text that could hold anything. `quoted`: the same from `shell_quote`, when the expression ends in it. */
  | { readonly kind: 'text'; readonly text: string; readonly quoted?: string }
  /** A number or a boolean. */
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'fault'; readonly fault: TemplateFault }
  /** Before values are known: whether it may turn out to be a number or a boolean, and whether it comes from `shell_quote`. */
  | { readonly kind: 'unknown'; readonly maybeLiteral: boolean; readonly quoted: boolean };

/** Expands a script's nodes with values. A value that cannot be had is a fault of its hole: in a comment nobody needs it. Throws a BlockFault. */
export function expandScript(nodes: readonly Node[], scope: Scope, budget: Budget): ScriptSource {
  const builder = new SourceBuilder();
  expand(nodes, scope, budget, {
    text: (value, start) => builder.text(value, start),
    output: (node, at) => builder.output(node, () => holeValue(node.expression, at, budget)),
  });
  return builder.build();
}

/** Collects the text of a script, its holes, and where its pieces come from. */
export class SourceBuilder {
  readonly #chunks: string[] = [];
  readonly #holes: Hole[] = [];
  readonly #origins: { readonly offset: number; readonly origin: number }[] = [];
  #length = 0;

  text(value: string, start: number): void {
    this.#origins.push({ offset: this.#length, origin: start });
    this.#push(value);
  }

  output(node: OutputNode, value: () => HoleValue): void {
    this.#origins.push({ offset: this.#length, origin: node.start });
    const braces = bracesOf(node.expression);
    if (braces !== undefined) {
      this.#push(braces);
      return;
    }
    this.#holes.push({ offset: this.#length, node, value: value() });
    this.#push(HOLE_CHARACTER);
  }

  build(): ScriptSource {
    const origins = this.#origins;
    const originOf = (offset: number): number => {
      const piece = origins.findLast(candidate => candidate.offset <= offset);
      return piece === undefined ? 0 : piece.origin + offset - piece.offset;
    };
    return { text: this.#chunks.join(''), holes: this.#holes, originOf };
  }

  #push(chunk: string): void {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
  }
}

/** `{{ "{{" }}`: the way to write braces, part of the script's own text. */
function bracesOf(expression: Expression): string | undefined {
  if (expression.kind !== 'literal' || typeof expression.value !== 'string') return undefined;
  return /^[{}]+$/.test(expression.value) ? expression.value : undefined;
}

function holeValue(expression: Expression, scope: Scope, budget: Budget): HoleValue {
  try {
    if (expression.kind === 'call' && expression.name === 'shell_quote') {
      const text = textOf(evaluate(expression.subject, scope, budget), expression.subject.at);
      return { kind: 'text', text, quoted: evaluate(expression, scope, budget) as string };
    }
    const value = evaluate(expression, scope, budget);
    const text = textOf(value, expression.at);
    return typeof value === 'string' ? { kind: 'text', text } : { kind: 'literal', text };
  } catch (error) {
    if (error instanceof TemplateFault) return { kind: 'fault', fault: error };
    throw error;
  }
}

export type InputType = 'string' | 'number' | 'boolean';

/** What is known about an expression's value before there is one. */
export function unknownValue(expression: Expression, inputTypes: Readonly<Record<string, InputType>>): HoleValue {
  const quoted = expression.kind === 'call' && expression.name === 'shell_quote';
  return { kind: 'unknown', maybeLiteral: maybeLiteral(expression, inputTypes), quoted };
}

/** Roots below which everything is text. */
const TEXT_ROOTS: ReadonlySet<string> = new Set(['steps', 'outputs', 'env', 'trigger', 'artifacts']);

function maybeLiteral(expression: Expression, inputTypes: Readonly<Record<string, InputType>>): boolean {
  switch (expression.kind) {
    case 'literal':
      return typeof expression.value !== 'string';
    case 'compare':
      return true;
    case 'call':
      if (expression.name === 'default') {
        return [expression.subject, ...expression.args].some(part => maybeLiteral(part, inputTypes));
      }
      return findPipe(expression.name)!.result !== 'text';
    case 'path': {
      const [root, name] = expression.segments;
      if (expression.base.kind !== 'root' || root === undefined) return true;
      if (root !== 'inputs' || name === undefined) return !TEXT_ROOTS.has(root);
      return !Object.hasOwn(inputTypes, name) || inputTypes[name] !== 'string';
    }
  }
}
