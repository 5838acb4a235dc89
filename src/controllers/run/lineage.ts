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

/** Links of a chain of runs that are followed: twice the levels of a tree, as events stand between them, and some. */
const MAX_LINKS = 64;

/** The runs above this one as far as they exist, the parent first. */
export function ancestorsOf(run: LiveRun, runs: ReadonlyStore<LiveRun>): LiveRun[] {
  const above: LiveRun[] = [];
  for (let next = parentOf(run, runs); next !== undefined; next = parentOf(next, runs)) {
    above.push(next);
    if (above.length === MAX_LINKS) break;
  }
  return above;
}

/**
 * The run as it has to be taken: canceled when one above it is. The word is handed down the tree as well, level by level, but a run that is
 * created while that goes on would be missed, and would outlive those who should have told it.
 */
export function withCancelFromAbove(run: LiveRun, runs: ReadonlyStore<LiveRun>): LiveRun {
  if (run.spec.cancel === true || isTerminal(run.status?.phase)) return run;
  const isCanceled = ancestorsOf(run, runs).some(({ spec }) => spec.cancel === true);
  return isCanceled ? { ...run, spec: { ...run.spec, cancel: true } } : run;
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
