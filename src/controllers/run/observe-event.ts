import { isTerminal } from '../../api/takorun-status.ts';
import { isElsewhere, waitsForChildren } from '../../fanout/parentage.ts';
import type { WorkflowRunner } from '../../fanout/runner.ts';
import { waitCycle, wayText } from '../../fanout/wait-cycle.ts';
import type { Expectations } from '../../kube/expectations.ts';
import { keyOf } from '../../kube/objects.ts';
import type { ReadonlyStore } from '../../kube/store.ts';
import { ChildRefusedError, isRefusal, refusedHere } from './child-refused.ts';
import { type ClaimContext, claimEvent, peekClaim } from './event-claim.ts';
import { type EventObservation, eventDeadline } from './event-observation.ts';
import { type ExpandContext, type Expansion, expandEvent } from './expand.ts';
import { below, RUN_INDEXES, sharedRuns } from './indexes.ts';
import { ancestorsOf, lineageOf, parentOf } from './lineage.ts';
import type { LiveRun } from './observed.ts';
import type { RunOptions } from './options.ts';
import type { TreeBudget } from './tree-budget.ts';
import { waitersIn } from './waiters.ts';

export interface EventContext {
  readonly client: ClaimContext['client'];
  readonly runs: ReadonlyStore<LiveRun>;
  readonly runner: WorkflowRunner;
  readonly expectations: Expectations;
  readonly options: RunOptions;
  readonly expand: Omit<ExpandContext, 'runner' | 'budget' | 'claim' | 'peekClaim' | 'waitersOf'>;
  readonly budget: TreeBudget;
  /** Puts the finalizer on a run that keeps it until its children in other namespaces are gone. Gives the run with it. */
  readonly hold: (run: LiveRun, signal: AbortSignal) => Promise<LiveRun>;
}

/**
 * Gathers what a decision about an event run needs, which creates its children while it is not expanded. Undefined while the store does not
 * show all children that were created: missing ones would count as canceled.
 */
export async function observeEvent(
  run: LiveRun,
  now: number,
  context: EventContext,
  signal: AbortSignal,
): Promise<EventObservation | undefined> {
  const { runs, expectations, options, budget } = context;
  const key = keyOf(run.metadata);
  const children = runs.byIndex(RUN_INDEXES.parent, run.metadata.uid);
  const shared = sharedRuns(run, runs);
  for (const child of [...children, ...shared]) expectations.creationObserved(key, child.metadata.name);
  const settled = expectations.satisfied(key);
  const observation: EventObservation = {
    run,
    now,
    options,
    children,
    shared,
    settled,
    lineage: lineageOf(run, runs),
    parent: parentOf(run, runs),
    below: below(runs),
    above: one => ancestorsOf(one as LiveRun, runs),
  };
  if (run.status?.fanOut?.expanded === true) {
    if (!settled) return undefined;
    budget.release(key);
    return { ...observation, cycle: cycleOf(observation, runs) };
  }
  if (isTerminal(run.status?.phase)) {
    budget.release(key);
    return observation;
  }
  if (observation.lineage !== 'live' || run.spec.cancel === true || run.spec.suspend === true) {
    return observation;
  }
  const deadlineMs = eventDeadline(observation);
  if (now >= deadlineMs) return observation;
  let held: Promise<LiveRun> | undefined;
  const runner = startingFor(run, context, () => (held ??= context.hold(run, signal)));
  const expandContext: ExpandContext = {
    ...context.expand,
    runner,
    budget,
    claim: (event, claiming) => claimEvent(event, now, context, claiming),
    peekClaim: (event, peeking) => peekClaim(event, now, context, peeking),
    waitersOf: waitersIn(runs),
  };
  const expansion = await expand(run, deadlineMs, now, expandContext, signal);
  return { ...observation, run: (await held) ?? run, expansion };
}

/** How a shared run waits for this event itself, which nobody could foresee when the two came to wait for each other at the same time. */
function cycleOf({ run, shared }: EventObservation, runs: ReadonlyStore<LiveRun>): string | undefined {
  if (isTerminal(run.status?.phase) || !waitsForChildren(run)) return undefined;
  const open = shared.filter(({ status }) => !isTerminal(status?.phase));
  const way = waitCycle(run, open, waitersIn(runs));
  return way === undefined ? undefined : wayText(way);
}

async function expand(
  run: LiveRun,
  deadlineMs: number,
  now: number,
  context: ExpandContext,
  signal: AbortSignal,
): Promise<Expansion> {
  try {
    return await expandEvent(run, deadlineMs, now, context, signal);
  } catch (error) {
    if (error instanceof ChildRefusedError) return refusedHere(error);
    throw error;
  }
}

/**
 * Starts the children of a run. Each is noted before it is created, so that no decision is taken before the store shows it, and before the
 * first in another namespace the run is held: were it deleted a moment later, nothing else would know of that child.
 */
function startingFor(
  run: LiveRun,
  { runner, expectations }: EventContext,
  hold: () => Promise<unknown>,
): Pick<WorkflowRunner, 'start' | 'share'> {
  const key = keyOf(run.metadata);
  return {
    async start(manifest, options) {
      if (isElsewhere(manifest, run.metadata.namespace)) await hold();
      const { name } = manifest.metadata;
      expectations.expectCreations(key, [name]);
      try {
        const started = await runner.start(manifest, options);
        // It will never be among this run's children.
        if (started.shared) expectations.creationObserved(key, name);
        return started;
      } catch (error) {
        expectations.creationObserved(key, name);
        throw isRefusal(error) ? new ChildRefusedError(manifest.metadata, error) : error;
      }
    },
    async share(child, waiter, options) {
      expectations.expectCreations(key, [child.name]);
      let noted = false;
      try {
        noted = await runner.share(child, waiter, options);
        return noted;
      } catch (error) {
        throw isRefusal(error) ? new ChildRefusedError(child, error) : error;
      } finally {
        if (!noted) expectations.creationObserved(key, child.name);
      }
    },
  };
}
