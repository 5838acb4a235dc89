import { isTerminal, type RunReference } from '../../api/takorun.ts';
import { keyOf } from '../../kube/objects.ts';
import type { ReadonlyStore } from '../../kube/store.ts';
import type { LiveRun } from './observed.ts';
import type { Lineage } from './workflow-observation.ts';

/** How the runs above this one stand. */
export function lineageOf(run: LiveRun, runs: ReadonlyStore<LiveRun>): Lineage {
  if (run.spec.parent === undefined) return 'live';
  const parent = find(run.spec.parent.run, runs);
  const root = find(run.spec.parent.root, runs);
  if (parent === undefined || root === undefined) return 'gone';
  if (parent.metadata.deletionTimestamp !== undefined || root.metadata.deletionTimestamp !== undefined) return 'ending';
  const { phase } = parent.status ?? {};
  // An event run that failed has no children that count; one that succeeded may not have waited for them.
  return parent.spec.event !== undefined && isTerminal(phase) && phase !== 'Succeeded' ? 'gone' : 'live';
}

/** The run that started this one, while it exists. */
export function parentOf(run: LiveRun, runs: ReadonlyStore<LiveRun>): LiveRun | undefined {
  return run.spec.parent === undefined ? undefined : find(run.spec.parent.run, runs);
}

function find({ namespace, name, uid }: RunReference, runs: ReadonlyStore<LiveRun>): LiveRun | undefined {
  const found = runs.get(keyOf({ namespace, name }));
  return found?.metadata.uid === uid ? found : undefined;
}
