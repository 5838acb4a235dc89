import type { OutputNode } from './ast.ts';
import { checkRoots } from './check.ts';
import { showExpression, templateError } from './errors.ts';
import { newBudget } from './evaluate.ts';
import { BlockFault } from './expand.ts';
import { parseTemplate } from './parse.ts';
import { ROOTS } from './paths.ts';
import type { Placement } from './placement/placement.ts';
import { REFUSALS, type Refusal } from './placement/refusals.ts';
import { hasForeignShebang, placeHoles } from './placement/script.ts';
import { positionOf } from './position.ts';
import { DEFAULT_MAX_BYTES, type RenderOptions, rootScope } from './render.ts';
import { emitScript, type HoleProblem, refusalFor } from './script-emit.ts';
import { expandScript, type Hole, type InputType, type ScriptSource } from './script-source.ts';
import { scriptVariants } from './script-variants.ts';
import { ShellSyntaxError } from './shell/cursor.ts';

/** Something that the author of a script has to change. Positions count from 1, in the script as written. */
export interface ScriptError {
  /** Position, expression, where it stands, why that is refused and what to write instead. */
  readonly message: string;
  readonly line: number;
  readonly column: number;
}
export type ScriptProblem = ScriptError;

export type ScriptResult =
  | {
      readonly ok: true;
      /** Assignments of variables that are not exported, to stand before the body; '' when there are none. */
      readonly prelude: string;
      readonly body: string;
    }
  | { readonly ok: false; readonly errors: ScriptError[] };

/**
 * Renders a POSIX shell script with templates. A value never becomes text of the script: it goes into a variable in the prelude, and the expression
 * becomes a reference to it, quoted as its place demands; validated numbers and booleans become literal text. A place where the shell
 * would take a value for code, a name or arithmetic is refused. `maxBytes` bounds prelude and body together. Never throws for what the
 * script or the scope holds.
 */
export function renderScript(
  source: string,
  scope: Readonly<Record<string, unknown>>,
  options: RenderOptions = {},
): ScriptResult {
  const { nodes, problems } = parseTemplate(source);
  if (problems.length > 0) {
    return {
      ok: false,
      errors: problems.map(problem => templateError(source, problem.span, problem)).map(toScriptError),
    };
  }
  const maxBytes = options.maxBytes ?? DEFAULT_MAX_BYTES;
  let script: ScriptSource;
  try {
    script = expandScript(nodes, rootScope(scope), newBudget(maxBytes));
  } catch (error) {
    if (!(error instanceof BlockFault)) throw error;
    return { ok: false, errors: [toScriptError(templateError(source, error.span, error.fault))] };
  }
  const placed = placeScript(script);
  if (placed.kind === 'misunderstood') return { ok: false, errors: [syntaxError(source, script, placed.error)] };
  const emitted = emitScript(source, script, placed.placements);
  if (emitted.problems.length > 0) {
    return { ok: false, errors: emitted.problems.map(problem => holeError(source, problem)) };
  }
  const bytes = Buffer.byteLength(emitted.prelude) + Buffer.byteLength(emitted.body);
  if (bytes > maxBytes) {
    const message = `1:1 the script has ${bytes} bytes with its values, at most ${maxBytes} are allowed; pass large values by files`;
    return { ok: false, errors: [{ message, line: 1, column: 1 }] };
  }
  return { ok: true, prelude: emitted.prelude, body: emitted.body };
}

export interface CheckScriptOptions {
  /** Types of the workflow's inputs: numbers and booleans may stand where text is refused. What is not in it gets the benefit of the doubt. */
  readonly inputTypes?: Readonly<Record<string, InputType>>;
}

/** What can be said about a script before there are values: the templates' problems, and values at places where they are refused. */
export function checkScript(source: string, options: CheckScriptOptions = {}): ScriptProblem[] {
  const { nodes, problems } = parseTemplate(source);
  if (problems.length > 0) {
    return problems.map(problem => templateError(source, problem.span, problem)).map(toScriptError);
  }
  const found = new Map<string, ScriptProblem>();
  const add = (problem: ScriptProblem) => found.set(problem.message, problem);
  const live = new Set<OutputNode>();
  const inComments = new Set<OutputNode>();
  for (const script of scriptVariants(nodes, options.inputTypes ?? {})) {
    const placed = placeScript(script);
    if (placed.kind === 'misunderstood') add(syntaxError(source, script, placed.error));
    else {
      for (const hole of script.holes) {
        const placement = placed.placements.get(hole.offset);
        const inert = placement?.kind === 'accepted' && placement.form.kind === 'comment';
        (inert ? inComments : live).add(hole.node);
        const refusal = refusalFor(hole, placement);
        if (refusal !== undefined) add(holeError(source, { hole, problem: { kind: 'refused', refusal } }));
      }
    }
  }
  const inert = [...inComments].filter(node => !live.has(node));
  for (const { message, offset } of checkRoots(source, nodes, ROOTS)) {
    if (inert.some(node => offset >= node.start && offset < node.end)) continue;
    const { line, column } = positionOf(source, offset);
    add({ message: `${line}:${column} ${message}`, line, column });
  }
  return [...found.values()].sort((a, b) => a.line - b.line || a.column - b.column);
}

type Placed =
  | { readonly kind: 'placed'; readonly placements: ReadonlyMap<number, Placement> }
  | { readonly kind: 'misunderstood'; readonly error: ShellSyntaxError };

/** A script without values is nobody's business but the shell's. */
function placeScript({ text, holes }: ScriptSource): Placed {
  if (holes.length === 0) return { kind: 'placed', placements: new Map() };
  if (hasForeignShebang(text)) return { kind: 'placed', placements: everywhere(holes, REFUSALS.shebang) };
  try {
    const offsets = holes.map(hole => hole.offset);
    return { kind: 'placed', placements: placeHoles(text, offsets, { inCode: false }) };
  } catch (error) {
    if (error instanceof ShellSyntaxError) return { kind: 'misunderstood', error };
    throw error;
  }
}

function everywhere(holes: readonly Hole[], refusal: Refusal): Map<number, Placement> {
  return new Map(holes.map(hole => [hole.offset, { kind: 'refused', refusal }]));
}

function holeError(source: string, { hole, problem }: HoleProblem): ScriptError {
  if (problem.kind === 'fault') return toScriptError(templateError(source, hole.node, problem.fault));
  const message =
    problem.kind === 'value' ? problem.message : describeRefusal(showExpression(source, hole.node), problem.refusal);
  return toScriptError(templateError(source, hole.node, { message, at: hole.node.start }));
}

function describeRefusal(expression: string, { where, why, instead, use = 'read $VALUE' }: Refusal): string {
  const value = expression.replace(/\s*\|\s*shell_quote(?=\s*-?\}\})/, '');
  const quote = value.includes("'") ? '"' : "'";
  const env = `pass it by the step's env: {VALUE: ${quote}${value}${quote}} and ${use}`;
  return `a value cannot stand ${where}: ${why}; ${instead === undefined ? env : `${instead}; or ${env}`}`;
}

function syntaxError(source: string, script: ScriptSource, error: ShellSyntaxError): ScriptError {
  const { line, column } = positionOf(source, script.originOf(error.at));
  const message = `${line}:${column} where the values of this script stand is not clear: ${error.message}`;
  return { message, line, column };
}

function toScriptError({ message, line, column }: ScriptError): ScriptError {
  return { message, line, column };
}
