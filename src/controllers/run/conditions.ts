import type { Condition } from '../../api/common.ts';
import type { Phase } from '../../api/takorun-status.ts';
import type { TreeWarning } from '../../fanout/tree-warnings.ts';
import { clip } from './status.ts';

/** What a run's conditions say, before times and generations are added. */
export interface Verdict {
  readonly phase: Phase;
  /** CamelCase. */
  readonly reason: string;
  readonly message: string;
}

/** Longest message of a condition that we write, characters. */
const MAX_MESSAGE = 2_048;

/**
 * Ready, Reconciling and Stalled as kstatus reads them
 * (https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md): going on is Reconciling=True, a good end is
 * Ready=True, a bad end is Stalled=True. `lastTransitionTime` moves only when a status does.
 *
 * Warnings get conditions beside them, which kstatus does not look at. A warning that was given stays: what it warned of has happened.
 */
export function runConditions(
  verdict: Verdict,
  previous: readonly Condition[] | undefined,
  generation: number,
  now: string,
  warnings: readonly TreeWarning[] = [],
): Condition[] {
  const states = statesOf(verdict.phase);
  const own = (['Ready', 'Reconciling', 'Stalled'] as const).map(type => {
    const before = previous?.find(condition => condition.type === type);
    const status = states[type];
    return {
      type,
      status,
      observedGeneration: generation,
      lastTransitionTime: before?.status === status ? before.lastTransitionTime : now,
      reason: verdict.reason,
      message: clip(verdict.message, MAX_MESSAGE),
    };
  });
  const given = warnings.map(({ type, message }): Condition => {
    const before = previous?.find(condition => condition.type === type);
    return {
      type,
      status: 'True',
      observedGeneration: generation,
      lastTransitionTime: before?.lastTransitionTime ?? now,
      reason: type,
      message: clip(message, MAX_MESSAGE),
    };
  });
  const replaced = new Set([...own, ...given].map(({ type }) => type));
  return [...own, ...(previous ?? []).filter(({ type }) => !replaced.has(type)), ...given];
}

function statesOf(phase: Phase): Record<'Ready' | 'Reconciling' | 'Stalled', Condition['status']> {
  switch (phase) {
    case 'Succeeded':
      return { Ready: 'True', Reconciling: 'False', Stalled: 'False' };
    case 'Failed':
    case 'TimedOut':
    case 'Canceled':
      return { Ready: 'False', Reconciling: 'False', Stalled: 'True' };
    case 'Pending':
    case 'Queued':
    case 'Running':
    case 'Waiting':
      return { Ready: 'Unknown', Reconciling: 'True', Stalled: 'False' };
  }
}
