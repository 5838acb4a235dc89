import { isTerminal } from '../../api/takorun-status.ts';
import { waitsForChildren } from '../../fanout/parentage.ts';
import { awaitersOf } from '../../fanout/shared.ts';
import type { WaitersOf } from '../../fanout/wait-cycle.ts';
import { keyOf } from '../../kube/objects.ts';
import type { ReadonlyStore } from '../../kube/store.ts';
import { RUN_INDEXES } from './indexes.ts';
import { parentOf } from './lineage.ts';
import type { LiveRun } from './observed.ts';

/** The runs that wait for a run now, by the store: the one that started it, others of its tree that share it, and the duplicates of its event. */
export function waitersIn(runs: ReadonlyStore<LiveRun>): WaitersOf {
  return run => {
    const live = run as LiveRun;
    const duplicates = runs.byIndex(RUN_INDEXES.duplicateOf, keyOf(live.metadata));
    const waiters = [...waitingParent(live, runs), ...sharers(live, runs), ...duplicates];
    return waiters.filter(({ status }) => !isTerminal(status?.phase));
  };
}

/** An event run says whether it is waited for, and whether it waits for its children, in one field. */
function waitingParent(run: LiveRun, runs: ReadonlyStore<LiveRun>): LiveRun[] {
  const parent = parentOf(run, runs);
  if (parent === undefined) return [];
  return waitsForChildren(run.spec.event === undefined ? parent : run) ? [parent] : [];
}

/** Those that have said so in its annotations. */
function sharers(run: LiveRun, runs: ReadonlyStore<LiveRun>): LiveRun[] {
  return awaitersOf(run).flatMap(({ uid, key }) => {
    const found = runs.get(key);
    return found?.metadata.uid === uid ? [found] : [];
  });
}
