import {
  type DetailedError,
  type ErrorType,
  isTerminal,
  MAX_DETAILED_ERRORS,
  MAX_ERROR_MESSAGE,
  type Phase,
} from '../api/takorun-status.ts';
import { compareText } from './fingerprint.ts';
import { shorten } from './shorten.ts';
import type { ChildState } from './summary.ts';

export interface ErrorList {
  /** The first of them, at most `MAX_DETAILED_ERRORS`. */
  readonly errors: readonly DetailedError[];
  /** How many are not listed. */
  readonly omitted: number;
}

/**
 * What went wrong below an event run, at any depth: the first by the time they ended. A child that failed because of what failed below it is
 * not listed, its descendants are: the root of a tree names the runs that somebody has to look at.
 *
 * Of a child in another namespace only its end and the error type are told, and nothing of what is below it: the rest may hold what that
 * namespace keeps to itself.
 */
export function detailedErrors(children: Iterable<ChildState>, parent: { readonly namespace: string }): ErrorList {
  const entries: Entry[] = [];
  let omitted = 0;
  for (const child of children) {
    const foreign = child.identity.namespace !== parent.namespace;
    const below = foreign ? NONE : (child.errorsBelow ?? NONE);
    entries.push(...below.errors.map(entryOf));
    omitted += below.omitted;
    if (isTerminal(child.phase) && child.phase !== 'Succeeded' && !isExplainedBelow(child, below)) {
      entries.push({ error: foreign ? foreignError(child) : ownError(child), ended: endOf(child) });
    }
  }
  return first(entries, omitted);
}

const NONE: ErrorList = { errors: [], omitted: 0 };

/** The errors of a workflow run: those of its event runs. */
export function mergeErrors(lists: readonly ErrorList[]): ErrorList {
  return first(
    lists.flatMap(({ errors }) => errors.map(entryOf)),
    lists.reduce((sum, list) => sum + list.omitted, 0),
  );
}

/** Whether a run failed only because of what failed below it, and that is told. */
function isExplainedBelow({ failedBelow }: ChildState, below: ErrorList): boolean {
  return failedBelow === true && below.errors.length > 0;
}

interface Entry {
  readonly error: DetailedError;
  /** Milliseconds since the epoch; Infinity when nobody knows. */
  readonly ended: number;
}

function entryOf(error: DetailedError): Entry {
  const { startTime, durationMilliseconds } = error;
  const isKnown = startTime !== undefined && durationMilliseconds !== undefined;
  return { error, ended: isKnown ? Date.parse(startTime) + durationMilliseconds : Number.POSITIVE_INFINITY };
}

/** Each list that went in was the first of its own, so that these are the first of all. */
function first(entries: readonly Entry[], omitted: number): ErrorList {
  const errors = entries
    .toSorted(compareEntries)
    .slice(0, MAX_DETAILED_ERRORS)
    .map(({ error }) => error);
  return { errors, omitted: omitted + entries.length - errors.length };
}

function compareEntries(one: Entry, other: Entry): number {
  return (
    // Infinity less Infinity is no number, and so no difference.
    one.ended - other.ended ||
    compareText(one.error.repository, other.error.repository) ||
    compareText(one.error.workflow, other.error.workflow) ||
    compareText(one.error.runId ?? '', other.error.runId ?? '')
  );
}

function endOf({ completionTime }: ChildState): number {
  return completionTime === undefined ? Number.POSITIVE_INFINITY : Date.parse(completionTime);
}

function ownError(child: ChildState): DetailedError {
  const { startTime, completionTime, attempts } = child;
  const duration = startTime && completionTime ? Date.parse(completionTime) - Date.parse(startTime) : undefined;
  return {
    repository: child.repository,
    workflow: child.workflow,
    run: child.identity.name,
    ...(child.runId !== undefined && { runId: child.runId }),
    errorType: child.errorType ?? errorTypeOf(child.phase),
    errorMessage: shorten(child.message ?? `ended as ${child.phase}`, MAX_ERROR_MESSAGE),
    ...(startTime !== undefined && { startTime }),
    ...(duration !== undefined && { durationMilliseconds: Math.max(0, duration) }),
    retryCount: Math.max(0, (attempts ?? 1) - 1),
  };
}

function foreignError(child: ChildState): DetailedError {
  const { repository, workflow, phase, identity } = child;
  return {
    repository,
    workflow,
    errorType: child.errorType ?? errorTypeOf(phase),
    errorMessage: `ended as ${phase}: see TakoRun ${identity.name} in namespace ${identity.namespace}`,
  };
}

/** For a run that does not say itself. */
function errorTypeOf(phase: Phase | undefined): ErrorType {
  if (phase === 'TimedOut') return 'timeout';
  return phase === 'Canceled' ? 'canceled' : 'execution_failed';
}
