/** One run that asks for a place, and the fan-out that limits it. */
export interface AdmissionRequest {
  /** Key of the run, namespace/name. */
  readonly key: string;
  /** UID of the fan-out whose children share the limit. */
  readonly group: string;
  readonly limit: number;
}

export interface Admission {
  /** Gives a place to the run, or puts it at the end of the group's queue; asking again keeps the position. */
  request(request: AdmissionRequest): boolean;
  /** Counts a run that already has a Pod, as found after a restart. */
  hold(request: Omit<AdmissionRequest, 'limit'>): void;
  /** Takes a run's place, or its position in the queue, back. */
  release(key: string): void;
  /** Runs of the group that hold a place. */
  running(group: string): number;
}

interface Group {
  readonly holders: Set<string>;
  readonly queue: Set<string>;
}

/**
 * The gate before Pods: children exist as objects from the start, a limited number of them have Pods. First come, first served within a
 * group. It holds no truth of its own: the Pods in the cluster do, and after a restart `hold` is called for each of them first.
 *
 * @param wake is called with the key of a run whose turn has come.
 */
export function createAdmission(wake: (key: string) => void): Admission {
  const groups = new Map<string, Group>();
  const groupOf = new Map<string, string>();

  function group(id: string): Group {
    let found = groups.get(id);
    if (found === undefined) {
      found = { holders: new Set(), queue: new Set() };
      groups.set(id, found);
    }
    return found;
  }

  return {
    request({ key, group: id, limit }) {
      const { holders, queue } = group(id);
      groupOf.set(key, id);
      if (holders.has(key)) return true;
      queue.add(key);
      const free = limit - holders.size;
      const position = [...queue].slice(0, Math.max(free, 0)).indexOf(key);
      if (position === -1) return false;
      queue.delete(key);
      holders.add(key);
      return true;
    },
    hold({ key, group: id }) {
      groupOf.set(key, id);
      group(id).holders.add(key);
      group(id).queue.delete(key);
    },
    release(key) {
      const id = groupOf.get(key);
      if (id === undefined) return;
      groupOf.delete(key);
      const { holders, queue } = group(id);
      const held = holders.delete(key);
      queue.delete(key);
      if (holders.size === 0 && queue.size === 0) groups.delete(id);
      const next = queue.values().next();
      if (held && next.done !== true) wake(next.value);
    },
    running: id => groups.get(id)?.holders.size ?? 0,
  };
}
