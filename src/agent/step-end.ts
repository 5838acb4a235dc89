import type { StepStatus } from '../api/takorun-status.ts';
import type { Mask } from './protocol/mask.ts';
import { describeOutcome, type ScriptOutcome } from './protocol/outcome.ts';

/** The reason of the signal that ends a run at its deadline. */
export const TIMEOUT = new Error('the time limit of the run is over');

/** How a step ended. */
export type StepEnd =
  | {
      readonly kind: 'succeeded';
      readonly exitCode?: number;
      /** Its children still run, and the run waits for them without a Pod. */
      readonly waitFor?: true;
    }
  /** Its `if` was false. */
  | { readonly kind: 'skipped' }
  | {
      readonly kind: 'failed';
      /** CamelCase. */
      readonly reason: string;
      readonly message: string;
      readonly exitCode?: number;
      /** It could not be run at all: not the step's doing. */
      readonly execution?: true;
      /** The last lines that it wrote, masked. */
      readonly output?: string;
    }
  /** The run's time was over, or its Pod is being deleted. `output`: as above. */
  | { readonly kind: 'stopped'; readonly output?: string };

export type StepFailure = Extract<StepEnd, { kind: 'failed' }>;

/** An end that is no success, with the last lines of the step's output. */
export function withOutput(end: StepEnd, output: string): StepEnd {
  if (output === '' || (end.kind !== 'failed' && end.kind !== 'stopped')) return end;
  return { ...end, output };
}

/** What a script's outcome means for its step. */
export function endOfScript(outcome: ScriptOutcome, signal: AbortSignal): StepEnd {
  if (signal.aborted) return { kind: 'stopped' };
  if (outcome.kind === 'exited' && outcome.code === 0) return { kind: 'succeeded', exitCode: 0 };
  const message = describeOutcome(outcome);
  switch (outcome.kind) {
    case 'exited':
      return { kind: 'failed', reason: 'StepFailed', message, exitCode: outcome.code };
    case 'supervisorLost':
      return { kind: 'failed', reason: 'StepLost', message };
    case 'containerDied':
      return { kind: 'failed', reason: 'StepContainerDied', message };
    case 'neverStarted':
      return { kind: 'failed', execution: true, reason: 'StepNotStarted', message };
  }
}

/** A step for the run's status. */
export function stepStatus(id: string, end: StepEnd, ms: number, signal: AbortSignal, mask: Mask): StepStatus {
  const durationMilliseconds = Math.round(ms);
  switch (end.kind) {
    case 'skipped':
      return { id, phase: 'Skipped', durationMilliseconds };
    case 'succeeded':
      return {
        id,
        phase: 'Succeeded',
        ...(end.exitCode === undefined ? {} : { exitCode: end.exitCode }),
        durationMilliseconds,
      };
    case 'failed':
      return {
        id,
        phase: 'Failed',
        ...(end.exitCode === undefined ? {} : { exitCode: end.exitCode }),
        durationMilliseconds,
        message: cut(mask.text(end.message)),
      };
    case 'stopped':
      return { id, phase: signal.reason === TIMEOUT ? 'TimedOut' : 'Canceled', durationMilliseconds };
  }
}

/** Longest message of a result, UTF-16 units; the contract allows 1,024. */
const MAX_MESSAGE = 1_000;

/** Cuts a message to what a result may hold. */
export function cut(text: string): string {
  return text.length <= MAX_MESSAGE ? text : `${text.slice(0, MAX_MESSAGE - 1).toWellFormed()}…`;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
