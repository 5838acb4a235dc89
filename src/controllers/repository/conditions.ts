import type { Condition } from '../../api/common.ts';
import { toTimestamp } from '../../api/timestamp.ts';
import type { LiveRepository } from '../run/observed.ts';
import type { Finding } from './finding.ts';
import { type Effect, REASONS, SUSPENDED } from './reasons.ts';

export interface ConditionsInput {
  readonly repository: LiveRepository;
  readonly finding: Finding;
  readonly sameSource: boolean;
  readonly now: Date;
}

type Type = 'Ready' | 'Reconciling' | 'Stalled';
type State = Pick<Condition, 'status' | 'reason' | 'message'>;
/** A state to be set, or the condition as it was. */
type Next = State | Condition;

/**
 * Ready, Reconciling and Stalled, always all three, as kstatus reads them. What each reason does is said in reasons.ts.
 * `lastTransitionTime` moves only when a status does; a condition that is kept keeps its observedGeneration too.
 */
export function conditionsFor(input: ConditionsInput): Condition[] {
  const { repository, now } = input;
  const next = statesFor(input);
  return (['Ready', 'Reconciling', 'Stalled'] as const).map(type => {
    const state = next[type];
    if ('type' in state) return state;
    const before = previousOf(repository, type);
    return {
      type,
      ...state,
      observedGeneration: repository.metadata.generation ?? 0,
      lastTransitionTime: before?.status === state.status ? before.lastTransitionTime : toTimestamp(now.getTime()),
    };
  });
}

function statesFor(input: ConditionsInput): Record<Type, Next> {
  const { finding } = input;
  switch (finding.kind) {
    case 'suspended':
      return suspended(input);
    case 'found': {
      const no = off('Succeeded');
      return { Ready: on('Succeeded', describe(finding)), Reconciling: no, Stalled: no };
    }
    case 'failed':
      return failed(input, finding, REASONS[finding.reason]);
  }
}

function failed(
  { repository, sameSource }: ConditionsInput,
  { reason, message }: Extract<Finding, { kind: 'failed' }>,
  effect: Exclude<Effect, 'ready'>,
): Record<Type, Next> {
  const no: State = { status: 'False', reason, message };
  if (effect === 'stalled') return { Ready: no, Reconciling: off(reason), Stalled: on(reason, message) };
  const ready = previousOf(repository, 'Ready');
  const stalled = previousOf(repository, 'Stalled');
  const generation = repository.metadata.generation ?? 0;
  // What an earlier spec was found to be says nothing about this one, unless it was good and comes from the same place.
  const keepsReady = sameSource && (ready?.status === 'True' || ready?.observedGeneration === generation);
  const keepsStalled = sameSource && stalled?.observedGeneration === generation;
  return {
    Ready: ready !== undefined && keepsReady && !isTransient(ready.reason) ? ready : no,
    Reconciling: on(reason, message),
    Stalled: stalled !== undefined && keepsStalled ? stalled : off(reason),
  };
}

/** A Ready=False that only said why the server could not be asked is replaced by the newer reason. */
function isTransient(reason: string): boolean {
  return Object.hasOwn(REASONS, reason) && REASONS[reason as keyof typeof REASONS] === 'transient';
}

function suspended({ repository, sameSource }: ConditionsInput): Record<Type, Next> {
  const message = 'spec.suspend is set: changes are not looked for until it is taken away';
  const unknown: State = { status: 'Unknown', reason: SUSPENDED, message };
  return {
    Ready: (sameSource ? previousOf(repository, 'Ready') : undefined) ?? unknown,
    Reconciling: { status: 'False', reason: SUSPENDED, message },
    Stalled: (sameSource ? previousOf(repository, 'Stalled') : undefined) ?? off(SUSPENDED),
  };
}

function previousOf({ status }: LiveRepository, type: Type): Condition | undefined {
  return status?.conditions?.find(condition => condition.type === type);
}

function on(reason: string, message: string): State {
  return { status: 'True', reason, message };
}

function off(reason: string): State {
  return { status: 'False', reason, message: '' };
}

function describe({ ref, commit, summary }: Extract<Finding, { kind: 'found' }>): string {
  const name = ref?.replace(/^refs\/(heads|tags)\//, '');
  const workflows = count(summary.workflows?.length ?? 0, 'workflow');
  const subscriptions = count(summary.subscriptions?.length ?? 0, 'subscription');
  const where = name === undefined ? `commit ${commit.slice(0, 12)}` : `${name} at ${commit.slice(0, 12)}`;
  return `${where}: ${workflows}, ${subscriptions}`;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
