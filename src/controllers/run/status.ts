import {
  type DetailedError,
  MAX_ERROR_MESSAGE,
  MAX_PLANNED,
  type PlannedRun,
  type SkippedSubscriber,
  type TakoRunStatus,
} from '../../api/takorun-status.ts';
import type { PlannedChild } from '../../fanout/children.ts';
import type { ErrorList } from '../../fanout/errors.ts';
import { shorten } from '../../fanout/shorten.ts';

/** A status without what follows from the verdict. */
export type StatusBody = Omit<TakoRunStatus, 'conditions' | 'observedGeneration' | 'phase' | 'message'>;

/** A text of at most `max` UTF-16 units, with an ellipsis where it was cut, and no half of a character at the end. */
export function clip(text: string, max: number): string {
  if (text.length <= max) return text;
  const head = text.slice(0, max - 1);
  return `${head.isWellFormed() ? head : head.slice(0, -1)}…`;
}

/** The same, but cut in the middle: of errors that wrap others the cause stands at the end. */
export function clipMiddle(text: string, max: number): string {
  if (text.length <= max) return text;
  const head = clip(text, Math.ceil(max / 4));
  const tail = text.slice(text.length - (max - head.length));
  return head + (tail.isWellFormed() ? tail : tail.slice(1));
}

/**
 * A copy without lone surrogates, and without members that are undefined. The API server stores the ones as U+FFFD and never sees the
 * others, so a status that has one would differ from what is read back and be written again and again.
 */
export function wellFormed<T>(value: T): T {
  if (typeof value === 'string') return value.toWellFormed() as T;
  if (Array.isArray(value)) return value.map(wellFormed) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, member]) => (member === undefined ? [] : [[key, wellFormed(member)]])),
  ) as T;
}

/**
 * Bytes that all detailed errors of a status may have, and as many again all skipped subscribers: a status stays below 100 KiB. A dry run has
 * no errors, and as many bytes for what it would start.
 */
const LIST_BYTES = 40 * 1024;
/** Lengths of a message that are tried, UTF-16 units; the first is the API's bound. */
const MESSAGE_LENGTHS = [MAX_ERROR_MESSAGE, 1_024, 512, 256, 128, 64, 32, 1] as const;

/** The errors below a run for its status; both fields go when there are none any more. */
export function errorsStatus({
  errors,
  omitted,
}: ErrorList): Pick<StatusBody, 'detailedErrors' | 'detailedErrorsOmitted'> {
  return {
    detailedErrors: errors.length === 0 ? undefined : boundErrors(errors),
    detailedErrorsOmitted: omitted === 0 ? undefined : omitted,
  };
}

/** The errors, their messages cut so far that all together keep a status small. */
function boundErrors(errors: readonly DetailedError[]): DetailedError[] {
  return bounded(errors, (error, max) => ({ ...error, errorMessage: shorten(error.errorMessage, max) }));
}

/** The skipped subscribers, likewise. */
export function boundSkipped(skipped: readonly SkippedSubscriber[]): SkippedSubscriber[] {
  return bounded(skipped, (one, max) =>
    one.message === undefined ? one : { ...one, message: clip(one.message, max) },
  );
}

function bounded<T>(list: readonly T[], cut: (one: T, max: number) => T): T[] {
  let result = [...list];
  for (const max of MESSAGE_LENGTHS) {
    result = list.map(one => cut(one, max));
    if (Buffer.byteLength(JSON.stringify(result)) <= LIST_BYTES) break;
  }
  return result;
}

/** The first children of a dry run, as many as a status may hold; inputs are told whole or not at all. */
export function boundPlanned(children: readonly PlannedChild[]): { planned: PlannedRun[]; omitted: number } {
  const planned: PlannedRun[] = [];
  let bytes = 0;
  for (const { slug, namespace, workflow, revision, inputs } of children.slice(0, MAX_PLANNED)) {
    const one = { repository: slug, namespace, workflow, revision, ...(hasMembers(inputs) ? { inputs } : {}) };
    bytes += Buffer.byteLength(JSON.stringify(one)) + 1;
    if (bytes > LIST_BYTES) break;
    planned.push(one);
  }
  return { planned, omitted: children.length - planned.length };
}

function hasMembers(object: object): boolean {
  return Object.keys(object).length > 0;
}
