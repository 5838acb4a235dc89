import type { Completion } from '../../fanout/completion.ts';
import type { LiveRun } from './observed.ts';

type Ended = Extract<Completion, { state: 'ended' }>;
type StopCause = Extract<Completion, { state: 'stopping' }>['cause'];

/** Time between two looks at what is being stopped, milliseconds. */
export const STOPPING_LOOK_MS = 5_000;

/**
 * How long what runs below may take to end by itself at its deadline, milliseconds: it has inherited it, and says best itself that its time
 * was over. An agent needs its steps' grace period and a moment to report.
 */
const OWN_END_MS = 30_000;

/** Whether what runs below has to be told to end. */
export function mustStop(cause: StopCause, deadlineMs: number, now: number): boolean {
  return cause === 'Cancel' || now >= deadlineMs + OWN_END_MS;
}

export function stoppingReason(cause: StopCause): 'Canceling' | 'TimingOut' {
  return cause === 'Cancel' ? 'Canceling' : 'TimingOut';
}

/** The end of a run: one that was stopped because its time was over has timed out, though its children had to be canceled for that. */
export function endedInTime(ended: Ended, run: LiveRun): Ended {
  const before = run.status?.conditions?.find(condition => condition.type === 'Ready');
  if (ended.phase !== 'Failed' || ended.errorType === 'execution_failed') return ended;
  if (before?.reason !== stoppingReason('Timeout')) return ended;
  return {
    ...ended,
    phase: 'TimedOut',
    errorType: 'timeout',
    reason: 'DeadlineExceeded',
    message: `the time limit passed: ${ended.message}`,
    timeoutExceeded: true,
  };
}
