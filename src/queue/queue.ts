import type { Changes, Lane, Run } from './gates.ts';
import { hasTurnBefore, isBefore } from './line.ts';
import { createPlaces } from './places.ts';
import { calm, letOneTry, succeeded, tryWith, usedUp } from './quota.ts';
import { createRegistry, type LaneWithRuns } from './registry.ts';
import { positionOf, type QueueCount, waitingCounts } from './report.ts';
import { leave, lineUp, park, promote } from './standing.ts';
import type { Held, QueueLimits, Ticket } from './types.ts';

export interface Queue {
  /** Gives the run a place, or keeps it waiting and says why. Asking again changes neither its place nor its turn. */
  request(ticket: Ticket): Held | undefined;
  /** Counts a run that has a Pod, as found after a restart, whatever the limits say. */
  hold(ticket: Ticket): void;
  /** The run has its Pod for certain. Says whether that is new. */
  confirm(key: string): boolean;
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
  const changes: Changes = { gates: new Set(), spaces: new Set() };
  const registry = createRegistry(limits, changes);
  const places = createPlaces(limits, changes);
  const granted: string[] = [];

  /** Looks at all that may have changed, until nothing more can start. The one that asks is not told: it gets the answer. */
  function settle(asking?: string): void {
    do {
      for (const open of changes.gates) if (!promote(open, changes)) changes.gates.delete(open);
    } while (serveNext() || changes.gates.size > 0);
    for (const key of granted.splice(0)) if (key !== asking) onGrant(key);
  }

  /** Starts the run whose turn it is; false when nobody can. */
  function serveNext(): boolean {
    if (places.isFull()) return false;
    let next: Lane | undefined;
    for (const space of changes.spaces) {
      const first = places.hasRoom(space) ? space.ready.peek() : undefined;
      if (first === undefined) changes.spaces.delete(space);
      else if (next === undefined || hasTurnBefore(first, next)) next = first;
    }
    if (next === undefined) return false;
    const closed = next.gates.find(one => !one.hasRoom());
    leave(next, changes);
    if (closed === undefined) start(next as LaneWithRuns);
    else park(next, closed);
    return true;
  }

  function start(lane: LaneWithRuns): void {
    const run = lane.head as Run;
    tryWith(lane.space, run.key);
    lane.size -= 1;
    lane.space.waiting -= 1;
    lane.tree.turn = registry.nextTurn();
    places.occupy(run);
    granted.push(run.key);
    advance(lane);
  }

  /** Finds the oldest that waits and puts the lane where it belongs now; drops it when nobody does. */
  function advance(lane: LaneWithRuns): void {
    for (let first = lane.runs.peek(); first !== undefined; first = lane.runs.peek()) {
      if (first.state === 'waiting' && first.lane === lane && runs.get(first.key) === first) {
        lane.head = first;
        lineUp(lane, changes);
        return;
      }
      lane.runs.pop();
    }
    registry.drop(lane);
  }

  function enqueue(run: Run): void {
    const lane = registry.laneOf(run.ticket);
    run.state = 'waiting';
    run.lane = lane;
    registry.keep(lane);
    lane.runs.push(run);
    lane.size += 1;
    lane.space.waiting += 1;
    if (lane.line !== undefined && !isBefore(run, lane.head)) return;
    leave(lane, changes);
    lane.head = run;
    lineUp(lane, changes);
  }

  function enter(ticket: Ticket, confirmed = false): Run {
    const { key, createdMs } = ticket;
    const run: Run = { key, createdMs, ticket, lane: registry.join(ticket), state: 'waiting', confirmed };
    runs.set(key, run);
    return run;
  }

  function forget(run: Run): void {
    const { ticket, lane } = run;
    const { space } = lane;
    runs.delete(ticket.key);
    if (run.state === 'waiting') {
      lane.size -= 1;
      space.waiting -= 1;
      if (lane.head === run) {
        leave(lane, changes);
        advance(lane as LaneWithRuns);
      }
    } else places.vacate(run);
    registry.quit(ticket, lane);
    calm(space);
  }

  function held(key: string): Held | undefined {
    const run = runs.get(key);
    return run?.state === 'waiting' ? places.heldBy(run) : undefined;
  }

  function waitAgain(run: Run): void {
    places.vacate(run);
    enqueue(run);
  }

  /** A run turns out to keep its Pod while it waits, or not to: it keeps its place when that is allowed. */
  function exchange(run: Run, ticket: Ticket): void {
    const { space, depth } = run.lane;
    const mayStay = run.state === 'running' && (!ticket.keepsPod || registry.waitingGateOf(space, depth).hasRoom());
    const isProbing = space.quota?.probing === run.key;
    forget(run);
    const next = enter(ticket, run.confirmed);
    if (!mayStay) {
      enqueue(next);
      return;
    }
    places.occupy(next);
    if (isProbing) tryWith(space, run.key);
  }

  return {
    request(ticket) {
      const run = runs.get(ticket.key);
      if (run === undefined) enqueue(enter(ticket));
      else if (run.ticket.keepsPod !== ticket.keepsPod) exchange(run, ticket);
      else {
        run.ticket = ticket;
        registry.setLimit(run.lane.repository, ticket.repositoryLimit);
      }
      settle(ticket.key);
      return held(ticket.key);
    },
    hold(ticket) {
      const known = runs.get(ticket.key);
      if (known !== undefined) forget(known);
      places.occupy(enter(ticket, true));
      settle();
    },
    confirm(key) {
      const run = runs.get(key);
      if (run === undefined || run.confirmed) return false;
      const { space } = run.lane;
      if (run.state === 'waiting') {
        // Its Pod was under way when that of another one met the quota.
        forget(run);
        places.occupy(enter(run.ticket, true));
      } else {
        run.confirmed = true;
        space.starting.delete(run);
      }
      if (succeeded(space, key)) changes.spaces.add(space);
      calm(space);
      settle();
      return true;
    },
    pause(key, paused) {
      const run = runs.get(key);
      if (run === undefined || run.state === 'waiting' || (run.state === 'paused') === paused) return;
      places.pause(run, paused);
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
      usedUp(space, message);
      settle();
    },
    probe(namespace) {
      const space = registry.spaces.get(namespace);
      if (space === undefined || !letOneTry(space)) return;
      changes.spaces.add(space);
      settle();
    },
    suspend(uid, isSuspended) {
      registry.suspend(uid, isSuspended);
      settle();
    },
    limitRepository(namespace, name, limit) {
      registry.limitRepository(namespace, name, limit);
      settle();
    },
    held,
    ticket: key => runs.get(key)?.ticket,
    position: key => positionOf(key, runs, places.heldBy),
    counts: () => waitingCounts(runs.values(), places.heldBy),
    running: () =>
      new Map([...registry.spaces.values()].filter(({ pods }) => pods > 0).map(space => [space.name, space.running])),
    runningOf: parentUid => registry.fanOuts.get(parentUid)?.running ?? 0,
  };
}
