import type { RunEvent } from '../api/takorun.ts';
import { MAX_SKIPPED, type SkippedSubscriber } from '../api/takorun-status.ts';
import { parseVersionRange, satisfies } from '../workflow/version-range.ts';
import { accepts, type EmitterNamespace } from './consent.ts';
import type { Subscriber } from './subscribers.ts';

/** Longest message of a skipped subscriber, characters (the bound of TakoRun's status). */
const MAX_MESSAGE = 512;
/** How much of a filter such a message quotes, characters: the reason must fit behind it. */
const MAX_FILTER = 200;

/** A subscription that matches unless one of its filters says no. */
export interface Candidate {
  readonly subscriber: Subscriber;
  /** CEL; all must be true. */
  readonly filters: readonly string[];
}

/** What a CEL filter said about the event, or why it could not say anything. */
export type FilterResult =
  | { readonly kind: 'value'; readonly value: boolean }
  | { readonly kind: 'error'; readonly message: string };

export interface CandidateResult {
  readonly candidates: readonly Candidate[];
  readonly skipped: readonly SkippedSubscriber[];
  /** Repositories that listen to the event's source and type, those without consent included. */
  readonly subscribersFound: number;
  /** Repositories of other namespaces that do not accept the emitter's events. Only their number may be told. */
  readonly withoutConsent: number;
}

/**
 * First stage: all that needs no CEL. `subscribers` are those that the index found for the event's source and type.
 *
 * Consent comes first, so that nothing about a repository that wants no part in this gets into the emitter's status.
 */
export function candidates(
  event: RunEvent,
  subscribers: readonly Subscriber[],
  emitter: EmitterNamespace,
): CandidateResult {
  const willing = subscribers.filter(subscriber => accepts(subscriber, emitter));
  const subscribersFound = countRepositories(subscribers);
  const found: Candidate[] = [];
  const skipped: SkippedSubscriber[] = [];
  for (const subscriber of willing) {
    const obstacle = obstacleOf(subscriber) ?? versionObstacle(event, subscriber);
    if (obstacle === undefined) found.push({ subscriber, filters: subscriber.subscription.filters ?? [] });
    else skipped.push(skip(subscriber, obstacle.reason, obstacle.message));
  }
  return {
    candidates: found,
    skipped,
    subscribersFound,
    withoutConsent: subscribersFound - countRepositories(willing),
  };
}

/**
 * The filters to evaluate, each text once: a filter sees the event and nothing of the subscriber, so one result stands for all who wrote
 * the same.
 */
export function filterExpressions(found: readonly Candidate[]): string[] {
  return [...new Set(found.flatMap(candidate => candidate.filters))];
}

export interface MatchResult {
  readonly matched: readonly Subscriber[];
  readonly skipped: readonly SkippedSubscriber[];
}

/**
 * Second stage: filters, then one subscription a workflow. In one repository the first that matches wins, in file order; a later one that
 * would match too is a `LaterSubscription`, one that would not says its own reason.
 *
 * `results` holds what `filterExpressions` gave, by expression. One that is missing counts as a filter that could not be evaluated.
 */
export function decide(found: readonly Candidate[], results: ReadonlyMap<string, FilterResult>): MatchResult {
  const winners = new Map<string, Subscriber>();
  const matched: Subscriber[] = [];
  const skipped: SkippedSubscriber[] = [];
  for (const { subscriber, filters } of found) {
    const obstacle = filterObstacle(filters, results);
    const key = `${subscriber.namespace} ${subscriber.repository} ${subscriber.subscription.workflow}`;
    const winner = winners.get(key);
    if (obstacle !== undefined) {
      skipped.push(skip(subscriber, obstacle.reason, obstacle.message));
    } else if (winner !== undefined) {
      const message = `subscription ${winner.subscription.index + 1} of the file matches first and runs the same workflow`;
      skipped.push(skip(subscriber, 'LaterSubscription', message));
    } else {
      winners.set(key, subscriber);
      matched.push(subscriber);
    }
  }
  return { matched, skipped };
}

/** The part of `status.fanOut` that tells who did not run: all counted, the first `MAX_SKIPPED` named. */
export function skippedStatus(skipped: readonly SkippedSubscriber[]): {
  skippedCount: number;
  skipped: SkippedSubscriber[];
} {
  return { skippedCount: skipped.length, skipped: skipped.slice(0, MAX_SKIPPED) };
}

/** A skipped subscription as TakoRun's status has it, its message cut to the bound there. */
export function skip(subscriber: Subscriber, reason: SkippedSubscriber['reason'], message: string): SkippedSubscriber {
  return {
    repository: subscriber.slug,
    workflow: subscriber.subscription.workflow,
    reason,
    message: cut(message, MAX_MESSAGE),
  };
}

function cut(text: string, maxLength: number): string {
  return text.length > maxLength ? `${text.slice(0, maxLength - 1)}…` : text;
}

type Obstacle = Pick<SkippedSubscriber, 'reason'> & { message: string };

function obstacleOf(subscriber: Subscriber): Obstacle | undefined {
  const { namespace, repository } = subscriber;
  if (subscriber.suspended) {
    return { reason: 'Suspended', message: `TakoRepository ${namespace}/${repository} has spec.suspend: true` };
  }
  if (subscriber.deleting) {
    return { reason: 'NotReady', message: `TakoRepository ${namespace}/${repository} is being deleted` };
  }
  if (subscriber.revision === undefined) {
    return { reason: 'NotReady', message: `TakoRepository ${namespace}/${repository} has no revision to run yet` };
  }
  return undefined;
}

function versionObstacle(event: RunEvent, { subscription }: Subscriber): Obstacle | undefined {
  const wanted = subscription.schemaVersion;
  if (wanted === undefined) return undefined;
  const parsed = parseVersionRange(wanted);
  if (!parsed.ok) return { reason: 'Schema', message: parsed.message };
  if (event.schemaVersion === undefined) {
    return { reason: 'Schema', message: `the subscription wants schema version ${wanted}, the event has none` };
  }
  if (satisfies(event.schemaVersion, parsed.range)) return undefined;
  return { reason: 'Schema', message: `schema version ${event.schemaVersion} is not in ${wanted}` };
}

function filterObstacle(filters: readonly string[], results: ReadonlyMap<string, FilterResult>): Obstacle | undefined {
  for (const filter of filters) {
    const result = results.get(filter) ?? { kind: 'error', message: 'it was not evaluated' };
    const shown = cut(filter, MAX_FILTER);
    if (result.kind === 'error') return { reason: 'FilterError', message: `filter ${shown}: ${result.message}` };
    if (!result.value) return { reason: 'FilterFalse', message: `filter ${shown} is false` };
  }
  return undefined;
}

function countRepositories(subscribers: readonly Subscriber[]): number {
  return new Set(subscribers.map(subscriber => `${subscriber.namespace} ${subscriber.repository}`)).size;
}
