import { isTerminal, type RunReference } from '../../api/takorun.ts';
import { keyOf } from '../../kube/objects.ts';
import type { ReadonlyStore } from '../../kube/store.ts';
import type { LiveRun } from './observed.ts';
import type { Lineage } from './workflow-observation.ts';

/** How the runs above this one stand. */
export function lineageOf(run: LiveRun, runs: ReadonlyStore<LiveRun>): Lineage {
  if (run.spec.parent === undefined) return 'live';
  const parent = find(run, run.spec.parent.run, runs);
  const root = find(run, run.spec.parent.root, runs);
  if (parent === undefined || root === undefined) return 'gone';
  if (parent.metadata.deletionTimestamp !== undefined || root.metadata.deletionTimestamp !== undefined) return 'ending';
  const { phase } = parent.status ?? {};
  // An event run that failed has no children that count; one that succeeded may not have waited for them.
  return parent.spec.event !== undefined && isTerminal(phase) && phase !== 'Succeeded' ? 'gone' : 'live';
}

/** The run that started this one, while it exists. */
export function parentOf(run: LiveRun, runs: ReadonlyStore<LiveRun>): LiveRun | undefined {
  return run.spec.parent === undefined ? undefined : find(run, run.spec.parent.run, runs);
}

/**
 * A run's tree is in its own namespace. A reference to another one was written by somebody who may not read there, and would get
 * that event's payload.
 */
function find(run: LiveRun, { namespace, name, uid }: RunReference, runs: ReadonlyStore<LiveRun>): LiveRun | undefined {
  if (namespace !== run.metadata.namespace) return undefined;
  const found = runs.get(keyOf({ namespace, name }));
  return found?.metadata.uid === uid ? found : undefined;
}
