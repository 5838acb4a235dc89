import { type DetailedError, type ErrorType, isTerminal, MAX_DETAILED_ERRORS, type Phase } from '../api/takorun.ts';
import { compareText } from './fingerprint.ts';
import type { ChildState } from './summary.ts';

/** Longest message of a detailed error, characters (the bound of TakoRun's status). */
const MAX_MESSAGE = 512;

export interface ErrorList {
  /** The first of them, at most `MAX_DETAILED_ERRORS`. */
  readonly errors: readonly DetailedError[];
  /** How many are not listed. */
  readonly omitted: number;
}

/**
 * What went wrong with the children that ended without success: the first by the time they ended. Of a child in another namespace than
 * its parent only phase and error type are told, for the message may hold what that namespace keeps to itself.
 */
export function detailedErrors(children: Iterable<ChildState>, parent: { readonly namespace: string }): ErrorList {
  const failed = [...children].filter(child => isTerminal(child.phase) && child.phase !== 'Succeeded');
  failed.sort(compareChildren);
  return bounded(
    failed.slice(0, MAX_DETAILED_ERRORS).map(child => toError(child, parent.namespace)),
    failed.length,
  );
}

/** The errors of a workflow run: those of its event runs, one after the other. */
export function mergeErrors(lists: readonly ErrorList[]): ErrorList {
  const errors = lists.flatMap(list => list.errors);
  return bounded(
    errors,
    lists.reduce((sum, list) => sum + list.errors.length + list.omitted, 0),
  );
}

function bounded(errors: readonly DetailedError[], total: number): ErrorList {
  const first = errors.slice(0, MAX_DETAILED_ERRORS);
  return { errors: first, omitted: total - first.length };
}

function compareChildren(one: ChildState, other: ChildState): number {
  return (
    compareText(one.completionTime ?? '', other.completionTime ?? '') ||
    compareText(one.identity.namespace, other.identity.namespace) ||
    compareText(one.identity.name, other.identity.name)
  );
}

function toError(child: ChildState, parentNamespace: string): DetailedError {
  const { startTime, completionTime, attempts } = child;
  const foreign = child.identity.namespace !== parentNamespace;
  const message = foreign ? `ended as ${child.phase} in namespace ${child.identity.namespace}` : child.message;
  const duration = startTime && completionTime ? Date.parse(completionTime) - Date.parse(startTime) : undefined;
  return {
    repository: child.repository,
    workflow: child.workflow,
    runId: child.runId ?? '',
    errorType: child.errorType ?? errorTypeOf(child.phase),
    errorMessage: (message ?? `ended as ${child.phase}`).slice(0, MAX_MESSAGE),
    ...(startTime !== undefined && { startTime }),
    ...(duration !== undefined && { durationMilliseconds: Math.max(0, duration) }),
    retryCount: Math.max(0, (attempts ?? 1) - 1),
  };
}

/** For a run that does not say itself. */
function errorTypeOf(phase: Phase | undefined): ErrorType {
  if (phase === 'TimedOut') return 'timeout';
  return phase === 'Canceled' ? 'canceled' : 'execution_failed';
}
