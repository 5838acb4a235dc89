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
  /** In the order of their first request. */
  readonly queue: Set<string>;
  /** As the last request said it; 0 before the first one. */
  limit: number;
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
      found = { holders: new Set(), queue: new Set(), limit: 0 };
      groups.set(id, found);
    }
    return found;
  }

  return {
    request({ key, group: id, limit }) {
      const asked = group(id);
      const { holders, queue } = asked;
      asked.limit = limit;
      groupOf.set(key, id);
      if (holders.has(key)) return true;
      queue.add(key);
      if (!entitled(asked).includes(key)) return false;
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
      const left = group(id);
      // One that leaves the queue may have been woken for a place; the next one has to hear of it.
      const matters = left.holders.has(key) || entitled(left).includes(key);
      left.holders.delete(key);
      left.queue.delete(key);
      if (left.holders.size === 0 && left.queue.size === 0) groups.delete(id);
      if (matters) for (const next of entitled(left)) wake(next);
    },
    running: id => groups.get(id)?.holders.size ?? 0,
  };
}

/** The first of the queue, as many as there are places: at most `limit` of them, however long it is. */
function entitled({ holders, queue, limit }: Group): string[] {
  const first: string[] = [];
  for (const key of queue) {
    if (first.length >= limit - holders.size) break;
    first.push(key);
  }
  return first;
}
