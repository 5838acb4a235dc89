import type { LockState } from '../../locks/types.ts';
import { age, bytes, table } from '../output.ts';

/** What the Lease of a cache entry says of it. */
export interface Entry {
  readonly namespace: string;
  /** Name of the Lease. */
  readonly lease: string;
  readonly state: LockState;
}

/** Whether there is anything to see: an entry that was removed leaves its Lease behind, which keeps the fencing number. */
export function isThere({ state }: Entry): boolean {
  return state.published !== undefined || state.holders.length > 0 || state.queue.length > 0;
}

/** By namespace and repository. */
export function sorted(entries: readonly Entry[]): Entry[] {
  const key = ({ namespace, state }: Entry) => `${namespace} ${state.url}`;
  return entries.toSorted((one, other) => (key(one) < key(other) ? -1 : 1));
}

/** What `tako cache ls` prints. */
export function entriesTable(entries: readonly Entry[], now: Date, withNamespace: boolean): string {
  const header = ['REPOSITORY', 'GENERATION', 'COMMITS', 'SIZE', 'LAST USED', 'IN USE'];
  const rows = entries.map(({ namespace, state }) => {
    const { published } = state;
    const shown = [
      state.url,
      published === undefined ? '-' : String(published.fence),
      published === undefined ? '-' : String(published.commits.length),
      published === undefined ? '-' : bytes(published.bytes),
      `${age(state.used, now)} ago`,
      useOf(state),
    ];
    return withNamespace ? [namespace, ...shown] : shown;
  });
  return table(withNamespace ? ['NAMESPACE', ...header] : header, rows);
}

/** How many holders are named before the rest is counted. */
const NAMED = 3;

/** Who holds the entry, and how many wait: `read by a, b`, `written by c; 2 wait`, `-`. */
export function useOf({ holders, queue }: Pick<LockState, 'holders' | 'queue'>): string {
  const [first] = holders;
  const waiting = queue.length === 0 ? [] : [`${queue.length} ${queue.length === 1 ? 'waits' : 'wait'}`];
  if (first === undefined) return waiting[0] ?? '-';
  const names = holders.slice(0, NAMED).map(({ run }) => run);
  const more = holders.length > NAMED ? [`${holders.length - NAMED} more`] : [];
  return [`${first.mode === 'write' ? 'written' : 'read'} by ${[...names, ...more].join(', ')}`, ...waiting].join('; ');
}

/** An entry in `-o json`; docs/guides/cache.md shows one. */
export function entryJson({ namespace, lease, state }: Entry): object {
  const { published } = state;
  return {
    namespace,
    repository: state.url,
    lease,
    generation: published?.fence ?? null,
    commits: published?.commits ?? [],
    bytes: published?.bytes ?? null,
    publishedAt: published?.at ?? null,
    lastUsed: state.used,
    holders: state.holders.map(({ run, pod, mode, acquired, renewed, expires }) => ({
      run,
      pod,
      mode,
      acquired,
      renewed,
      expires,
    })),
    waiting: state.queue.map(({ run, pod, want, since }) => ({ run, pod, want, since })),
  };
}
