import { createHeap, type Heap } from '../kube/heap.ts';
import {
  type Changes,
  createFanOut,
  createSpace,
  type FanOut,
  fanOutGate,
  type Gate,
  type Lane,
  type Run,
  repositoryGate,
  type Space,
  waitingGate,
} from './gates.ts';
import { isBefore } from './line.ts';
import type { QueueLimits, Ticket } from './types.ts';

export interface LaneWithRuns extends Lane {
  readonly runs: Heap<Run>;
}

/** What the runs of the queue belong to, by name. Trees, fan-outs and repositories are kept while they have members, lanes while somebody waits. */
export interface Registry {
  readonly spaces: ReadonlyMap<string, Space>;
  readonly fanOuts: ReadonlyMap<string, FanOut>;
  /** The lane of a ticket, with the limits that it brings; not kept yet when it is a new one. */
  laneOf(ticket: Ticket): LaneWithRuns;
  keep(lane: LaneWithRuns): void;
  drop(lane: LaneWithRuns): void;
  /** A run becomes a member of all that it belongs to; gives its lane. */
  join(ticket: Ticket): LaneWithRuns;
  quit(ticket: Ticket, lane: Lane): void;
  waitingGateOf(space: Space, depth: number): Gate;
  limitRepository(namespace: string, name: string, limit: number): void;
  /** A new limit that came with a ticket. */
  setLimit(of: Gate, limit: number): void;
  /** Nothing below this run starts any more, or all of it may again. */
  suspend(uid: string, isSuspended: boolean): void;
  /** The number of the next turn, each higher than the one before. */
  nextTurn(): number;
}

export function createRegistry(limits: QueueLimits, changes: Pick<Changes, 'gates'>): Registry {
  const trees = new Map<string, Lane['tree']>();
  const lanes = new Map<string, LaneWithRuns>();
  const fanOuts = new Map<string, FanOut>();
  const repositories = new Map<string, Gate>();
  const spaces = new Map<string, Space>();
  const suspended = new Set<string>();
  let turn = 0;

  function laneOf(ticket: Ticket): LaneWithRuns {
    const { namespace, repository, keepsPod, depth } = ticket;
    const fanOut = fanOutOf(ticket);
    const id = `${fanOut.id} ${namespace}/${repository} ${keepsPod}`;
    const found = lanes.get(id);
    if (found !== undefined) return found;
    const space = known(spaces, namespace, () => createSpace(namespace));
    const ofRepository = repositoryOf(ticket);
    const part = known(fanOut.parts, namespace, () => fanOutGate(fanOut));
    const gates = [fanOut.suspension, part, ofRepository];
    if (keepsPod) gates.push(waitingGateOf(space, depth));
    return {
      id,
      tree: known(trees, ticket.root, () => ({ turn: nextTurn(), members: 0 })),
      space,
      fanOut,
      repository: ofRepository,
      part,
      gates,
      keepsPod,
      depth,
      size: 0,
      head: ticket,
      line: undefined,
      runs: createHeap<Run>(isBefore),
    };
  }

  function fanOutOf(ticket: Ticket): FanOut {
    const found = known(fanOuts, ticket.above[0] ?? ticket.root, () => createFanOut(ticket, suspended));
    found.limit = ticket.fanOutLimit;
    return found;
  }

  function repositoryOf({ namespace, repository, repositoryLimit }: Ticket): Gate {
    const found = known(repositories, `${namespace}/${repository}`, () => repositoryGate(repositoryLimit));
    setLimit(found, repositoryLimit);
    return found;
  }

  function setLimit(of: Gate, limit: number): void {
    if (of.limit === limit) return;
    of.limit = limit;
    changes.gates.add(of);
  }

  function waitingGateOf(space: Space, depth: number): Gate {
    return known(space.waitingGates, depth, () => waitingGate(space, depth, limits));
  }

  function nextTurn(): number {
    turn += 1;
    return turn;
  }

  return {
    spaces,
    fanOuts,
    laneOf,
    keep: lane => void lanes.set(lane.id, lane),
    drop: lane => void lanes.delete(lane.id),
    join(ticket) {
      const lane = laneOf(ticket);
      for (const group of [lane.tree, lane.fanOut, lane.repository]) group.members += 1;
      return lane;
    },
    quit(ticket, { tree, fanOut, repository }) {
      if (--tree.members === 0) trees.delete(ticket.root);
      if (--fanOut.members === 0) fanOuts.delete(fanOut.id);
      if (--repository.members === 0) repositories.delete(`${ticket.namespace}/${ticket.repository}`);
    },
    waitingGateOf,
    setLimit,
    suspend(uid, isSuspended) {
      if (suspended.has(uid) === isSuspended) return;
      if (isSuspended) {
        suspended.add(uid);
        return;
      }
      suspended.delete(uid);
      for (const { above, suspension } of fanOuts.values()) if (above.includes(uid)) changes.gates.add(suspension);
    },
    limitRepository(namespace, name, limit) {
      const found = repositories.get(`${namespace}/${name}`);
      if (found !== undefined) setLimit(found, limit);
    },
    nextTurn,
  };
}

function known<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let found = map.get(key);
  if (found === undefined) {
    found = make();
    map.set(key, found);
  }
  return found;
}
