import { isDeepStrictEqual } from 'node:util';
import type { Condition } from '../../api/common.ts';
import { ANNOTATIONS } from '../../api/meta.ts';
import type { BreakerStatus, TakoRepositoryStatus } from '../../api/takorepository.ts';
import { toTimestamp } from '../../api/timestamp.ts';
import type { LiveRepository } from '../run/observed.ts';
import { circuitCondition, circuitEvents } from './circuit.ts';
import { conditionsFor } from './conditions.ts';
import type { Finding } from './finding.ts';
import { SUSPENDED } from './reasons.ts';

export interface Observation {
  readonly repository: LiveRepository;
  readonly finding: Finding;
  /** Whether the configuration in the status came from what the spec names now (URL, path and slug), so that it may stay. */
  readonly sameSource: boolean;
  /** Of its workflows, as they are now. */
  readonly breakers?: BreakerStatus[] | undefined;
  readonly now: Date;
}

export interface PlannedEvent {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

export interface Plan {
  /** The whole status to write; absent when the one that is there is right. */
  readonly status?: TakoRepositoryStatus;
  /** To be emitted once the status is written. */
  readonly events: readonly PlannedEvent[];
}

/** `lastFetchTime` alone is worth a write only this often, else every repository would cost one at every interval. Milliseconds. */
const FETCH_TIME_LAG_MS = 60 * 60 * 1000;
/** As in the CRD. */
const MAX_REQUEST_LENGTH = 1024;

/** The parts of the status that describe the configuration in force: all of them are there, or none. */
const CONFIG_FIELDS = ['slug', 'revision', 'configDigest', 'artifacts', 'workflows', 'subscriptions', 'notes'] as const;

/**
 * Decides what the status says and which events go out. Pure.
 *
 * `revision`, `slug`, `configDigest`, `artifacts`, `workflows` and `subscriptions` always speak of the configuration in force. Runs and
 * fan-outs go by them whatever Ready says: while a newer workflow file is broken the repository is Stalled, not Ready, and
 * the last good configuration stays in force until it is repaired.
 */
export function plan(observation: Observation): Plan {
  const { repository, finding, now } = observation;
  const previous = repository.status;
  const settled = nextStatus(observation);
  const fetched =
    finding.kind === 'suspended' || observedRevision(finding) === undefined ? undefined : toTimestamp(now.getTime());
  const status = withFetchTime(settled, fetched, previous, now);
  if (isDeepStrictEqual(status, previous)) return { events: [] };
  const events = [...eventsFor(finding, status, previous), ...circuitEvents(previous?.breakers, status.breakers)];
  return { status, events };
}

/** The same between two looks at Git: only breakers may have changed. */
export function planBreakers({ repository, breakers, now }: Omit<Observation, 'finding' | 'sameSource'>): Plan {
  const { breakers: before, conditions = [], ...previous } = repository.status ?? {};
  if (isDeepStrictEqual(before, breakers)) return { events: [] };
  const others = conditions.filter(({ type }) => type !== 'CircuitOpen');
  const status = { ...previous, conditions: others, ...circuitStatus({ repository, breakers, now }, others) };
  return { status, events: circuitEvents(before, breakers) };
}

function circuitStatus(
  { repository, breakers, now }: Pick<Observation, 'repository' | 'breakers' | 'now'>,
  others: readonly Condition[],
): Pick<TakoRepositoryStatus, 'conditions' | 'breakers'> {
  const condition = circuitCondition(repository, breakers, now);
  return {
    conditions: condition === undefined ? [...others] : [...others, condition],
    ...(breakers === undefined ? {} : { breakers }),
  };
}

function nextStatus({ repository, finding, sameSource, breakers, now }: Observation): TakoRepositoryStatus {
  const previous = repository.status;
  const requestedAt = repository.metadata.annotations?.[ANNOTATIONS.reconcileRequestedAt];
  const handled = finding.kind === 'suspended' ? previous?.lastHandledReconcileAt : requestedAt;
  const observed = observedRevision(finding) ?? (sameSource ? previous?.observedRevision : undefined);
  return {
    observedGeneration: repository.metadata.generation ?? 0,
    ...circuitStatus({ repository, breakers, now }, conditionsFor({ repository, finding, sameSource, now })),
    ...configuration(finding, previous, sameSource),
    ...(observed === undefined ? {} : { observedRevision: observed }),
    ...(previous?.lastFetchTime === undefined ? {} : { lastFetchTime: previous.lastFetchTime }),
    ...(handled === undefined ? {} : { lastHandledReconcileAt: handled.slice(0, MAX_REQUEST_LENGTH) }),
  };
}

function observedRevision(finding: Finding): string | undefined {
  return finding.kind === 'suspended' ? undefined : finding.commit;
}

function configuration(
  finding: Finding,
  previous: TakoRepositoryStatus | undefined,
  sameSource: boolean,
): Partial<TakoRepositoryStatus> {
  if (finding.kind === 'found') {
    return { slug: finding.slug, revision: finding.commit, configDigest: finding.digest, ...finding.summary };
  }
  // Two repositories with one name cannot both be subscribers or sources.
  const lost = finding.kind === 'failed' && finding.reason === 'SlugConflict';
  if (previous === undefined || !sameSource || lost) return {};
  return Object.fromEntries(
    CONFIG_FIELDS.flatMap(field => (previous[field] === undefined ? [] : [[field, previous[field]]])),
  );
}

function withFetchTime(
  status: TakoRepositoryStatus,
  fetched: string | undefined,
  previous: TakoRepositoryStatus | undefined,
  now: Date,
): TakoRepositoryStatus {
  if (fetched === undefined) return status;
  const last = previous?.lastFetchTime === undefined ? Number.NaN : Date.parse(previous.lastFetchTime);
  const recent = now.getTime() - last < FETCH_TIME_LAG_MS;
  return recent && isDeepStrictEqual(status, previous) ? status : { ...status, lastFetchTime: fetched };
}

function eventsFor(
  finding: Finding,
  status: TakoRepositoryStatus,
  previous: TakoRepositoryStatus | undefined,
): PlannedEvent[] {
  const condition = (of: TakoRepositoryStatus | undefined, type: string) =>
    of?.conditions?.find(candidate => candidate.type === type);
  switch (finding.kind) {
    case 'suspended': {
      const reconciling = condition(status, 'Reconciling');
      if (reconciling === undefined || condition(previous, 'Reconciling')?.reason === SUSPENDED) return [];
      return [{ type: 'Normal', reason: SUSPENDED, message: reconciling.message }];
    }
    case 'found': {
      const ready = condition(status, 'Ready');
      const same = previous?.revision === finding.commit && condition(previous, 'Ready')?.status === 'True';
      return ready === undefined || same ? [] : [{ type: 'Normal', reason: ready.reason, message: ready.message }];
    }
    case 'failed': {
      const known = previous?.conditions?.some(
        ({ type, status: state, reason, message }) =>
          state === 'True' && reason === finding.reason && (type === 'Reconciling' || message === finding.message),
      );
      return known ? [] : [{ type: 'Warning', reason: finding.reason, message: finding.message }];
    }
  }
}
