import type { QueueLimits, Ticket } from '../types.ts';

export const NO_LIMITS: QueueLimits = {
  operator: Number.POSITIVE_INFINITY,
  namespace: Number.POSITIVE_INFINITY,
  waitingShare: 0.25,
  waitingMin: 1,
};

/** A root that nothing limits, unless the test says more. */
export function ticket(key: string, changes: Partial<Ticket> = {}): Ticket {
  return {
    key,
    namespace: 'team',
    root: `root-${key}`,
    above: [],
    depth: 0,
    createdMs: 0,
    fanOutLimit: Number.POSITIVE_INFINITY,
    repository: key,
    repositoryLimit: Number.POSITIVE_INFINITY,
    keepsPod: false,
    sinceMs: 0,
    ...changes,
  };
}

/** What the queue promises, told in the simplest way: a list that is searched from the start each time. */
export interface NaiveQueue {
  readonly waiting: readonly Ticket[];
  readonly active: readonly Ticket[];
  /** Those that wait and that no limit keeps from starting. */
  admissible(): Ticket[];
  request(ticket: Ticket): void;
  grant(key: string): void;
  pause(key: string, paused: boolean): void;
  release(key: string): void;
  suspend(uid: string, suspended: boolean): void;
  limitRepository(name: string, limit: number): void;
}

export function createNaiveQueue(limits: QueueLimits): NaiveQueue {
  let waiting: Ticket[] = [];
  let active: Ticket[] = [];
  const paused = new Set<string>();
  const suspended = new Set<string>();
  const repositoryLimits = new Map<string, number>();
  const counted = (matches: (one: Ticket) => boolean) =>
    active.filter(one => !paused.has(one.key) && matches(one)).length;
  const limitOf = ({ repository, repositoryLimit }: Ticket) => repositoryLimits.get(repository) ?? repositoryLimit;

  function fits(one: Ticket): boolean {
    const parent = one.above[0] ?? one.root;
    const here = active.filter(other => other.namespace === one.namespace);
    const keeping = here.filter(other => other.keepsPod);
    const allowed = Math.max(limits.waitingMin, Math.floor(here.length * limits.waitingShare));
    return (
      counted(() => true) < limits.operator &&
      counted(other => other.namespace === one.namespace) < limits.namespace &&
      counted(other => other.namespace === one.namespace && other.repository === one.repository) < limitOf(one) &&
      counted(other => (other.above[0] ?? other.root) === parent) < one.fanOutLimit &&
      !one.above.some(uid => suspended.has(uid)) &&
      (!one.keepsPod || keeping.length < allowed || keeping.every(other => other.depth < one.depth))
    );
  }

  return {
    get waiting() {
      return waiting;
    },
    get active() {
      return active;
    },
    admissible: () => waiting.filter(fits),
    request(asked) {
      if (![...waiting, ...active].some(({ key }) => key === asked.key)) waiting = [...waiting, asked];
    },
    grant(key) {
      const run = waiting.find(one => one.key === key);
      if (run === undefined) throw new Error(`${key} does not wait`);
      waiting = waiting.filter(one => one !== run);
      active = [...active, run];
    },
    pause(key, isPaused) {
      if (isPaused && active.some(one => one.key === key)) paused.add(key);
      else paused.delete(key);
    },
    release(key) {
      waiting = waiting.filter(one => one.key !== key);
      active = active.filter(one => one.key !== key);
      paused.delete(key);
    },
    suspend(uid, isSuspended) {
      if (isSuspended) suspended.add(uid);
      else suspended.delete(uid);
    },
    limitRepository: (name, limit) => void repositoryLimits.set(name, limit),
  };
}
