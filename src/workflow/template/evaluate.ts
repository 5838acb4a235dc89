import { suggestion } from '../nearest.ts';
import type { CallExpression, CompareExpression, Expression, PathExpression } from './ast.ts';
import { TemplateFault } from './errors.ts';
import { isForbidden, showPath } from './paths.ts';
import { findPipe } from './pipes.ts';
import { describeType, member, memberNames, scalarsEqual, scalarText, typeOf } from './value.ts';

/** What an expression can see. */
export interface Scope {
  readonly root: Readonly<Record<string, unknown>>;
  /** The element of the innermost `range`. */
  readonly element?: unknown;
  /** Variables of the ranges around, by name without `$`. */
  readonly variables: ReadonlyMap<string, unknown>;
}

/** Keeps rendering finite. Shared by everything that is rendered together. */
export interface Budget {
  /** Bound of the whole output, UTF-8 bytes. */
  readonly maxBytes: number;
  /** Of those, what is left. */
  bytes: number;
  /** Expressions and iterations that are left. */
  operations: number;
}

/** Evaluated expressions and iterations of one text. Far above any real file, far below a noticeable pause. */
const MAX_OPERATIONS = 200_000;

export function newBudget(maxBytes: number): Budget {
  return { maxBytes, bytes: maxBytes, operations: MAX_OPERATIONS };
}

/** Counts a piece of output. */
export function spendBytes(budget: Budget, bytes: number, at: number): void {
  budget.bytes -= bytes;
  if (budget.bytes < 0) throw new TemplateFault(`the result is longer than ${budget.maxBytes} bytes`, at);
}

/** Counts an evaluated expression or an iteration. */
export function spend(budget: Budget, at: number): void {
  budget.operations--;
  if (budget.operations < 0) throw new TemplateFault(`the template does more than ${MAX_OPERATIONS} operations`, at);
}

type Result =
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'missing'; readonly fault: TemplateFault };

/** The value of an expression: JSON. Throws a TemplateFault when there is none. */
export function evaluate(expression: Expression, scope: Scope, budget: Budget): unknown {
  const result = resolve(expression, scope, budget);
  if (result.kind === 'missing') throw result.fault;
  return result.value;
}

/** The value of an expression as text. */
export function evaluateText(expression: Expression, scope: Scope, budget: Budget): string {
  return textOf(evaluate(expression, scope, budget), expression.at);
}

/** What a value becomes in a text. Null, lists and objects are refused: whoever wants their JSON says so. */
export function textOf(value: unknown, at: number): string {
  const text = scalarText(value);
  if (text !== undefined) return text;
  switch (typeOf(value)) {
    case 'null':
      throw new TemplateFault('the value is null; write | default "..." or | toJson', at);
    case 'list':
      throw new TemplateFault('a list has no text; write | join " ", | toJson, or {{ range }}', at);
    default:
      throw new TemplateFault('an object has no text; write | toJson, or name one of its fields', at);
  }
}

function resolve(expression: Expression, scope: Scope, budget: Budget): Result {
  spend(budget, expression.at);
  switch (expression.kind) {
    case 'literal':
      return { kind: 'value', value: expression.value };
    case 'path':
      return resolvePath(expression, scope);
    case 'call':
      return call(expression, scope, budget);
    case 'compare':
      return { kind: 'value', value: compare(expression, scope, budget) };
  }
}

function call(expression: CallExpression, scope: Scope, budget: Budget): Result {
  const pipe = findPipe(expression.name)!;
  const subject = resolve(expression.subject, scope, budget);
  if (subject.kind === 'missing' && expression.name !== 'default') return subject;
  const args = expression.args.map(arg => evaluate(arg, scope, budget));
  const context = { name: expression.name, at: expression.at, maxLength: budget.maxBytes };
  const value = pipe.apply(subject.kind === 'missing' ? undefined : subject.value, args, context);
  if (typeOf(value) === undefined) {
    return {
      kind: 'missing',
      fault: new TemplateFault(`${expression.name} of an empty list is nothing`, expression.at),
    };
  }
  if (typeof value === 'string' && value.length > budget.maxBytes) {
    throw new TemplateFault(`${expression.name} makes more than ${budget.maxBytes} characters`, expression.at);
  }
  return { kind: 'value', value };
}

function compare(expression: CompareExpression, scope: Scope, budget: Budget): boolean {
  const left = evaluate(expression.left, scope, budget);
  const right = evaluate(expression.right, scope, budget);
  const equal = scalarsEqual(left, right);
  if (equal === undefined) {
    const both = `${describeType(left)} and ${describeType(right)}`;
    throw new TemplateFault(
      `${both} cannot be compared; compare a field or an element, or the | toJson of both`,
      expression.at,
    );
  }
  return equal !== expression.negated;
}

function resolvePath(path: PathExpression, scope: Scope): Result {
  const { base, segments } = path;
  let value: unknown = baseOf(path, scope);
  for (const [index, segment] of segments.entries()) {
    const next = isForbidden(segment) ? undefined : member(value, segment);
    if (typeOf(next) === undefined) {
      return { kind: 'missing', fault: missing(path, index, value, scope) };
    }
    value = next;
  }
  if (typeOf(value) === undefined) {
    const name = base.kind === 'variable' ? `$${base.name}` : 'the element';
    return { kind: 'missing', fault: new TemplateFault(`${name} has no value`, path.at) };
  }
  return { kind: 'value', value };
}

function baseOf({ base }: PathExpression, scope: Scope): unknown {
  switch (base.kind) {
    case 'root':
      return scope.root;
    case 'element':
      return scope.element;
    case 'variable':
      return scope.variables.get(base.name);
  }
}

function missing({ base, segments, at }: PathExpression, index: number, parent: unknown, scope: Scope): TemplateFault {
  const written = writtenPath(base, segments.slice(0, index + 1));
  const segment = segments[index]!;
  if (base.kind === 'element' && index === 0 && member(scope.root, segment) !== undefined) {
    return new TemplateFault(
      `in a range the dot is the element, which has no "${segment}"; from the root it is $${showPath(segments)}`,
      at,
    );
  }
  if (typeOf(parent) === 'list') {
    return new TemplateFault(
      `there is no ${written}; the list has ${(parent as unknown[]).length} elements, counted from 0`,
      at,
    );
  }
  if (typeOf(parent) !== 'object') {
    const of = index === 0 ? 'the element' : writtenPath(base, segments.slice(0, index));
    return new TemplateFault(`there is no ${written}; ${of} is ${describeType(parent)}`, at);
  }
  const names = memberNames(parent);
  const hint = names.length === 0 ? '; nothing is there' : suggestion(segment, names);
  return new TemplateFault(`there is no ${written}${hint}`, at);
}

function writtenPath(base: PathExpression['base'], segments: readonly string[]): string {
  return base.kind === 'variable' ? `$${base.name}${showPath(segments)}` : showPath(segments);
}
