import { type CelInput, type CelResult, celEnv, isCelError, parse, plan } from '@bufbuild/cel';
import { type Expression, findUnknown, isTooDeep, joinHyphens } from './cel/ast.ts';
import { FUNCTIONS } from './cel/functions.ts';
import { explainEvaluation, explainSyntax, explainUnknown, TOO_DEEP } from './cel/messages.ts';
import { fromCel, toCel } from './cel/values.ts';
import { type CelVariables, checkVariables, FILTER_VARIABLES, IF_VARIABLES } from './cel/variables.ts';
import type { ExpressionScope } from './checks/expressions.ts';
import type { JsonValue } from './types.ts';

/**
 * CEL for filters and conditions. Only this file and the folder `cel/` load the library (26 MiB): import it where
 * expressions are evaluated, and nowhere else. Nothing here bounds time: evaluate what users wrote by `src/evaluator`.
 */

/** UTF-8 bytes of one expression. */
export const MAX_EXPRESSION_BYTES = 4_096;

export type CelOutcome = { ok: true; value: JsonValue } | { ok: false; message: string };

type Compiled =
  | { ok: true; expression: Expression; run: (bindings: Bindings) => CelResult }
  | { ok: false; message: string };
type Bindings = Record<string, CelInput>;
type Bound = { ok: true; bindings: Bindings } | { ok: false; message: string };

const ENVIRONMENT = celEnv({ funcs: FUNCTIONS });

/**
 * What is wrong with an expression, for its author; undefined when it compiles. A leading dot (`.inputs.bump`) is
 * accepted.
 */
export function checkCel(expression: string, scope: ExpressionScope = 'if'): string | undefined {
  const compiled = compile(expression, scope);
  return compiled.ok ? undefined : compiled.message;
}

/** The value of an expression, or what went wrong. Never throws. */
export function evaluateCel(expression: string, variables: CelVariables): CelOutcome {
  return bindCel(variables)(expression);
}

/** Converts the variables once, for many expressions over them. The function that it returns never throws. */
export function bindCel(variables: CelVariables): (expression: string) => CelOutcome {
  const bound = bind(variables);
  return expression => {
    if (!bound.ok) return bound;
    const compiled = compile(expression, 'if');
    return compiled.ok ? evaluate(compiled, bound.bindings) : compiled;
  };
}

function compile(text: string, scope: ExpressionScope): Compiled {
  const bytes = Buffer.byteLength(text);
  if (bytes > MAX_EXPRESSION_BYTES) {
    return { ok: false, message: `the expression has ${bytes} bytes, at most ${MAX_EXPRESSION_BYTES} are allowed` };
  }
  if (text.trim() === '') return { ok: false, message: 'expected a CEL expression, got ""' };
  try {
    const { expr: expression } = parse(text);
    if (isTooDeep(expression)) return { ok: false, message: TOO_DEEP };
    const variables: readonly string[] = scope === 'filter' ? FILTER_VARIABLES : IF_VARIABLES;
    joinHyphens(expression, new Set(variables));
    const unknown = findUnknown(expression, new Set(variables), ENVIRONMENT.funcs);
    if (unknown !== undefined) return { ok: false, message: explainUnknown(unknown, variables, functionNames()) };
    return { ok: true, expression, run: plan(ENVIRONMENT, expression) };
  } catch (error) {
    return { ok: false, message: explainSyntax(error) };
  }
}

function functionNames(): string[] {
  const names = Array.from(ENVIRONMENT.funcs, ({ name }) => name).filter(name => /^[a-z]/i.test(name));
  return [...new Set(names)].sort();
}

function bind(variables: CelVariables): Bound {
  try {
    const tooLarge = checkVariables(variables);
    if (tooLarge !== undefined) return { ok: false, message: tooLarge };
    // The library reads members by name: without a prototype there is nothing but the variables.
    const bindings: Bindings = Object.create(null);
    for (const name of IF_VARIABLES) {
      if (variables[name] !== undefined) bindings[name] = toCel(variables[name]);
    }
    return { ok: true, bindings };
  } catch (error) {
    return { ok: false, message: error instanceof Error ? error.message : String(error) };
  }
}

function evaluate(compiled: Extract<Compiled, { ok: true }>, bindings: Bindings): CelOutcome {
  try {
    const result = compiled.run(bindings);
    if (isCelError(result)) return { ok: false, message: explainEvaluation(result, compiled.expression) };
    return { ok: true, value: fromCel(result) };
  } catch (error) {
    const message = error instanceof RangeError ? TOO_DEEP : String((error as Error).message);
    return { ok: false, message };
  }
}
