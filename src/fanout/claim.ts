import { type ErrorType, isTerminal, type Phase } from '../api/takorun-status.ts';

/** How long an equal event takes the result of the first one, milliseconds. */
export const CLAIM_MS = 24 * 3_600_000;

/** What an event run has claimed, so that an equal event does not run again. */
export interface Claim {
  /** The run that holds it. Its UID decides: a name can be used again. */
  readonly holder: { readonly name: string; readonly uid: string };
  /** When it was created, by the API server's clock; milliseconds since the epoch. */
  readonly createdMs: number;
  readonly durationMs: number;
}

/** The run of an equal event, as far as the one that follows it reads it. */
export interface FirstRun {
  readonly name: string;
  readonly phase: Phase | undefined;
  readonly errorType?: ErrorType | undefined;
  readonly message?: string | undefined;
  /** Whether its children exist. */
  readonly expanded: boolean;
}

export interface ClaimState {
  readonly self: { readonly uid: string };
  /** Absent: nobody has claimed the event. */
  readonly claim?: Claim | undefined;
  /** The run that holds the claim; absent when it is gone. */
  readonly holder?: FirstRun | undefined;
  /** The run of an equal event that `status.duplicateOf` names already; absent when it is gone. */
  readonly following?: FirstRun | undefined;
  /** Milliseconds since the epoch, by the clock of whoever looks. */
  readonly now: number;
}

export type ClaimVerdict =
  /** Go on: the event is this run's. */
  | { readonly kind: 'mine' }
  /** Take it. A claim that is there is void. */
  | { readonly kind: 'free' }
  | { readonly kind: 'duplicate'; readonly of: FirstRun };

/**
 * Whose event it is. The claim is a record in the cluster that only the API server grants; whether it still stands follows from the run that
 * holds it, so that nobody has to give it back, and no crash can keep it:
 *
 * - a holder that failed, ran out of time, was canceled or was deleted has lost it;
 * - so has any holder after the claim's time, whatever it does.
 *
 * Who waits for a run already takes its result, also a bad one: ten duplicates of an event that fails do not run it ten times. It takes the
 * event over only when that run is deleted, for then there is no result to take.
 */
export function decideClaim({ self, claim, holder, following, now }: ClaimState): ClaimVerdict {
  if (claim?.holder.uid === self.uid) return { kind: 'mine' };
  if (claim === undefined || isExpired(claim, now)) {
    return following === undefined ? { kind: 'free' } : { kind: 'duplicate', of: following };
  }
  if (holder === undefined) return { kind: 'free' };
  const isLost = isTerminal(holder.phase) && holder.phase !== 'Succeeded';
  return isLost && following?.name !== holder.name ? { kind: 'free' } : { kind: 'duplicate', of: holder };
}

/** Whether a claim's time is over. Leases of such claims can be deleted. */
export function isExpired({ createdMs, durationMs }: Claim, now: number): boolean {
  return now >= createdMs + durationMs;
}

/** How a duplicate stands. */
export type DuplicateState =
  | { readonly kind: 'waiting'; readonly message: string }
  | {
      readonly kind: 'ended';
      readonly phase: 'Succeeded' | 'Failed' | 'TimedOut' | 'Canceled';
      readonly errorType?: ErrorType;
      readonly message: string;
    };

/** A duplicate ends when and as the first run does; one that waits for no children, as soon as the first run's event has gone out. */
export function duplicateState(first: FirstRun, { waitForChildren }: { waitForChildren: boolean }): DuplicateState {
  const equal = `an equal event is that of TakoRun ${first.name}`;
  const { phase, errorType } = first;
  switch (phase) {
    case 'Succeeded':
    case 'Failed':
    case 'TimedOut':
    case 'Canceled': {
      const message = `${equal}, whose result this run takes: ${first.message ?? phase}`;
      return { kind: 'ended', phase, message, ...(errorType === undefined ? {} : { errorType }) };
    }
    case undefined:
    case 'Pending':
    case 'Queued':
    case 'Running':
    case 'Waiting':
      return first.expanded && !waitForChildren
        ? { kind: 'ended', phase: 'Succeeded', message: `${equal}, which has gone out` }
        : { kind: 'waiting', message: `${equal}, which has not ended; this run takes its result` };
  }
}
