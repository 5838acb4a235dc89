import type { Changes, Gate, Lane } from './gates.ts';

/*
 * Where lanes stand: each at the first gate that holds it, or, when only namespace or operator do, in the line of its namespace.
 */

/** Lets a lane with another head wait among those of its fan-out: an older one may have to go before it. */
export function lineUp(lane: Lane, changes: Changes): void {
  stand(lane, lane.part.parked);
  changes.gates.add(lane.part);
}

/** Lets a lane wait at a gate. */
export function park(lane: Lane, at: Gate): void {
  stand(lane, at.parked);
}

/** Takes a lane out of where it stands. */
export function leave(lane: Lane, changes: Changes): void {
  if (lane.line === lane.space.ready) {
    for (const one of lane.gates) {
      one.ready -= 1;
      changes.gates.add(one);
    }
  }
  lane.line = undefined;
}

/** Lets the next lane go on that waits at this gate; false when there is none, or no room. */
export function promote(at: Gate, changes: Changes): boolean {
  while (at.isOpen()) {
    const lane = at.parked.peek();
    if (lane === undefined) return false;
    if (place(lane, changes)) return true;
  }
  return false;
}

/** Puts a lane where it belongs; whether that is the line of its namespace. */
function place(lane: Lane, changes: Changes): boolean {
  const closed = lane.gates.find(one => !one.isOpen());
  if (closed !== undefined) {
    park(lane, closed);
    return false;
  }
  for (const one of lane.gates) one.ready += 1;
  stand(lane, lane.space.ready);
  changes.spaces.add(lane.space);
  return true;
}

function stand(lane: Lane, line: NonNullable<Lane['line']>): void {
  lane.line = line;
  line.push(lane);
}
