import { ANNOTATIONS } from '../../api/meta.ts';
import type { RetryStatus } from '../../api/takorun-status.ts';
import { toTimestamp } from '../../api/timestamp.ts';
import type { RunObject } from '../../fanout/objects.ts';
import { type Below, isDue, type RetryContext, retryRequest } from '../../fanout/retry-tree.ts';
import type { Action, Decision, EventIntent } from './decision.ts';
import { NOTHING } from './decision.ts';
import type { LiveRun } from './observed.ts';
import type { StatusBody } from './status.ts';

/** Children that are told in one go: at the operator's 50 requests a second some seconds, in which nothing else happens to the run. */
const MAX_TOLD = 100;
/** Time until the next look at children that are still to be told, milliseconds. */
const TELLING_LOOK_MS = 1_000;

/** What the status of a run that goes on again no longer says. */
export const REOPENED = {
  completionTime: undefined,
  errorType: undefined,
  timeoutExceeded: undefined,
  queuedTime: undefined,
} as const satisfies Partial<StatusBody>;

export interface TakeUp {
  /** Its own part is repeated. */
  readonly again: (changes: Partial<StatusBody>, message: string) => Decision;
  /** It waits for what is below it once more. */
  readonly below: (changes: Partial<StatusBody>, message: string) => Decision;
}

/**
 * Takes up the retry that the annotations of a finished run ask for; undefined when they ask for nothing new. A run that succeeded stays so:
 * it did not wait for what failed below it.
 */
export function takeUpRetry(run: LiveRun, context: RetryContext, takeUp: TakeUp): Decision | undefined {
  const request = retryRequest(run, context);
  const { retry } = request.kind === 'none' ? {} : request;
  switch (request.kind) {
    case 'none':
      return undefined;
    case 'refused':
      return { ...NOTHING, status: { retry }, events: [told('Warning', 'RetryRefused', request.retry)] };
    case 'accepted': {
      const events = run.spec.parent === undefined ? [told('Normal', 'Retrying', request.retry)] : [];
      if (run.status?.phase === 'Succeeded') return { ...NOTHING, status: { retry }, events };
      return { ...takeUp[request.how]({ ...REOPENED, retry }, request.retry.message), events };
    }
  }
}

function told(type: EventIntent['type'], reason: string, { message }: RetryStatus): EventIntent {
  return { type, reason, message };
}

export interface RetryBelow {
  readonly run: LiveRun;
  /** Runs that it started and that count. */
  readonly children: readonly RunObject[];
  readonly below: Below;
  /** When the run ends at the latest, milliseconds since the epoch. */
  readonly deadlineMs: number;
}

/** A decision, and with it that the children are told of a retry which are still to take it up. */
export function tellingOfRetry(decision: Decision, { run, children, below, deadlineMs }: RetryBelow): Decision {
  const retry = run.status?.retry;
  const untold = children.filter(child => isDue(child, retry, below) && !isTold(child, retry));
  if (retry === undefined || untold.length === 0) return decision;
  const actions = untold.slice(0, MAX_TOLD).map(
    ({ metadata }): Action => ({
      kind: 'retryRun',
      namespace: metadata.namespace!,
      name: metadata.name!,
      requestedAt: retry.requestedAt,
      deadline: toTimestamp(deadlineMs),
    }),
  );
  return {
    ...decision,
    after: [...decision.after, ...actions],
    requeueAfterMs: Math.min(TELLING_LOOK_MS, decision.requeueAfterMs ?? TELLING_LOOK_MS),
  };
}

function isTold({ metadata }: RunObject, retry: RetryStatus | undefined): boolean {
  return metadata.annotations?.[ANNOTATIONS.retryAt] === retry?.requestedAt;
}
