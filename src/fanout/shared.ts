import { AWAITED_PREFIX } from '../api/meta.ts';
import type { ChildrenSummary, DetailedError } from '../api/takorun-status.ts';
import type { ObjectIdentity, RunObject } from './objects.ts';
import { startedBy } from './parentage.ts';

/**
 * Runs that an event of a tree with `dedupe: Tree` waits for although another event of it has started them: equal children run once in the
 * whole tree. Each is the child of the event that was first, and is counted there and nowhere else.
 */
export interface SharedRuns {
  /** How they stand; those that disappeared count as canceled. */
  readonly summary: ChildrenSummary;
  readonly errors: readonly DetailedError[];
}

/** Whether a run that was found under the name of this one is an equal child that another event of the same tree has started. */
export function isShared(found: Pick<RunObject, 'metadata' | 'spec'>, wanted: Pick<RunObject, 'spec'>): boolean {
  if (wanted.spec.dedupe !== 'Tree' || found.spec.dedupe !== 'Tree' || startedBy(found) === undefined) return false;
  return found.spec.parent?.root.uid === wanted.spec.parent?.root.uid;
}

/** The annotation by which a run tells who waits for it. */
export function awaitedBy({ namespace, name, uid }: ObjectIdentity): Readonly<Record<string, string>> {
  return { [`${AWAITED_PREFIX}${uid}`]: `${namespace}/${name}` };
}

/** Who waits for a run as its annotations say: UIDs, and keys `namespace/name`. */
export function awaitersOf(run: {
  readonly metadata: { readonly annotations?: Readonly<Record<string, string>> | undefined };
}): readonly { readonly uid: string; readonly key: string }[] {
  return Object.entries(run.metadata.annotations ?? {})
    .filter(([name]) => name.startsWith(AWAITED_PREFIX))
    .map(([name, key]) => ({ uid: name.slice(AWAITED_PREFIX.length), key }));
}
