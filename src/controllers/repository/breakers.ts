import type { BreakerStatus } from '../../api/takorepository.ts';
import { isTerminal } from '../../api/takorun-status.ts';
import { toTimestamp } from '../../api/timestamp.ts';
import {
  admits,
  afterOutcome,
  type Breaker,
  type BreakerOutcome,
  type BreakerPolicy,
  breakerAt,
  breakerOutcome,
  isTrial,
  restoreBreaker,
  toStatus,
} from '../../fanout/breaker.ts';
import type { Source } from '../../kube/controller.ts';
import { keyOf } from '../../kube/objects.ts';
import type { ReadonlyStore, StoreEvent } from '../../kube/store.ts';
import { POD_INDEXES, RUN_INDEXES, workflowKey } from '../run/indexes.ts';
import type { LiveRepository, LiveRun, ObservedPod } from '../run/observed.ts';

/** The breakers of all workflows, as the run controller asks them and the repository controller records them. */
export interface Breakers {
  /** Why a run may not start now, for people; undefined when it may. Only a look. */
  refusal(run: LiveRun, now: number): string | undefined;
  /** The same, and the run counts as one that is tried when the breaker is half-open. Asking again is no other one. */
  enter(run: LiveRun, now: number): string | undefined;
  /** What a repository's status has to say, sorted by workflow; undefined when none of its breakers was ever open. */
  statusOf(repository: LiveRepository, now: number): BreakerStatus[] | undefined;
  /** Milliseconds until that changes by itself; undefined when it does not. */
  untilChange(repository: LiveRepository, now: number): number | undefined;
  /** Repositories of which a breaker has changed its state. */
  readonly source: Source;
  /** How many are not closed, by state. */
  count(now: number): Record<'Open' | 'HalfOpen', number>;
}

export interface BreakersOptions {
  readonly runs: ReadonlyStore<LiveRun>;
  readonly pods: ReadonlyStore<ObservedPod>;
  readonly repositories: ReadonlyStore<LiveRepository>;
  readonly policy: BreakerPolicy;
}

interface Entry {
  readonly workflow: string;
  breaker: Breaker;
  /** Keys of runs that are tried. */
  readonly trials: Set<string>;
}

interface RepositoryEntries {
  readonly uid: string;
  readonly byWorkflow: Map<string, Entry>;
}

/**
 * Keeps the breakers in memory. They hold no truth of their own: the first time that one is asked for it is made from the repository's status,
 * which has its last transition, and from the runs since. So a restart, or another replica, comes to the same.
 */
