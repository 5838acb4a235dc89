import { isTerminal } from '../../api/takorun-status.ts';
import type { RunObject } from '../../fanout/objects.ts';
import type { Action } from './decision.ts';

/** Ends those of the runs that have not ended and were not told to. */
export function cancelRuns(runs: readonly RunObject[]): Action[] {
  return runs
    .filter(({ spec, status }) => !isTerminal(status?.phase) && spec.cancel !== true)
    .map(({ metadata }) => ({ kind: 'cancelRun', namespace: metadata.namespace!, name: metadata.name! }));
}
