import type { Lane, Run } from './gates.ts';
import { isBefore } from './line.ts';
import type { Held, HeldReason } from './types.ts';

/** Runs of a namespace that wait for one reason. */
export interface QueueCount {
  readonly namespace: string;
  readonly reason: HeldReason;
  readonly count: number;
  /** When the one that waits longest began to, milliseconds since the epoch. */
  readonly oldestMs: number;
}

/** Everything that waits, by namespace and reason. Looks at every run that waits: for a scrape, not for each reconcile. */
export function waitingCounts(runs: Iterable<Run>, heldBy: (run: Run) => Held): QueueCount[] {
  const reasons = new Map<Lane, HeldReason>();
  const counts = new Map<string, QueueCount>();
  for (const run of runs) {
    if (run.state !== 'waiting') continue;
    const reason = reasons.get(run.lane) ?? heldBy(run).reason;
    reasons.set(run.lane, reason);
    const { namespace, sinceMs } = run.ticket;
    const id = `${reason} ${namespace}`;
    const { count = 0, oldestMs = sinceMs } = counts.get(id) ?? {};
    counts.set(id, { namespace, reason, count: count + 1, oldestMs: Math.min(oldestMs, sinceMs) });
  }
  return [...counts.values()];
}

/**
 * A run's position among those that wait for the same: trees take turns, so in each round one of every other tree comes before it. Looks at
 * every run that waits.
 */
export function positionOf(
  key: string,
  runs: ReadonlyMap<string, Run>,
  heldBy: (run: Run) => Held,
): number | undefined {
  const run = runs.get(key);
  if (run?.state !== 'waiting') return undefined;
  const isRival = rivalsOf(run, heldBy(run).reason);
  const others = new Map<Lane['tree'], number>();
  let round = 1;
  for (const other of runs.values()) {
    if (other === run || other.state !== 'waiting' || !isRival(other)) continue;
    const { tree } = other.lane;
    if (tree !== run.lane.tree) others.set(tree, (others.get(tree) ?? 0) + 1);
    else if (isBefore(other, run)) round += 1;
  }
  let position = round;
  for (const [tree, count] of others) position += Math.min(count, tree.turn < run.lane.tree.turn ? round : round - 1);
  return position;
}

function rivalsOf({ lane }: Run, reason: HeldReason): (other: Run) => boolean {
  switch (reason) {
    case 'Suspended':
    case 'ConcurrencyLimit':
      return other => other.lane.fanOut === lane.fanOut;
    case 'RepositoryLimit':
      return other => other.lane.repository === lane.repository;
    case 'WaitingPodsLimit':
      return other => other.lane.space === lane.space && other.lane.keepsPod;
    case 'QuotaExceeded':
    case 'NamespaceLimit':
      return other => other.lane.space === lane.space;
    case 'OperatorLimit':
      return () => true;
  }
}
