import { depthOf } from '../../fanout/lineage.ts';
import { keyOf } from '../../kube/objects.ts';
import type { Ticket } from '../../queue/types.ts';
import type { LiveRepository, LiveRun } from './observed.ts';
import type { RunOptions } from './options.ts';
import { queuedSince } from './plan-queued.ts';

export interface TicketInput {
  readonly run: LiveRun;
  /** The runs above it, the parent first. */
  readonly above: readonly LiveRun[];
  readonly repository: Pick<LiveRepository, 'spec'> | undefined;
  readonly keepsPod: boolean;
  readonly options: Pick<RunOptions, 'repositoryConcurrency'>;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** What the queue needs to know of a workflow run. */
export function ticketOf({ run, above, repository, keepsPod, options, now }: TicketInput): Ticket {
  const { metadata, spec } = run;
  return {
    key: keyOf(metadata),
    namespace: metadata.namespace!,
    root: spec.parent?.root.uid ?? metadata.uid,
    above: above.map(ancestor => ancestor.metadata.uid),
    depth: depthOf(run),
    createdMs: Date.parse(metadata.creationTimestamp),
    fanOutLimit: above[0]?.spec.concurrencyLimit ?? Number.POSITIVE_INFINITY,
    repository: spec.workflow?.repositoryRef.name ?? '',
    repositoryLimit: repositoryLimit(repository, options),
    keepsPod,
    sinceMs: queuedSince(run) ?? now,
  };
}

/** How many runs of a repository may have a Pod at once. */
export function repositoryLimit(
  repository: Pick<LiveRepository, 'spec'> | undefined,
  { repositoryConcurrency }: Pick<RunOptions, 'repositoryConcurrency'>,
): number {
  return repository?.spec.concurrencyLimit ?? repositoryConcurrency;
}
