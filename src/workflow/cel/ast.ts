import type { CelEnv, parse } from '@bufbuild/cel';

/** A node of a parsed expression. */
export type Expression = ReturnType<typeof parse>['expr'];

/** Names that stand for types. */
const TYPE_NAMES = new Set([
  'bool',
  'bytes',
  'double',
  'google',
  'int',
  'list',
  'map',
  'null_type',
  'string',
  'type',
  'uint',
]);

/** Calls that the evaluator knows by itself. */
const BUILT_IN = new Set(['_&&_', '_||_', '_?_:_', '_[_]', '@not_strictly_false', '__not_strictly_false__']);

/** A name that an expression uses and nobody defines. */
export interface Unknown {
  kind: 'variable' | 'function';
  name: string;
}

/** Expressions directly below an expression, with the variables that a macro (`exists`, `map`, ...) adds for them. */
function children(expression: Expression): { child: Expression; adds: string[] }[] {
  const { exprKind } = expression;
  const plain = (...list: (Expression | undefined)[]) =>
    list.flatMap(child => (child ? [{ child, adds: [] as string[] }] : []));
  switch (exprKind.case) {
    case 'selectExpr':
      return plain(exprKind.value.operand);
    case 'callExpr':
      return plain(exprKind.value.target, ...exprKind.value.args);
    case 'listExpr':
      return plain(...exprKind.value.elements);
    case 'structExpr':
      return exprKind.value.entries.flatMap(({ keyKind, value }) =>
        plain(keyKind.case === 'mapKey' ? keyKind.value : undefined, value),
      );
    case 'comprehensionExpr': {
      const { iterRange, accuInit, loopCondition, loopStep, result, iterVar, accuVar } = exprKind.value;
      const inside = [iterVar, accuVar];
      return [
        ...plain(iterRange, accuInit),
        ...plain(loopCondition, loopStep, result).map(({ child }) => ({ child, adds: inside })),
      ];
    }
    default:
      return [];
  }
}

/** Levels of an expression: the planner and the evaluator recurse, and take time that grows faster than the depth. */
const MAX_EXPRESSION_DEPTH = 100;

/** Whether an expression has more levels than `MAX_EXPRESSION_DEPTH`. */
export function isTooDeep(expression: Expression, level = 1): boolean {
  return level > MAX_EXPRESSION_DEPTH || children(expression).some(({ child }) => isTooDeep(child, level + 1));
}

/** The first name without a meaning; undefined when all have one. */
export function findUnknown(
  expression: Expression,
  variables: ReadonlySet<string>,
  functions: CelEnv['funcs'],
): Unknown | undefined {
  const { exprKind } = expression;
  if (exprKind.case === 'identExpr') {
    const { name } = exprKind.value;
    return variables.has(name) || TYPE_NAMES.has(name) ? undefined : { kind: 'variable', name };
  }
  if (exprKind.case === 'callExpr') {
    const { function: name, target, args } = exprKind.value;
    const qualified = target && qualifiedName(target);
    if (qualified !== undefined && functions.find(`${qualified}.${name}`) !== undefined) {
      return firstUnknown(
        args.map(child => ({ child, adds: [] })),
        variables,
        functions,
      );
    }
    if (!BUILT_IN.has(name) && functions.find(name) === undefined) {
      const root = target && rootOf(target).exprKind;
      const namespace = root?.case === 'identExpr' && !variables.has(root.value.name) ? qualified : undefined;
      return { kind: 'function', name: namespace === undefined ? name : `${namespace}.${name}` };
    }
  }
  return firstUnknown(children(expression), variables, functions);
}

function firstUnknown(
  parts: ReturnType<typeof children>,
  variables: ReadonlySet<string>,
  functions: CelEnv['funcs'],
): Unknown | undefined {
  for (const { child, adds } of parts) {
    const inner = adds.length === 0 ? variables : new Set([...variables, ...adds]);
    const unknown = findUnknown(child, inner, functions);
    if (unknown !== undefined) return unknown;
  }
  return undefined;
}

function qualifiedName({ exprKind }: Expression): string | undefined {
  if (exprKind.case === 'identExpr') return exprKind.value.name;
  if (exprKind.case !== 'selectExpr' || exprKind.value.testOnly || exprKind.value.operand === undefined)
    return undefined;
  const parent = qualifiedName(exprKind.value.operand);
  return parent === undefined ? undefined : `${parent}.${exprKind.value.field}`;
}

/** `a` of `a.b[0].c()`. */
function rootOf(expression: Expression): Expression {
  const { exprKind } = expression;
  if (exprKind.case === 'selectExpr' && exprKind.value.operand !== undefined) return rootOf(exprKind.value.operand);
  if (exprKind.case !== 'callExpr') return expression;
  const { target, args, function: name } = exprKind.value;
  const operand = name === '_[_]' ? args[0] : target;
  return operand === undefined ? expression : rootOf(operand);
}

/** What stands directly before the end of an expression: `c.d` of `!c.d` and of `2 * c.d`. */
function lastOperand(expression: Expression): Expression {
  const { exprKind } = expression;
  const operators = ['!_', '-_', '_+_', '_-_', '_*_', '_/_', '_%_'];
  if (exprKind.case !== 'callExpr' || !operators.includes(exprKind.value.function)) return expression;
  const last = exprKind.value.args.at(-1);
  return last === undefined ? expression : lastOperand(last);
}

/**
 * Names of inputs and steps may have hyphens, which CEL reads as minus: `inputs.version-bump` is `inputs.version -
 * bump`. Where what follows the minus is a name that nobody defines, the subtraction could only fail, so the hyphen
 * belongs to the name, and the expression is changed (in place) to say so. Whatever could be a subtraction stays one.
 */
export function joinHyphens(expression: Expression, variables: ReadonlySet<string>): void {
  for (const { child, adds } of children(expression)) {
    joinHyphens(child, adds.length === 0 ? variables : new Set([...variables, ...adds]));
  }
  const { exprKind } = expression;
  if (exprKind.case !== 'callExpr' || exprKind.value.function !== '_-_') return;
  const [left, right] = exprKind.value.args;
  if (left === undefined || right === undefined) return;
  const before = lastOperand(left);
  const after = rootOf(right);
  if (before.exprKind.case !== 'selectExpr' || before.exprKind.value.testOnly || after.exprKind.case !== 'identExpr')
    return;
  const name = after.exprKind.value.name;
  if (variables.has(name) || TYPE_NAMES.has(name)) return;
  const select = before.exprKind.value;
  after.exprKind = { case: 'selectExpr', value: { ...select, field: `${select.field}-${name}` } };
  before.exprKind = right.exprKind;
  expression.exprKind = left.exprKind;
}

/** The node with that id. */
export function findById(expression: Expression, id: bigint): Expression | undefined {
  if (expression.id === id) return expression;
  for (const { child } of children(expression)) {
    const found = findById(child, id);
    if (found !== undefined) return found;
  }
  return undefined;
}
