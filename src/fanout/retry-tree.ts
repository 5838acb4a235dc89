import { ANNOTATIONS } from '../api/meta.ts';
import { isTerminal, MAX_CHOSEN, type RetryStatus } from '../api/takorun-status.ts';
import { toTimestamp } from '../api/timestamp.ts';
import { stepsEndedWell } from './failure.ts';
import type { RunObject } from './objects.ts';

/**
 * The retry of a finished tree: what failed runs again, in place, and what succeeded is kept.
 *
 * A person annotates the root. From there it goes down level by level: a run that takes the retry up says so in its status, and then
 * annotates those of its children that are to take it up as well. Each of them does so once, as the status echoes the annotation. A
 * parent counts a child that is still to take it up as pending, so that it does not end before.
 */

/**
 * What a retry does with a finished run. `again`: its own part failed, so it gets another attempt, or matches its event anew. `below`: its
 * own part is good, and only what is below it is retried. `none`: there is nothing to do, or nothing to be done.
 */
export type RetryKind = 'none' | 'below' | 'again';

/** What is to be done with a finished run. A cancel cannot be taken back, so that what `spec.cancel` ended stays as it is. */
export function retryKind({ spec, status }: Pick<RunObject, 'spec' | 'status'>): RetryKind {
  if (!isTerminal(status?.phase) || spec.cancel === true || spec.dryRun === true) return 'none';
  // It has nothing of its own: the first one is to be retried.
  if (status?.duplicateOf !== undefined) return 'none';
  if (status?.phase === 'Succeeded') return hasFailedBelow(status) ? 'below' : 'none';
  return (spec.event === undefined ? hasRun(status) : status?.fanOut?.expanded === true) ? 'below' : 'again';
}

/** Whether the steps of a run ended well and left it fan-outs to wait for. */
function hasRun(status: RunObject['status']): boolean {
  return status?.childrenSummary !== undefined && stepsEndedWell(status);
}

/** A run may have succeeded although runs failed below it for which it did not wait. */
function hasFailedBelow({ treeSummary }: NonNullable<RunObject['status']>): boolean {
  return treeSummary !== undefined && treeSummary.failed + treeSummary.timedOut + treeSummary.canceled > 0;
}

/** Gives the runs that a run started. */
export type Below = (run: RunObject) => readonly RunObject[];

/** Whether a child is still to take up the last retry of the run that started it. */
export function isDue(child: RunObject, retry: RetryStatus | undefined, below: Below): boolean {
  // One that was refused has no start.
  if (retry?.startTime === undefined || child.status?.retry?.requestedAt === retry.requestedAt) return false;
  return retryKind(child) !== 'none' && hadEnded(child, retry.startTime) && isChosen(child, retry.only, below);
}

/**
 * Whether a run that another event of the tree has started is still to take up the retry that this event takes part in. It belongs to the
 * other branch, so that it does when that branch is retried as well, all the way down to it.
 *
 * @param above the runs above it, the parent first, the root last
 */
export function isDueElsewhere(
  shared: RunObject,
  above: readonly RunObject[],
  retry: RetryStatus | undefined,
  below: Below,
): boolean {
  const ofRoot = above.at(-1)?.status?.retry;
  if (retry?.startTime === undefined || ofRoot?.requestedAt !== retry.requestedAt) return false;
  const { requestedAt, only } = ofRoot;
  if (!isDue(shared, { ...ofRoot, only: undefined }, below)) return false;
  const takesPart = ({ status }: RunObject) =>
    status?.retry?.requestedAt === requestedAt && status.retry.startTime !== undefined;
  if (!above.every(run => takesPart(run) || retryKind(run) !== 'none')) return false;
  return only === undefined || isChosen(shared, only, below) || above.some(run => isNamed(run, only));
}

/** What came to an end after the retry had begun is its outcome. */
function hadEnded({ status }: RunObject, startTime: string): boolean {
  return status?.completionTime === undefined || Date.parse(status.completionTime) <= Date.parse(startTime);
}

/** Whether a run is on a chosen branch, or on the way to one. */
function isChosen(run: RunObject, only: readonly string[] | undefined, below: Below): boolean {
  if (only === undefined || isNamed(run, only)) return true;
  return below(run).some(child => retryKind(child) !== 'none' && isChosen(child, only, below));
}

/** Whether a branch is called by the name of this run, or by its repository. Event runs bear the name of the repository that emits. */
function isNamed({ metadata, spec, status }: RunObject, names: readonly string[]): boolean {
  return [metadata.name, spec.event === undefined ? status?.repository : undefined].some(
    name => name !== undefined && names.includes(name),
  );
}

/** Whether any run at or below this one would be repeated. */
function repeatsAnything(run: RunObject, below: Below): boolean {
  const kind = retryKind(run);
  return kind === 'again' || (kind === 'below' && below(run).some(child => repeatsAnything(child, below)));
}

/** What an annotation asks of a run. */
export type RetryRequest =
  /** Nothing that was not acted on. */
  | { readonly kind: 'none' }
  /** It cannot be done: `retry` says why. The run stays as it is. */
  | { readonly kind: 'refused'; readonly retry: RetryStatus }
  | { readonly kind: 'accepted'; readonly how: Exclude<RetryKind, 'none'>; readonly retry: RetryStatus };

