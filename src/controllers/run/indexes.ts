import { CHILDREN_FINALIZER } from '../../api/meta.ts';
import { isTerminal } from '../../api/takorun-status.ts';
import { childDepth, depthOf, rootOf } from '../../fanout/lineage.ts';
import type { RunObject } from '../../fanout/objects.ts';
import { isElsewhere, startedBy } from '../../fanout/parentage.ts';
import { awaitersOf } from '../../fanout/shared.ts';
import { keyOf } from '../../kube/objects.ts';
import { toKeys } from '../../kube/source.ts';
import type { ReadonlyStore, StoreEvent } from '../../kube/store.ts';
import type { LiveRun } from './observed.ts';

/** Names of the indexes that the run controller needs on its stores. */
export const RUN_INDEXES = {
  /** Runs by the UID of the run that started them (`byParentUid`), in whatever namespace they are. */
  parent: 'parent',
  /** Runs by the UID of a Pod of theirs. */
  podUid: 'podUid',
  /** Runs of a workflow by `workflowKey`. */
  workflow: 'workflow',
  /** Workflow runs by the UID of the root of their tree, which is not among them. */
  tree: 'tree',
  /** Workflow runs by the UIDs of the event runs that wait for them without having started them. */
  awaitedBy: 'awaitedBy',
  /** Event runs that have not ended, by the key of the run whose result they wait for. */
  duplicateOf: 'duplicateOf',
} as const;
export const POD_INDEXES = {
  /** Pods by the key of the TakoRun that controls them. */
  run: 'run',
} as const;

/** Index by the UID of the run that started a run. */
export function byParentUid(run: LiveRun): readonly string[] {
  const parent = startedBy(run);
  return parent === undefined ? [] : [parent.uid];
}

/** The keys of the runs that a transition of a run of theirs concerns. */
export const toParent = toKeys<LiveRun>(run => {
  const parent = startedBy(run);
  return parent === undefined ? [] : [keyOf(parent)];
});

/** The keys of the children in other namespaces that wait for the event which has just gone out. */
export function childrenOfExpanded(runs: ReadonlyStore<LiveRun>, event: StoreEvent<LiveRun>): string[] {
  if (event.type !== 'updated') return [];
  const isExpanded = ({ status }: LiveRun): boolean => status?.fanOut?.expanded === true;
  const { old, object } = event;
  if (isExpanded(old) || !isExpanded(object)) return [];
  return childrenElsewhere(object, runs).map(({ metadata }) => keyOf(metadata));
}

/** The children of a run that are in other namespaces than it. Only those who started one elsewhere are asked for it. */
export function childrenElsewhere(run: LiveRun, runs: ReadonlyStore<LiveRun>): readonly LiveRun[] {
  if (run.metadata.finalizers?.includes(CHILDREN_FINALIZER) !== true) return [];
  return runs.byIndex(RUN_INDEXES.parent, run.metadata.uid).filter(child => isElsewhere(child, run.metadata.namespace));
}

/** The index `tree`. Events are transparent: they are no runs that a tree is counted by. */
export function inTree(run: LiveRun): readonly string[] {
  const { workflow, parent } = run.spec;
  return workflow === undefined || parent === undefined || startedBy(run) === undefined ? [] : [parent.root.uid];
}

/** The index `awaitedBy`. */
export function byAwaiters(run: LiveRun): readonly string[] {
  return awaitersOf(run).map(({ uid }) => uid);
}

/** The keys of the runs that wait for this one without having started it, when it comes to be awaited, ends or goes away. */
export function awaitersConcerned(event: StoreEvent<LiveRun>): string[] {
  if (event.type === 'added') return [];
  if (event.type === 'deleted') return awaitersOf(event.old).map(({ key }) => key);
  const { old, object } = event;
  const before = old.status?.phase === object.status?.phase ? new Set(byAwaiters(old)) : new Set<string>();
  return awaitersOf(object).flatMap(({ uid, key }) => (before.has(uid) ? [] : [key]));
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

/** The runs that an event waits for although another event of its tree has started them. */
export function sharedRuns(run: RunObject, runs: ReadonlyStore<LiveRun>): readonly LiveRun[] {
  const { uid = '' } = run.metadata;
  const found = runs.byIndex(RUN_INDEXES.awaitedBy, uid);
  if (found.length === 0) return found;
  const root = rootOf(run).uid;
  return found.filter(
    other => other.spec.parent?.root.uid === root && ![undefined, uid].includes(startedBy(other)?.uid),
  );
}

/**
 * Finds the runs that a run waits for: those that it started, and those that it shares. Of the latter only those at the levels below it, so that
 * whoever goes down from run to run comes to an end, whatever waits for what.
 */
export function below(runs: ReadonlyStore<LiveRun>): (run: RunObject) => readonly LiveRun[] {
  return run => {
    const started = runs.byIndex(RUN_INDEXES.parent, run.metadata.uid ?? '');
    if (run.spec.event === undefined) return started;
    return [...started, ...sharedRuns(run, runs).filter(other => depthOf(other) >= childDepth(run))];
  };
}

/** The value of the index `workflow`. @param repositoryKey namespace/name of the TakoRepository */
export function workflowKey(repositoryKey: string, workflow: string): string {
  return `${repositoryKey} ${workflow}`;
}
