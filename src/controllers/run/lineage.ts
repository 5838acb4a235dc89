import type { RunReference } from '../../api/takorun.ts';
import { isTerminal } from '../../api/takorun-status.ts';
import { isElsewhere, startedBy, waitsForChildren } from '../../fanout/parentage.ts';
import { keyOf } from '../../kube/objects.ts';
import type { ReadonlyStore } from '../../kube/store.ts';
import type { LiveRun } from './observed.ts';
import type { Lineage } from './workflow-observation.ts';

/** How the runs above this one stand, up to the root: nothing starts below one that is gone or going. */
export function lineageOf(run: LiveRun, runs: ReadonlyStore<LiveRun>): Lineage {
  const above = ancestorsOf(run, runs);
  const [parent] = above;
  const top = above.at(-1);
  if (parent === undefined || top === undefined) return run.spec.parent === undefined ? 'live' : 'gone';
  if (top.spec.parent !== undefined || !isSame(run.spec.parent?.root, top)) return 'gone';
  if (above.some(({ metadata }) => metadata.deletionTimestamp !== undefined)) return 'ending';
  const { phase, fanOut } = parent.status ?? {};
  if (isTerminal(phase) && phase !== 'Succeeded') {
    // An event run that failed has no children that count, and nobody waits for what a step of a failed run sent in its last moment; what
    // was not to be waited for goes on.
    return parent.spec.event !== undefined || waitsForChildren(run) ? 'gone' : 'live';
  }
  if (parent.spec.event === undefined) return 'live';
  return isElsewhere(run, parent.metadata.namespace) && fanOut?.expanded !== true ? 'early' : 'live';
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

/** The run that started this one, while it exists. One that the run only claims to have (`startedBy`) is none. */
export function parentOf(run: LiveRun, runs: ReadonlyStore<LiveRun>): LiveRun | undefined {
  const reference = startedBy(run);
  if (reference === undefined) return undefined;
  const found = runs.get(keyOf(reference));
  return found !== undefined && isSame(reference, found) ? found : undefined;
}

function isSame(reference: RunReference | undefined, { metadata }: LiveRun): boolean {
  return reference?.uid === metadata.uid && reference.namespace === metadata.namespace;
}