export interface RetryContext {
  /** The run that started this one. */
  readonly parent?: Pick<RunObject, 'metadata' | 'status'> | undefined;
  readonly below: Below;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/**
 * Reads the annotations of a run. Those of a run that goes on are left until it has ended. Below a root only the retry of the parent
 * counts: a branch cannot be retried when what is above it has ended.
 */
export function retryRequest(run: RunObject, { parent, below, now }: RetryContext): RetryRequest {
  const { metadata, spec, status } = run;
  const asked = metadata.annotations?.[ANNOTATIONS.retryAt]?.slice(0, MAX_VALUE);
  if (asked === undefined || asked === status?.retry?.requestedAt || !isTerminal(status?.phase))
    return { kind: 'none' };
  const count = status?.retry?.count ?? 0;
  const refuse = (message: string): RetryRequest => ({
    kind: 'refused',
    retry: { requestedAt: asked, message: message.slice(0, MAX_MESSAGE), count },
  });
  if (!isTime(asked))
    return refuse(`${ANNOTATIONS.retryAt} is no time as in RFC 3339, such as ${toTimestamp(now)}: nothing runs again`);
  const isRoot = spec.parent === undefined;
  const above = parent?.status?.retry;
  if (!isRoot && (above?.startTime === undefined || above.requestedAt !== asked)) {
    const { root } = spec.parent!;
    return refuse(
      `only the root of a tree is retried: annotate TakoRun ${root.name} in namespace ${root.namespace}, and choose this branch with ${ANNOTATIONS.retryOnly}=${metadata.name}`,
    );
  }
  const how = retryKind(run);
  if (how === 'none') return refuse(nothingToRetry(run));
  if (isRoot && !repeatsAnything(run, below))
    return refuse('what failed below the run was canceled or deleted, and cannot be repeated: create another run');
  const attempts = status?.attempts?.at(-1)?.number ?? 0;
  if (how === 'again' && attempts >= MAX_ATTEMPTS)
    return refuse(`the run had ${attempts} attempts, and is not repeated any more: create another one`);
  const chosen = isRoot ? readChosen(metadata.annotations?.[ANNOTATIONS.retryOnly]) : above?.only;
  if (isRoot && chosen !== undefined) {
    const problem = chosenProblem(run, chosen, below);
    if (problem !== undefined) return refuse(problem);
  }
  // A run whose own part is repeated repeats all of it, and a branch that is chosen is chosen whole.
  const only = how === 'again' || chosen === undefined || isNamed(run, chosen) ? undefined : chosen;
  const deadline = isRoot ? undefined : readTime(metadata.annotations?.[ANNOTATIONS.retryDeadline]);
  return {
    kind: 'accepted',
    how,
    retry: {
      requestedAt: asked,
      message: how === 'again' ? 'the run is repeated' : 'what failed below the run is repeated',
      count: count + 1,
      startTime: toTimestamp(now),
      ...(deadline !== undefined && { deadline }),
      ...(only !== undefined && { only: [...only] }),
      attempts,
    },
  };
}

/** Attempts after which a run is not repeated: the API counts to 64, and a retry may need several (`spec.retry.limit`, 10 at most). */
const MAX_ATTEMPTS = 50;
/** Longest value of the annotation that is echoed, UTF-16 units. */
const MAX_VALUE = 64;
const MAX_MESSAGE = 1_024;
/** https://www.rfc-editor.org/rfc/rfc3339#section-5.6 */
const RFC_3339 = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)$/;

function isTime(text: string): boolean {
  return RFC_3339.test(text) && !Number.isNaN(Date.parse(text));
}

function readTime(text: string | undefined): string | undefined {
  return text !== undefined && isTime(text) ? toTimestamp(Date.parse(text)) : undefined;
}

function nothingToRetry({ spec, status }: RunObject): string {
  if (spec.cancel === true) return 'the run was canceled, which cannot be taken back: create another one';
  if (status?.duplicateOf !== undefined) return `the run took the result of ${status.duplicateOf}: annotate that one`;
  return status?.phase === 'Succeeded' ? 'nothing has failed: nothing runs again' : 'nothing can be repeated';
}

function readChosen(text: string | undefined): readonly string[] | undefined {
  const names = (text ?? '').split(',').map(name => name.trim());
  const chosen = names.filter((name, index) => name !== '' && names.indexOf(name) === index);
  return chosen.length === 0 ? undefined : chosen;
}

function chosenProblem(root: RunObject, chosen: readonly string[], below: Below): string | undefined {
  if (chosen.length > MAX_CHOSEN)
    return `${ANNOTATIONS.retryOnly} names ${chosen.length} branches, at most ${MAX_CHOSEN} are possible: leave it out to retry all`;
  const unknown = chosen.filter(name => !isChosen(root, [name], below));
  if (unknown.length === 0) return undefined;
  const what = 'names of runs or owner/repo of runs that failed in this tree';
  return `${ANNOTATIONS.retryOnly} names ${unknown.join(', ')}, where nothing failed: it takes ${what}; nothing runs again`;
}
