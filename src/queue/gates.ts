import { createLine, type Line, type Order, type Standing, type Tree } from './line.ts';
import type { Held, QueueLimits, Ticket } from './types.ts';

/** A run that the queue knows. Only one that runs counts against limits: one that waits for children must not keep them from starting. */
export interface Run extends Order {
  ticket: Ticket;
  lane: Lane;
  state: 'waiting' | 'running' | 'paused';
  /** Whether it has a Pod for certain. */
  confirmed: boolean;
}

/** Runs that pass the same gates: the same fan-out, repository and way to wait. The oldest goes first, so one look answers for all. */
export interface Lane extends Standing {
  readonly id: string;
  readonly tree: Tree & { members: number };
  readonly space: Space;
  readonly fanOut: FanOut;
  readonly repository: Gate;
  /** The gate of its fan-out in its namespace. */
  readonly part: Gate;
  readonly gates: readonly Gate[];
  readonly keepsPod: boolean;
  readonly depth: number;
  size: number;
}

/** What can hold a lane back, besides its namespace and the operator. */
export interface Gate {
  limit: number;
  running: number;
  /** Whether a run may pass. */
  hasRoom(): boolean;
  /** Whether one more lane may go on to stand in the line of its namespace. */
  isOpen(): boolean;
  held(): Held;
  /** Lanes behind this gate that stand in the line of their namespace. */
  ready: number;
  /** Lanes that wait here. */
  readonly parked: Line<Lane>;
  /** Runs that it is kept for. */
  members: number;
}

/** A fan-out, or a root by itself. Its gates differ by namespace, since what waits for one namespace must not hold up another. */
export interface FanOut {
  readonly id: string;
  readonly above: readonly string[];
  limit: number;
  running: number;
  members: number;
  readonly suspension: Gate;
  readonly parts: Map<string, Gate>;
}

/** A namespace. */
export interface Space {
  readonly name: string;
  running: number;
  waiting: number;
  /** Runs with a place that have no Pod yet for certain. */
  readonly starting: Set<Run>;
  /** Runs with a Pod, those included that wait for children. */
  pods: number;
  /** Runs that keep their Pod while they wait for children, by their depth. */
  readonly keeping: Map<number, number>;
  readonly waitingGates: Map<number, Gate>;
  /** Set while a ResourceQuota is used up: runs go one by one, each when there may be room. */
  quota?: { readonly message: string; mayProbe: boolean; probing?: string | undefined } | undefined;
  /** Lanes that nothing but the namespace or the operator holds back. */
  readonly ready: Line<Lane>;
}

/** Where something may have opened since somebody last looked. */
export interface Changes {
  /** Gates that may let a lane pass. */
  readonly gates: Set<Gate>;
  /** Namespaces that may have somebody to start. */
  readonly spaces: Set<Space>;
}

export function gate(parts: Pick<Gate, 'hasRoom' | 'held'> & Partial<Gate>): Gate {
  return {
    limit: Number.POSITIVE_INFINITY,
    running: 0,
    isOpen: parts.hasRoom,
    ready: 0,
    members: 0,
    parked: createLine(),
    ...parts,
  };
}

export function repositoryGate(limit: number): Gate {
  const self: Gate = gate({
    limit,
    hasRoom: () => self.running < self.limit,
    held: () => ({ reason: 'RepositoryLimit', limit: self.limit }),
  });
  return self;
}

export function createFanOut({ root, above, fanOutLimit }: Ticket, suspended: ReadonlySet<string>): FanOut {
  return {
    id: above[0] ?? root,
    above,
    limit: fanOutLimit,
    running: 0,
    members: 0,
    suspension: gate({
      hasRoom: () => suspended.size === 0 || !above.some(uid => suspended.has(uid)),
      held: () => ({ reason: 'Suspended' }),
    }),
    parts: new Map(),
  };
}

/** Lets no more lanes pass than there are places: thousands would only be sent back one by one when the places are taken. */
export function fanOutGate(fanOut: FanOut): Gate {
  const room = () => fanOut.limit - fanOut.running;
  const self: Gate = gate({
    hasRoom: () => room() > 0,
    isOpen: () => room() > self.ready,
    held: () => ({ reason: 'ConcurrencyLimit', limit: fanOut.limit }),
  });
  return self;
}

export function createSpace(name: string): Space {
  return {
    name,
    running: 0,
    waiting: 0,
    starting: new Set(),
    pods: 0,
    keeping: new Map(),
    waitingGates: new Map(),
    ready: createLine(),
  };
}

/** Runs of a namespace that may keep their Pod while they wait for children. */
export function waitingLimit({ pods }: Space, { waitingShare, waitingMin }: QueueLimits): number {
  return Math.max(waitingMin, Math.floor(pods * waitingShare));
}

/**
 * The gate for runs of one depth that keep their Pod while they wait. Beyond the limit one is let through that is deeper in its tree than all
 * that keep theirs: they may be waiting for this very one, and nothing else would ever let it start. The deepest of all waits for nobody
 * who is not let through, so it ends some day; a namespace is over its limit by one run a level at most.
 */
export function waitingGate(space: Space, depth: number, limits: QueueLimits): Gate {
  return gate({
    hasRoom: () => {
      let keeping = 0;
      let deepest = -1;
      for (const [level, count] of space.keeping) {
        keeping += count;
        if (count > 0 && level > deepest) deepest = level;
      }
      return keeping < waitingLimit(space, limits) || depth > deepest;
    },
    held: () => ({ reason: 'WaitingPodsLimit', limit: waitingLimit(space, limits) }),
  });
}
