import { createHeap, type Heap } from '../kube/heap.ts';
import {
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
import { hasTurnBefore, isBefore } from './line.ts';
import { positionOf, type QueueCount, waitingCounts } from './report.ts';
import type { Held, QueueLimits, Ticket } from './types.ts';

export interface Queue {
  /** Gives the run a place, or keeps it waiting and says why. Asking again changes neither its place nor its turn. */
  request(ticket: Ticket): Held | undefined;
  /** Counts a run that has a Pod, as found after a restart, whatever the limits say. */
  hold(ticket: Ticket): void;
  /** The run has its Pod for certain. */
  confirm(key: string): void;
  /** While a run waits for children its place is free; afterwards it counts again, beyond a limit if need be. */
  pause(key: string, paused: boolean): void;
  /** Takes a run's place, or its position in the queue, back. */
  release(key: string): void;
  /** A ResourceQuota refused the run's Pod: it waits again, and so do all of its namespace that have no Pod yet. */
  exceeded(key: string, message: string): void;
  /** Lets one run of a namespace try whether its quota has room again. */
  probe(namespace: string): void;
  /** Nothing below this run starts any more, or all of it may again. */
  suspend(uid: string, suspended: boolean): void;
  limitRepository(namespace: string, name: string, limit: number): void;
  held(key: string): Held | undefined;
  /** What the run asked with; undefined when it has neither place nor position. */
  ticket(key: string): Ticket | undefined;
  /** How many start before it, itself included, if nothing else changes; undefined when it does not wait. */
  position(key: string): number | undefined;
  counts(): QueueCount[];
  /** Runs that count against the limits, by namespace. */
  running(): ReadonlyMap<string, number>;
  /** Children of a parent that count against its limit. */
  runningOf(parentUid: string): number;
}

export interface QueueOptions {
  readonly limits: QueueLimits;
  /** A run that waited has a place now. Called last, when the queue may be used again. */
  readonly onGrant: (key: string) => void;
}

interface LaneWithRuns extends Lane {
  readonly runs: Heap<Run>;
}

/**
 * Who starts next, under limits at four levels at once: fan-out, repository, namespace, operator. Nothing waits that could run; trees take
 * turns, so that a big one does not hold up a small one; within a tree the oldest goes first. The Pods in the cluster are the truth: after a
 * restart `hold` is called for each of them first.
 *
 * A lane stands in one place: at the first gate that holds it, or, when only namespace or operator do, in the line of its namespace. What
 * ends opens gates, and only lanes behind those are looked at again.
 */
export function createQueue({ limits, onGrant }: QueueOptions): Queue {
  const runs = new Map<string, Run>();
  const trees = new Map<string, Lane['tree']>();
  const lanes = new Map<string, LaneWithRuns>();
  const fanOuts = new Map<string, FanOut>();
  const repositories = new Map<string, Gate>();
  const spaces = new Map<string, Space>();
  const suspended = new Set<string>();
  /** Gates that may have opened. */
  const unsettled = new Set<Gate>();
  /** Namespaces that may have somebody to start. */
  const candidates = new Set<Space>();
  const granted: string[] = [];
  let running = 0;
  let turn = 0;

  /** Looks at all that may have changed, until nothing more can start. The one that asks is not told: it gets the answer. */
  function settle(asking?: string): void {
    do {
      for (const open of unsettled) if (!promote(open)) unsettled.delete(open);
    } while (serveNext() || unsettled.size > 0);
    for (const key of granted.splice(0)) if (key !== asking) onGrant(key);
  }

  /** Lets the next lane go on that waits at this gate; false when there is none, or no room. */
  function promote(at: Gate): boolean {
    while (at.isOpen()) {
      const lane = at.parked.peek();
      if (lane === undefined) return false;
      if (place(lane)) return true;
    }
    return false;
  }

  /** Puts a lane where it belongs; whether that is the line of its namespace. */
  function place(lane: Lane): boolean {
    const closed = lane.gates.find(one => !one.isOpen());
    if (closed !== undefined) {
      stand(lane, closed.parked);
      return false;
    }
    for (const one of lane.gates) one.ready += 1;
    stand(lane, lane.space.ready);
    candidates.add(lane.space);
    return true;
  }

  /** Lets a lane with another head wait among those of its fan-out: an older one may have to go before it. */
  function lineUp(lane: Lane): void {
    stand(lane, lane.part.parked);
    unsettled.add(lane.part);
  }

  function stand(lane: Lane, line: Lane['line']): void {
    lane.line = line;
    line?.push(lane);
  }

  function leave(lane: Lane): void {
    if (lane.line === lane.space.ready) {
      for (const one of lane.gates) {
        one.ready -= 1;
        unsettled.add(one);
      }
    }
    lane.line = undefined;
  }

  /** Starts the run whose turn it is; false when nobody can. */
  function serveNext(): boolean {
    if (running >= limits.operator) return false;
    let next: Lane | undefined;
    for (const space of candidates) {
      const first = hasRoom(space) ? space.ready.peek() : undefined;
      if (first === undefined) candidates.delete(space);
      else if (next === undefined || hasTurnBefore(first, next)) next = first;
    }
    if (next === undefined) return false;
    const closed = next.gates.find(one => !one.hasRoom());
    leave(next);
    if (closed === undefined) start(next as LaneWithRuns);
    else stand(next, closed.parked);
    return true;
  }

  function hasRoom({ running: count, quota }: Space): boolean {
    return count < limits.namespace && (quota === undefined || (quota.mayProbe && quota.probing === undefined));
  }

  function start(lane: LaneWithRuns): void {
    const run = lane.head as Run;
    const { quota } = lane.space;
    if (quota !== undefined) {
      quota.mayProbe = false;
      quota.probing = run.key;
    }
    lane.size -= 1;
    lane.space.waiting -= 1;
    lane.tree.turn = ++turn;
    occupy(run, 'running');
    granted.push(run.key);
    advance(lane);
  }

  /** Finds the oldest that waits and puts the lane where it belongs now; drops it when nobody does. */
  function advance(lane: LaneWithRuns): void {
    for (let first = lane.runs.peek(); first !== undefined; first = lane.runs.peek()) {
      if (first.state === 'waiting' && first.lane === lane && runs.get(first.key) === first) {
        lane.head = first;
        lineUp(lane);
        return;
      }
      lane.runs.pop();
    }
    lanes.delete(lane.id);
  }

  function enqueue(run: Run): void {
    const lane = laneOf(run.ticket);
    run.state = 'waiting';
    run.lane = lane;
    lanes.set(lane.id, lane);
    lane.runs.push(run);
    lane.size += 1;
    lane.space.waiting += 1;
    if (lane.line !== undefined && !isBefore(run, lane.head)) return;
    leave(lane);
    lane.head = run;
    lineUp(lane);
  }

  function occupy(run: Run, state: 'running' | 'paused'): void {
    const { space, keepsPod, depth } = run.lane;
    run.state = state;
    if (!run.confirmed) space.starting.add(run);
    space.pods += 1;
    if (keepsPod) space.keeping.set(depth, (space.keeping.get(depth) ?? 0) + 1);
    // More Pods allow more of those that keep theirs while they wait.
    for (const one of space.waitingGates.values()) unsettled.add(one);
    if (state === 'running') count(run, 1);
  }

  function vacate(run: Run): void {
    const { space, keepsPod, depth } = run.lane;
    space.starting.delete(run);
    space.pods -= 1;
    if (keepsPod) {
      const left = (space.keeping.get(depth) ?? 1) - 1;
      if (left === 0) space.keeping.delete(depth);
      else space.keeping.set(depth, left);
      for (const one of space.waitingGates.values()) unsettled.add(one);
    }
    if (run.state === 'running') count(run, -1);
    if (space.quota !== undefined) {
      if (space.quota.probing === run.key) space.quota.probing = undefined;
      space.quota.mayProbe = true;
    }
    candidates.add(space);
  }

  function count({ lane }: Run, by: 1 | -1): void {
    const { space, repository, fanOut } = lane;
    running += by;
    space.running += by;
    repository.running += by;
    fanOut.running += by;
    if (by === 1) return;
    unsettled.add(repository);
    for (const part of fanOut.parts.values()) unsettled.add(part);
    candidates.add(space);
  }

  function enter(ticket: Ticket, confirmed = false): Run {
    const lane = laneOf(ticket);
    lane.tree.members += 1;
    lane.fanOut.members += 1;
    lane.repository.members += 1;
    const run: Run = { key: ticket.key, createdMs: ticket.createdMs, ticket, lane, state: 'waiting', confirmed };
    runs.set(ticket.key, run);
    return run;
  }

  function forget(run: Run): void {
    const { ticket, lane } = run;
    const { space, tree, fanOut, repository } = lane;
    runs.delete(ticket.key);
    if (run.state === 'waiting') {
      lane.size -= 1;
      space.waiting -= 1;
      if (lane.head === run) {
        leave(lane);
        advance(lane as LaneWithRuns);
      }
    } else vacate(run);
    if (--tree.members === 0) trees.delete(ticket.root);
    if (--fanOut.members === 0) fanOuts.delete(fanOut.id);
    if (--repository.members === 0) repositories.delete(`${ticket.namespace}/${ticket.repository}`);
    calm(space);
  }

  /** When nobody of a namespace waits any more, the next one need not be careful about its quota. */
  function calm(space: Space): void {
    if (space.quota?.probing === undefined && space.waiting === 0) space.quota = undefined;
  }

  function laneOf(ticket: Ticket): LaneWithRuns {
    const { namespace, repository, keepsPod, depth } = ticket;
    const fanOut = fanOutOf(ticket);
    const id = `${fanOut.id} ${namespace}/${repository} ${keepsPod}`;
    const known = lanes.get(id);
    if (known !== undefined) return known;
    const space = spaceOf(namespace);
    const ofRepository = repositoryOf(ticket);
    const part = partOf(fanOut, namespace);
    const gates = [fanOut.suspension, part, ofRepository];
    if (keepsPod) gates.push(waitingGateOf(space, depth));
    const lane: LaneWithRuns = {
      id,
      tree: treeOf(ticket.root),
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
    return lane;
  }

  function treeOf(root: string): Lane['tree'] {
    return known(trees, root, () => ({ turn: ++turn, members: 0 }));
  }

  function fanOutOf(ticket: Ticket): FanOut {
    const found = known(fanOuts, ticket.above[0] ?? ticket.root, () => createFanOut(ticket, suspended));
    found.limit = ticket.fanOutLimit;
    return found;
  }

  function partOf(fanOut: FanOut, namespace: string): Gate {
    return known(fanOut.parts, namespace, () => fanOutGate(fanOut));
  }

  function repositoryOf({ namespace, repository, repositoryLimit }: Ticket): Gate {
    const found = known(repositories, `${namespace}/${repository}`, () => repositoryGate(repositoryLimit));
    setLimit(found, repositoryLimit);
    return found;
  }

  function waitingGateOf(space: Space, depth: number): Gate {
    return known(space.waitingGates, depth, () => waitingGate(space, depth, limits));
  }

  function spaceOf(name: string): Space {
    return known(spaces, name, () => createSpace(name));
  }

  function setLimit(of: Gate, limit: number): void {
    if (of.limit === limit) return;
    of.limit = limit;
    unsettled.add(of);
  }

  function heldBy({ lane }: Run): Held {
    const closed = lane.gates.find(one => !one.hasRoom());
    if (closed !== undefined) return closed.held();
    const { quota, running: here } = lane.space;
    if (here >= limits.namespace) return { reason: 'NamespaceLimit', limit: limits.namespace };
    if (quota !== undefined) return { reason: 'QuotaExceeded', message: quota.message };
    return { reason: 'OperatorLimit', limit: limits.operator };
  }

  function held(key: string): Held | undefined {
    const run = runs.get(key);
    return run?.state === 'waiting' ? heldBy(run) : undefined;
  }

  function waitAgain(run: Run): void {
    vacate(run);
    enqueue(run);
  }

  /** A run turns out to keep its Pod while it waits, or not to: it keeps its place when that is allowed. */
  function exchange(run: Run, ticket: Ticket): void {
    const { space, depth } = run.lane;
    const mayStay = run.state === 'running' && (!ticket.keepsPod || waitingGateOf(space, depth).hasRoom());
    const isProbing = space.quota?.probing === run.key;
    forget(run);
    const next = enter(ticket, run.confirmed);
    if (!mayStay) {
      enqueue(next);
      return;
    }
    occupy(next, 'running');
    if (isProbing && space.quota !== undefined) space.quota = { ...space.quota, probing: run.key, mayProbe: false };
  }

  return {
    request(ticket) {
      const run = runs.get(ticket.key);
      if (run === undefined) enqueue(enter(ticket));
      else if (run.ticket.keepsPod !== ticket.keepsPod) exchange(run, ticket);
      else {
        run.ticket = ticket;
        setLimit(run.lane.repository, ticket.repositoryLimit);
      }
      settle(ticket.key);
      return held(ticket.key);
    },
    hold(ticket) {
      const known = runs.get(ticket.key);
      if (known !== undefined) forget(known);
      occupy(enter(ticket, true), 'running');
      settle();
    },
    confirm(key) {
      const run = runs.get(key);
      if (run === undefined || run.confirmed) return;
      const { space } = run.lane;
      if (run.state === 'waiting') {
        // Its Pod was under way when that of another one met the quota.
        forget(run);
        occupy(enter(run.ticket, true), 'running');
      } else {
        run.confirmed = true;
        space.starting.delete(run);
      }
      if (space.quota?.probing === key) {
        space.quota = { ...space.quota, probing: undefined, mayProbe: true };
        candidates.add(space);
      }
      calm(space);
      settle();
    },
    pause(key, paused) {
      const run = runs.get(key);
      if (run === undefined || run.state === 'waiting' || (run.state === 'paused') === paused) return;
      run.state = paused ? 'paused' : 'running';
      count(run, paused ? -1 : 1);
      settle();
    },
    release(key) {
      const run = runs.get(key);
      if (run === undefined) return;
      forget(run);
      settle();
    },
    exceeded(key, message) {
      const run = runs.get(key);
      if (run === undefined) return;
      const { space } = run.lane;
      if (run.state !== 'waiting') {
        run.confirmed = false;
        space.starting.add(run);
      }
      for (const other of [...space.starting]) waitAgain(other);
      space.quota = { message, mayProbe: false };
      settle();
    },
    probe(namespace) {
      const space = spaces.get(namespace);
      if (space?.quota === undefined) return;
      space.quota.mayProbe = true;
      candidates.add(space);
      settle();
    },
    suspend(uid, isSuspended) {
      if (suspended.has(uid) === isSuspended) return;
      if (isSuspended) {
        suspended.add(uid);
        return;
      }
      suspended.delete(uid);
      for (const { above, suspension } of fanOuts.values()) if (above.includes(uid)) unsettled.add(suspension);
      settle();
    },
    limitRepository(namespace, name, limit) {
      const found = repositories.get(`${namespace}/${name}`);
      if (found === undefined) return;
      setLimit(found, limit);
      settle();
    },
    held,
    ticket: key => runs.get(key)?.ticket,
    position: key => positionOf(key, runs, heldBy),
    counts: () => waitingCounts(runs.values(), heldBy),
    running: () =>
      new Map([...spaces.values()].filter(({ pods }) => pods > 0).map(space => [space.name, space.running])),
    runningOf: parentUid => fanOuts.get(parentUid)?.running ?? 0,
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
