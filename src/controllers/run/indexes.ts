import { isTerminal } from '../../api/takorun.ts';
import { keyOf } from '../../kube/objects.ts';
import type { ReadonlyStore, StoreEvent } from '../../kube/store.ts';
import type { LiveRun } from './observed.ts';

/** Names of the indexes that the run controller needs on its stores. */
export const RUN_INDEXES = {
  /** Runs by the UID of the run that controls them. */
  owner: 'owner',
  /** Runs by the UID of a Pod of theirs. */
  podUid: 'podUid',
  /** Workflow runs by the UID of the root of their tree, which is not among them. */
  tree: 'tree',
  /** Event runs that have not ended, by the key of the run whose result they wait for. */
  duplicateOf: 'duplicateOf',
} as const;
export const POD_INDEXES = {
  /** Pods by the key of the TakoRun that controls them. */
  run: 'run',
} as const;

/** The index `tree`. Events are transparent: they are no runs that a tree is counted by. */
export function inTree({ spec }: LiveRun): readonly string[] {
  return spec.workflow === undefined || spec.parent === undefined ? [] : [spec.parent.root.uid];
}

/** The index `duplicateOf`. */
export function byDuplicateOf({ metadata, status }: LiveRun): readonly string[] {
  const name = status?.duplicateOf;
  return name === undefined || isTerminal(status?.phase) ? [] : [keyOf({ namespace: metadata.namespace, name })];
}

/** The keys of the runs that wait for the result of this one, when something has happened that they take from it. */
export function duplicatesConcerned(runs: ReadonlyStore<LiveRun>, event: StoreEvent<LiveRun>): string[] {
  if (event.type === 'added') return [];
  if (event.type === 'updated') {
    const { old, object } = event;
    const isSame = old.status?.phase === object.status?.phase;
    if (isSame && old.status?.fanOut?.expanded === object.status?.fanOut?.expanded) return [];
  }
  return runs.byIndex(RUN_INDEXES.duplicateOf, event.key).map(({ metadata }) => keyOf(metadata));
}
