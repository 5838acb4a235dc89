import { planEviction } from '../../cache/eviction.ts';

/** What to remove: all that any part of it names. */
export interface PrunePolicy {
  readonly all: boolean;
  /** Canonical URLs. */
  readonly repositories: ReadonlySet<string>;
  /** Not used for so long, milliseconds. */
  readonly olderThanMs?: number | undefined;
  /** The least recently used ones, until all that are left have no more bytes than that. */
  readonly maxBytes?: number | undefined;
}

/** An entry on the volume. */
export interface Candidate {
  readonly url: string;
  readonly bytes: number;
  readonly used: Date;
}

export interface Planned<T extends Candidate> {
  readonly entry: T;
  readonly why: string;
}

/** Which entries to remove, in this order. */
export function planPrune<T extends Candidate>(entries: readonly T[], policy: PrunePolicy, now: Date): Planned<T>[] {
  const isNamed = ({ url }: T): boolean => policy.all || policy.repositories.has(url);
  const named = entries.filter(isNamed);
  const limits = {
    maxBytes: policy.maxBytes ?? Number.POSITIVE_INFINITY,
    maxAgeSeconds: (policy.olderThanMs ?? Number.POSITIVE_INFINITY) / 1_000,
  };
  const rest = entries.filter(entry => !isNamed(entry));
  return [
    ...named.map(entry => ({ entry, why: policy.all ? '--all' : '--repository' })),
    ...planEviction(rest, limits, now).map(({ entry, reason }) => ({
      entry,
      why: reason === 'age' ? '--older-than' : '--max-size',
    })),
  ];
}
