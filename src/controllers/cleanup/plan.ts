import type { Suspect } from './suspects.ts';

/** The runs and Pods of a namespace as the API server has them, read after the suspects of that namespace were found. */
export interface Existing {
  readonly runUids: ReadonlySet<string>;
  readonly podUids: ReadonlySet<string>;
  readonly podNames: ReadonlySet<string>;
}

export interface Look {
  readonly suspects: readonly Suspect[];
  /** UIDs of the suspects of the look before. */
  readonly before: ReadonlySet<string>;
  /** By namespace; one that could not be read is absent. */
  readonly existing: ReadonlyMap<string, Existing>;
}

/**
 * What is removed: suspects of two looks in a row, of which the API server itself says that their owner is gone. A UID never comes back, and
 * the owners were read after the suspects: so an owner that is not there then was gone before, however old the operator's own view is. In
 * between, Kubernetes' garbage collector has had its time.
 */
export function planCleanup({ suspects, before, existing }: Look): readonly Suspect[] {
  return suspects.filter(suspect => before.has(suspect.uid) && isOrphan(suspect, existing.get(suspect.namespace)));
}

function isOrphan({ cause }: Suspect, existing: Existing | undefined): boolean {
  switch (cause.kind) {
    case 'runGone':
      return existing?.runUids.has(cause.runUid) === false;
    case 'podGone':
      if (existing === undefined) return false;
      return cause.podUid === undefined ? !existing.podNames.has(cause.podName) : !existing.podUids.has(cause.podUid);
    // No owner to ask for: that it is still so is looked at when it is removed.
    case 'expired':
    case 'unused':
    case 'overdue':
      return true;
  }
}
