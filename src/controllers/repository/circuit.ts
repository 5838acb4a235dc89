import type { Condition } from '../../api/common.ts';
import type { BreakerStatus } from '../../api/takorepository.ts';
import { toTimestamp } from '../../api/timestamp.ts';
import type { LiveRepository } from '../run/observed.ts';
import type { PlannedEvent } from './plan.ts';

/** Workflows that the condition names; all of them are in `status.breakers`. */
const MAX_NAMED = 5;

/**
 * The condition CircuitOpen: True while the breaker of a workflow is not closed, False after that, absent when none was ever open. It is beside
 * Ready, which speaks of the file: a repository whose workflow cannot be executed is still in force.
 */
export function circuitCondition(
  repository: LiveRepository,
  breakers: readonly BreakerStatus[] | undefined,
  now: Date,
): Condition | undefined {
  const before = repository.status?.conditions?.find(({ type }) => type === 'CircuitOpen');
  if (breakers === undefined && before === undefined) return undefined;
  const state = circuitState(breakers ?? []);
  return {
    type: 'CircuitOpen',
    ...state,
    observedGeneration: repository.metadata.generation ?? 0,
    lastTransitionTime: before?.status === state.status ? before.lastTransitionTime : toTimestamp(now.getTime()),
  };
}

/** An event for each breaker that has changed its state. */
export function circuitEvents(
  before: readonly BreakerStatus[] | undefined,
  after: readonly BreakerStatus[] | undefined,
): PlannedEvent[] {
  const states = new Map(before?.map(({ workflow, state }) => [workflow, state]));
  const changed = (after ?? []).filter(({ workflow, state }) => (states.get(workflow) ?? 'Closed') !== state);
  return changed.map(breaker => ({
    type: breaker.state === 'Open' ? 'Warning' : 'Normal',
    reason: reasonOf(breaker),
    message: describe(breaker),
  }));
}

function circuitState(breakers: readonly BreakerStatus[]): Pick<Condition, 'status' | 'reason' | 'message'> {
  const bad = breakers.filter(({ state }) => state !== 'Closed');
  const [first] = [...bad.filter(({ state }) => state === 'Open'), ...bad];
  if (first === undefined) return { status: 'False', reason: 'CircuitClosed', message: '' };
  const more = bad.length > MAX_NAMED ? `; and ${bad.length - MAX_NAMED} more` : '';
  const message = `${bad.slice(0, MAX_NAMED).map(describe).join('; ')}${more}`;
  return { status: 'True', reason: reasonOf(first), message };
}

function reasonOf({ state }: BreakerStatus): 'CircuitOpen' | 'CircuitHalfOpen' | 'CircuitClosed' {
  switch (state) {
    case 'Open':
      return 'CircuitOpen';
    case 'HalfOpen':
      return 'CircuitHalfOpen';
    case 'Closed':
      return 'CircuitClosed';
  }
}

function describe({ workflow, state, failures, message, retryTime }: BreakerStatus): string {
  switch (state) {
    case 'Open':
      return `workflow ${workflow} is not run until ${retryTime}: the last ${failures} runs could not be executed, the last one: ${message}`;
    case 'HalfOpen':
      return `workflow ${workflow} is being tried again, after ${failures} runs that could not be executed`;
    case 'Closed':
      return `workflow ${workflow} can be executed again`;
  }
}
