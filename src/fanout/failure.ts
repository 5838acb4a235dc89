import type { TakoRunStatus } from '../api/takorun-status.ts';
import type { RunObject } from './objects.ts';

/** Reasons of a run whose fan-out did what it should, and whose children did not. */
const CHILDREN = new Set(['ChildrenFailed', 'FanOutTimedOut']);

/**
 * Whether a run ended without success because of the runs below it, so that they say better than itself what went wrong: children that it
 * waited for failed, or had not ended when its time was over.
 */
export function failedBelow({ status }: Pick<RunObject, 'status'>): boolean {
  if (status?.phase !== 'Failed' && status?.phase !== 'TimedOut') return false;
  return CHILDREN.has(readyReason(status) ?? '') || (status.phase === 'TimedOut' && stepsEndedWell(status));
}

/** Whether all steps of a run are known to have ended well. */
export function stepsEndedWell({ steps = [], stepsOmitted }: TakoRunStatus): boolean {
  if (steps.length === 0 || stepsOmitted !== undefined) return false;
  return steps.every(({ phase }) => phase === 'Succeeded' || phase === 'Skipped');
}

/** Reason of the condition Ready. */
export function readyReason(status: TakoRunStatus | undefined): string | undefined {
  return status?.conditions?.find(({ type }) => type === 'Ready')?.reason;
}
