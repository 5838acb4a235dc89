import { isTerminal } from '../../api/takorun.ts';
import { RunConflictError, type WorkflowRunner } from '../../fanout/runner.ts';
import { type ApiError, isApiError } from '../../kube/errors.ts';
import type { Expectations } from '../../kube/expectations.ts';
import { keyOf } from '../../kube/objects.ts';
import type { ReadonlyStore } from '../../kube/store.ts';
import { type ClaimContext, claimEvent, peekClaim } from './event-claim.ts';
import { type EventObservation, eventDeadline } from './event-observation.ts';
import { type ExpandContext, type Expansion, expandEvent } from './expand.ts';
import { RUN_INDEXES } from './indexes.ts';
import { lineageOf } from './lineage.ts';
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
  const children = runs.byIndex(RUN_INDEXES.owner, run.metadata.uid);
  for (const child of children) expectations.creationObserved(key, child.metadata.name);
  const observation: EventObservation = { run, now, options, children, lineage: lineageOf(run, runs) };
  if (run.status?.fanOut?.expanded === true) {
    if (!expectations.satisfied(key)) return undefined;
    budget.release(key);
    return observation;
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
  return { ...observation, expansion: await expand(run, deadlineMs, now, context, signal) };
}

async function expand(
  run: LiveRun,
  deadlineMs: number,
  now: number,
  context: EventContext,
  signal: AbortSignal,
): Promise<Expansion> {
  const { budget, runs } = context;
  const expandContext: ExpandContext = {
    ...context.expand,
    runner: expecting(keyOf(run.metadata), context),
    budget,
    claim: (event, claiming) => claimEvent(event, now, context, claiming),
    peekClaim: (event, peeking) => peekClaim(event, now, context, peeking),
    waitersOf: waitersIn(runs),
  };
  try {
    return await expandEvent(run, deadlineMs, now, expandContext, signal);
  } catch (error) {
    if (error instanceof RunConflictError) return { kind: 'failed', reason: 'RunConflict', message: error.message };
    if (isApiError(error, 'invalid', 'forbidden', 'quotaExceeded')) return refused(error);
    throw error;
  }
}

/** A quota may have room later, and so on; what is wrong in itself stays so. */
function refused(error: ApiError): Expansion {
  const message = `the API server refuses a child run: ${error.message}`;
  switch (error.class) {
    case 'quotaExceeded':
      return { kind: 'waiting', reason: 'QuotaExceeded', message };
    case 'forbidden':
      return { kind: 'waiting', reason: 'ChildForbidden', message };
    default:
      return { kind: 'failed', reason: 'ChildInvalid', message };
  }
}

/** Notes each child before it is created, so that no decision is taken before the store shows it. */
function expecting(key: string, { runner, expectations }: EventContext): Pick<WorkflowRunner, 'start'> {
  return {
    async start(manifest, options) {
      const { name } = manifest.metadata;
      expectations.expectCreations(key, [name]);
      try {
        return await runner.start(manifest, options);
      } catch (error) {
        expectations.creationObserved(key, name);
        throw error;
      }
    },
  };
}
