import { suggestion } from '../nearest.ts';
import type { Expression, Node, PathExpression, Span } from './ast.ts';
import { showExpression, type TemplateProblem } from './errors.ts';
import { parseTemplate } from './parse.ts';
import { ROOTS } from './paths.ts';

export interface CheckOptions {
  /** What a path may begin with. Default: {@link ROOTS}. */
  readonly roots?: readonly string[];
}

/** What can be said about a text with templates before any value is known: syntax, unknown pipes, wrong numbers of arguments, unknown roots. */
export function checkTemplate(text: string, options: CheckOptions = {}): TemplateProblem[] {
  const { nodes, problems } = parseTemplate(text);
  const found: TemplateProblem[] = problems.map(({ message, span, at }) => ({
    message: `${showExpression(text, span)}: ${message}`,
    offset: at,
  }));
  return [...found, ...checkRoots(text, nodes, options.roots ?? ROOTS)].sort((a, b) => a.offset - b.offset);
}

/** Every path that a text reads from the root, in the first spelling; [] for a text with a syntax error. Ranges' elements are not followed. */
export function referencedPaths(text: string): string[][] {
  const { nodes, problems } = parseTemplate(text);
  if (problems.length > 0) return [];
  const seen = new Map<string, string[]>();
  for (const { path } of rootPaths(nodes)) seen.set(path.segments.join('.'), [...path.segments]);
  return [...seen.values()];
}

/** Where secrets are instead: a rendered text would be in arguments, outputs and logs. */
const SECRETS =
  ": templates cannot name secrets; list the secret under the workflow's secrets, give it to the step by env (TOKEN: NAME), and read $TOKEN in the script";

/** Paths that begin with a name that no scope has. */
export function checkRoots(text: string, nodes: readonly Node[], roots: readonly string[]): TemplateProblem[] {
  const problems: TemplateProblem[] = [];
  for (const { path, span } of rootPaths(nodes)) {
    const [first] = path.segments;
    if (first === undefined || roots.includes(first)) continue;
    const meant = first === 'secrets' ? SECRETS : suggestion(first, roots);
    const message = `${showExpression(text, span)}: there is no .${first}${meant}`;
    problems.push({ message, offset: path.at });
  }
  return problems;
}

function* rootPaths(nodes: readonly Node[]): Generator<{ path: PathExpression; span: Span }> {
  for (const { expression, span } of expressionsOf(nodes)) {
    for (const path of pathsIn(expression)) if (path.base.kind === 'root') yield { path, span };
  }
}

function* expressionsOf(nodes: readonly Node[]): Generator<{ expression: Expression; span: Span }> {
  for (const node of nodes) {
    switch (node.kind) {
      case 'text':
        break;
      case 'output':
        yield { expression: node.expression, span: node };
        break;
      case 'if':
        for (const branch of node.branches) {
          yield { expression: branch.condition, span: branch };
          yield* expressionsOf(branch.body);
        }
        yield* expressionsOf(node.otherwise);
        break;
      case 'range':
        yield { expression: node.list, span: node };
        yield* expressionsOf(node.body);
        yield* expressionsOf(node.otherwise);
    }
  }
}

function* pathsIn(expression: Expression): Generator<PathExpression> {
  switch (expression.kind) {
    case 'literal':
      break;
    case 'path':
      yield expression;
      break;
    case 'call':
      yield* pathsIn(expression.subject);
      for (const arg of expression.args) yield* pathsIn(arg);
      break;
    case 'compare':
      yield* pathsIn(expression.left);
      yield* pathsIn(expression.right);
  }
}
