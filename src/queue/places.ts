import type { Changes, Run, Space } from './gates.ts';
import { mayTry, placeLeft } from './quota.ts';
import type { Held, QueueLimits } from './types.ts';

/** Who has a place, counted at each level that has a limit. */
export interface Places {
  /** Whether nobody may start in the whole cluster. */
  isFull(): boolean;
  /** Whether one more run of the namespace may start, as far as the namespace goes. */
  hasRoom(space: Space): boolean;
  /** What keeps a run from starting. */
  heldBy(run: Run): Held;
  /** Gives a run a place. */
  occupy(run: Run): void;
  /** Takes its place back, and tells where another may have room now. */
  vacate(run: Run): void;
  /** While a run waits for children it has a Pod, but no place. */
  pause(run: Run, paused: boolean): void;
}

export function createPlaces(limits: QueueLimits, changes: Changes): Places {
  let running = 0;

  function count({ lane }: Run, by: 1 | -1): void {
    const { space, repository, fanOut } = lane;
    running += by;
    for (const level of [space, repository, fanOut]) level.running += by;
    if (by === 1) return;
    changes.gates.add(repository);
    for (const part of fanOut.parts.values()) changes.gates.add(part);
    changes.spaces.add(space);
  }

  /** How many keep their Pod decides who else may, and so does how many Pods there are. */
  function recount({ waitingGates }: Space): void {
    for (const one of waitingGates.values()) changes.gates.add(one);
  }

  return {
    isFull: () => running >= limits.operator,
    hasRoom: space => space.running < limits.namespace && mayTry(space),
    heldBy({ lane }) {
      const closed = lane.gates.find(one => !one.hasRoom());
      if (closed !== undefined) return closed.held();
      const { quota, running: here } = lane.space;
      if (here >= limits.namespace) return { reason: 'NamespaceLimit', limit: limits.namespace };
      if (quota !== undefined) return { reason: 'QuotaExceeded', message: quota.message };
      return { reason: 'OperatorLimit', limit: limits.operator };
    },
    occupy(run) {
      const { space, keepsPod, depth } = run.lane;
      run.state = 'running';
      if (!run.confirmed) space.starting.add(run);
      space.pods += 1;
      if (keepsPod) space.keeping.set(depth, (space.keeping.get(depth) ?? 0) + 1);
      recount(space);
      count(run, 1);
    },
    vacate(run) {
      const { space, keepsPod, depth } = run.lane;
      space.starting.delete(run);
      space.pods -= 1;
      if (keepsPod) {
        const left = (space.keeping.get(depth) ?? 1) - 1;
        if (left === 0) space.keeping.delete(depth);
        else space.keeping.set(depth, left);
        recount(space);
      }
      if (run.state === 'running') count(run, -1);
      placeLeft(space, run.key);
      changes.spaces.add(space);
    },
    pause(run, paused) {
      run.state = paused ? 'paused' : 'running';
      count(run, paused ? -1 : 1);
    },
  };
}
