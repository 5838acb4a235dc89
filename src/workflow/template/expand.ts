import type { Node, OutputNode, RangeNode, Span } from './ast.ts';
import { TemplateFault } from './errors.ts';
import { type Budget, evaluate, type Scope, spend } from './evaluate.ts';
import { describeType, isTrue } from './value.ts';

/** Takes what remains of a template once its `if` and `range` are decided, in order. */
export interface Sink {
  text(value: string, start: number): void;
  output(node: OutputNode, scope: Scope): void;
}

/** A fault in a condition or a list, with the action that it stands in. */
export class BlockFault extends Error {
  override readonly name = 'BlockFault';
  readonly span: Span;
  readonly fault: TemplateFault;

  constructor(span: Span, fault: TemplateFault) {
    super(fault.message);
    this.span = span;
    this.fault = fault;
  }
}

/** Decides every `if` and `range` of the nodes. Throws a BlockFault for one that cannot be decided. */
export function expand(nodes: readonly Node[], scope: Scope, budget: Budget, sink: Sink): void {
  for (const node of nodes) {
    switch (node.kind) {
      case 'text':
        sink.text(node.value, node.start);
        break;
      case 'output':
        sink.output(node, scope);
        break;
      case 'if': {
        const taken = node.branches.find(branch =>
          inBlock(branch, () => isTrue(evaluate(branch.condition, scope, budget))),
        );
        expand(taken?.body ?? node.otherwise, scope, budget, sink);
        break;
      }
      case 'range':
        expandRange(node, scope, budget, sink);
    }
  }
}

function expandRange(node: RangeNode, scope: Scope, budget: Budget, sink: Sink): void {
  const list = inBlock(node, () => listOf(node, evaluate(node.list, scope, budget)));
  if (list.length === 0) expand(node.otherwise, scope, budget, sink);
  for (const [index, element] of list.entries()) {
    inBlock(node, () => spend(budget, node.start));
    const variables = new Map(scope.variables);
    if (node.index !== undefined) variables.set(node.index, index);
    if (node.element !== undefined) variables.set(node.element, element);
    expand(node.body, { root: scope.root, element, variables }, budget, sink);
  }
}

function listOf(node: RangeNode, value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  if (value === null) return [];
  throw new TemplateFault(
    `range needs a list, got ${describeType(value)}; | split "," makes one of a text`,
    node.list.at,
  );
}

function inBlock<T>(span: Span, decide: () => T): T {
  try {
    return decide();
  } catch (error) {
    if (error instanceof TemplateFault) throw new BlockFault(span, error);
    throw error;
  }
}
