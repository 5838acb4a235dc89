import type { IfNode, Node, RangeNode } from './ast.ts';
import { type InputType, type ScriptSource, SourceBuilder, unknownValue } from './script-source.ts';

/** Checked ways through a script; a script with more conditions is checked again when it runs. */
const MAX_VARIANTS = 64;
/** Text of one variant, UTF-16 units. */
const MAX_LENGTH = 1024 * 1024;

/** A branch to take: by number, `branches.length` for the else. For a range, 0 is one turn and 1 is none. */
type Choices = ReadonlyMap<IfNode | RangeNode, number>;

/**
 * What a script can become, whatever its values are: each branch of each `if` is taken at least once, together with the ones around it,
 * and conditions that are written alike go the same way.
 */
export function scriptVariants(
  nodes: readonly Node[],
  inputTypes: Readonly<Record<string, InputType>>,
): ScriptSource[] {
  const variants = new Map<string, ScriptSource>();
  for (const choices of listChoices(nodes)) {
    const builder = new SourceBuilder();
    build(nodes, choices, builder, inputTypes, { left: MAX_LENGTH });
    const variant = builder.build();
    // The same text can come from other branches.
    variants.set(
      `${variant.originOf(0)}:${variant.holes.map(hole => hole.node.start).join()}:${variant.text}`,
      variant,
    );
    if (variants.size >= MAX_VARIANTS) break;
  }
  return [...variants.values()];
}

function* listChoices(nodes: readonly Node[]): Generator<Choices> {
  yield new Map();
  const blocks: { block: IfNode | RangeNode; around: Choices }[] = [];
  collect(nodes, new Map(), blocks);
  for (const { block, around } of blocks) {
    const last = block.kind === 'if' ? block.branches.length : 1;
    for (let choice = 1; choice <= last; choice++) {
      const choices = new Map(around);
      for (const other of blocks) if (isAlike(other.block, block)) choices.set(other.block, choice);
      yield choices;
    }
  }
}

function collect(
  nodes: readonly Node[],
  around: Choices,
  blocks: { block: IfNode | RangeNode; around: Choices }[],
): void {
  for (const node of nodes) {
    if (node.kind !== 'if' && node.kind !== 'range') continue;
    blocks.push({ block: node, around });
    const bodies = node.kind === 'if' ? node.branches.map(branch => branch.body) : [node.body];
    for (const [choice, body] of [...bodies, node.otherwise].entries()) {
      collect(body, new Map([...around, [node, choice]]), blocks);
    }
  }
}

function isAlike(a: IfNode | RangeNode, b: IfNode | RangeNode): boolean {
  return a === b || (a.kind === b.kind && conditions(a) === conditions(b));
}

function conditions(block: IfNode | RangeNode): string {
  const expressions = block.kind === 'if' ? block.branches.map(branch => branch.condition) : [block.list];
  return JSON.stringify(expressions, (key, value: unknown) => (key === 'at' ? undefined : value));
}

function build(
  nodes: readonly Node[],
  choices: Choices,
  builder: SourceBuilder,
  inputTypes: Readonly<Record<string, InputType>>,
  room: { left: number },
): void {
  for (const node of nodes) {
    if (room.left <= 0) return;
    switch (node.kind) {
      case 'text':
        room.left -= node.value.length;
        builder.text(node.value, node.start);
        break;
      case 'output':
        builder.output(node, () => unknownValue(node.expression, inputTypes));
        break;
      case 'if':
      case 'range': {
        const bodies = node.kind === 'if' ? node.branches.map(branch => branch.body) : [node.body];
        build(bodies[choices.get(node) ?? 0] ?? node.otherwise, choices, builder, inputTypes, room);
      }
    }
  }
}
