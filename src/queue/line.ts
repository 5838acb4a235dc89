import { createHeap, type Heap } from '../kube/heap.ts';

/** A tree of runs that wait. Turns are numbers of a clock that only counts: the tree that was served longest ago is next. */
export interface Tree {
  turn: number;
}

/** Where a run stands among those of its tree: older ones first. The key makes it the same after a restart. */
export interface Order {
  readonly createdMs: number;
  readonly key: string;
}

/** Something that waits in one line at a time. */
export interface Standing {
  readonly tree: Tree;
  /** Its oldest run; whoever changes it pushes it again. */
  head: Order;
  /** The line that it stands in. */
  line: Line<this> | undefined;
}

/** A line with turns: between trees round and round, within a tree by age. All calls are O(log n), amortised. */
export interface Line<T> {
  push(member: T): void;
  /** Who is next. Whoever stands elsewhere by now is not. */
  peek(): T | undefined;
}

export function isBefore(one: Order, other: Order): boolean {
  return one.createdMs === other.createdMs ? one.key < other.key : one.createdMs < other.createdMs;
}

/** Whether `one` is served before `other`, when both could be. */
export function hasTurnBefore(one: Pick<Standing, 'tree' | 'head'>, other: Pick<Standing, 'tree' | 'head'>): boolean {
  return one.tree === other.tree ? isBefore(one.head, other.head) : one.tree.turn < other.tree.turn;
}

interface Entry<T> {
  readonly member: T;
  readonly head: Order;
}

/**
 * Members that leave, and turns that pass elsewhere, leave outdated entries behind, which are dropped when they come to the front: nothing is
 * ever searched for.
 */
export function createLine<T extends Standing>(): Line<T> {
  const byTree = new Map<Tree, Heap<Entry<T>>>();
  const turns = createHeap<{ tree: Tree; turn: number }>((one, other) => one.turn < other.turn);
  const line: Line<T> = {
    push(member) {
      const { tree, head } = member;
      let members = byTree.get(tree);
      if (members === undefined) {
        members = createHeap((one, other) => isBefore(one.head, other.head));
        byTree.set(tree, members);
        turns.push({ tree, turn: tree.turn });
      }
      members.push({ member, head });
    },
    peek() {
      for (;;) {
        const next = turns.peek();
        if (next === undefined) return undefined;
        const first = firstStanding(byTree.get(next.tree));
        if (first !== undefined && next.turn === next.tree.turn) return first;
        turns.pop();
        if (first === undefined) byTree.delete(next.tree);
        else turns.push({ tree: next.tree, turn: next.tree.turn });
      }
    },
  };
  return line;

  function firstStanding(members: Heap<Entry<T>> | undefined): T | undefined {
    for (;;) {
      const entry = members?.peek();
      if (entry === undefined) return undefined;
      if (entry.member.line === line && entry.member.head === entry.head) return entry.member;
      members?.pop();
    }
  }
}