export function createBreakers({ runs, pods, repositories, policy }: BreakersOptions): Breakers {
  const known = new Map<string, RepositoryEntries>();
  const listeners = new Set<(key: string) => void>();

  const tell = (repositoryKey: string): void => {
    for (const listener of listeners) listener(repositoryKey);
  };

  function entriesOf({ metadata }: LiveRepository): Map<string, Entry> {
    const key = keyOf(metadata);
    let found = known.get(key);
    if (found?.uid !== metadata.uid) {
      found = { uid: metadata.uid, byWorkflow: new Map() };
      known.set(key, found);
    }
    return found.byWorkflow;
  }

  function entryOf(repository: LiveRepository, workflow: string, now: number): Entry {
    const entries = entriesOf(repository);
    let entry = entries.get(workflow);
    if (entry === undefined) {
      entry = restore(repository, workflow, now);
      if (entries.size >= MAX_KEPT) forgetOneClosed(entries);
      entries.set(workflow, entry);
    }
    advance(keyOf(repository.metadata), entry, breakerAt(entry.breaker, now, policy));
    return entry;
  }

  function restore(repository: LiveRepository, workflow: string, now: number): Entry {
    const createdMs = Date.parse(repository.metadata.creationTimestamp);
    const all = runs.byIndex(RUN_INDEXES.workflow, workflowKey(keyOf(repository.metadata), workflow));
    const outcomes = all
      .map(breakerOutcome)
      .filter((outcome): outcome is BreakerOutcome => outcome !== undefined && outcome.endedMs >= createdMs);
    const recorded = repository.status?.breakers?.find(breaker => breaker.workflow === workflow);
    const breaker = breakerAt(restoreBreaker(recorded, outcomes, policy), now, policy);
    const trials = all.filter(run => breaker.state === 'HalfOpen' && isBeingTried(run, breaker.sinceMs));
    return { workflow, breaker, trials: new Set(trials.map(run => keyOf(run.metadata))) };
  }

  function isBeingTried(run: LiveRun, sinceMs: number): boolean {
    if (isDone(run)) return false;
    const started =
      run.status?.startTime ?? pods.byIndex(POD_INDEXES.run, keyOf(run.metadata))[0]?.metadata.creationTimestamp;
    return started !== undefined && isTrial({ startedMs: Date.parse(started) }, sinceMs);
  }

  function advance(repositoryKey: string, entry: Entry, next: Breaker): void {
    const before = entry.breaker.state;
    entry.breaker = next;
    if (next.state === before) return;
    if (next.state !== 'HalfOpen') entry.trials.clear();
    tell(repositoryKey);
  }

  runs.subscribe(event => {
    const run = event.type === 'deleted' ? event.old : event.object;
    const { workflow } = run.spec;
    if (workflow === undefined) return;
    const repositoryKey = keyOf({ namespace: run.metadata.namespace, name: workflow.repositoryRef.name });
    const entry = known.get(repositoryKey)?.byWorkflow.get(workflow.name);
    if (entry === undefined) return;
    if (event.type === 'deleted' || isDone(run)) entry.trials.delete(event.key);
    const outcome = hasJustEnded(event) ? breakerOutcome(run) : undefined;
    if (outcome !== undefined) advance(repositoryKey, entry, afterOutcome(entry.breaker, outcome, policy));
  });
  repositories.subscribe(event => {
    if (event.type === 'deleted') known.delete(event.key);
  });

  function ask(run: LiveRun, now: number, enters: boolean): string | undefined {
    const { workflow } = run.spec;
    if (workflow === undefined || policy.failures === 0) return undefined;
    const { namespace } = run.metadata;
    const repository = repositories.get(keyOf({ namespace, name: workflow.repositoryRef.name }));
    if (repository === undefined) return undefined;
    const { breaker, trials } = entryOf(repository, workflow.name, now);
    const key = keyOf(run.metadata);
    if (trials.has(key)) return undefined;
    if (!admits(breaker, trials.size, policy)) return refusalMessage(repository, workflow.name, breaker, policy);
    if (enters && breaker.state === 'HalfOpen') trials.add(key);
    return undefined;
  }

  function current(repository: LiveRepository, now: number): Entry[] {
    const recorded = repository.status?.breakers?.map(({ workflow }) => workflow) ?? [];
    const workflows = new Set([...recorded, ...entriesOf(repository).keys()]);
    return [...workflows].sort().map(workflow => entryOf(repository, workflow, now));
  }

  return {
    refusal: (run, now) => ask(run, now, false),
    enter: (run, now) => ask(run, now, true),
    statusOf(repository, now) {
      const offered = repository.status?.workflows?.map(({ name }) => name);
      const listed = current(repository, now)
        .map(({ workflow, breaker }) => toStatus(workflow, breaker, policy))
        .filter(status => status !== undefined)
        // A closed breaker of a workflow that is no more is of no use to anybody.
        .filter(({ workflow, state }) => state !== 'Closed' || offered === undefined || offered.includes(workflow));
      return listed.length === 0 ? undefined : listed.slice(0, MAX_LISTED);
    },
    untilChange(repository, now) {
      const waits = current(repository, now).flatMap(({ breaker }) =>
        breaker.state === 'Open' ? [breaker.sinceMs + policy.openMs - now] : [],
      );
      return waits.length === 0 ? undefined : Math.max(0, Math.min(...waits));
    },
    source: {
      start(enqueue) {
        listeners.add(enqueue);
        return () => void listeners.delete(enqueue);
      },
    },
    count(now) {
      const counts = { Open: 0, HalfOpen: 0 };
      for (const { byWorkflow } of known.values()) {
        for (const entry of byWorkflow.values()) {
          const { state } = breakerAt(entry.breaker, now, policy);
          if (state !== 'Closed') counts[state] += 1;
        }
      }
      return counts;
    },
  };
}

/** As in the CRD: a repository has no more workflows. */
const MAX_LISTED = 256;
/** Breakers of a repository in memory. Runs may name workflows that do not exist, and any number of them. */
const MAX_KEPT = 2 * MAX_LISTED;

/** It is made again from the runs when it is asked for. */
function forgetOneClosed(entries: Map<string, Entry>): void {
  const closed = [...entries.values()].find(({ breaker }) => breaker.state === 'Closed');
  if (closed !== undefined) entries.delete(closed.workflow);
}

/** Whether nothing of the run itself is executed any more. */
function isDone({ status }: LiveRun): boolean {
  return isTerminal(status?.phase) || status?.phase === 'Waiting';
}

function hasJustEnded(event: StoreEvent<LiveRun>): boolean {
  if (event.type === 'deleted' || !isTerminal(event.object.status?.phase)) return false;
  return event.type === 'added' || !isTerminal(event.old.status?.phase);
}

function refusalMessage(
  repository: LiveRepository,
  workflow: string,
  breaker: Breaker,
  { openMs, trials }: BreakerPolicy,
): string {
  const what = `workflow ${workflow} of ${repository.status?.slug ?? repository.metadata.name}`;
  if (breaker.state === 'Closed') return `${what} may run`;
  const why = `the last ${breaker.failures} runs could not be executed, the last one: ${breaker.cause}`;
  const when =
    breaker.state === 'Open'
      ? `it is tried again from ${toTimestamp(breaker.sinceMs + openMs)} on`
      : `it is being tried with ${trials} runs at a time, and others are refused until they have succeeded`;
  return `${what} is not run: ${why}; ${when}`;
}
