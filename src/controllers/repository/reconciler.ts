import { ANNOTATIONS, API_VERSION, FIELD_MANAGER } from '../../api/meta.ts';
import { takoRepositories } from '../../api/resources.ts';
import type { TakoRepositoryStatus } from '../../api/takorepository.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { Clock } from '../../kube/clock.ts';
import type { Reconciler, Source } from '../../kube/controller.ts';
import type { EventRecorder } from '../../kube/events.ts';
import type { Logger } from '../../kube/logger.ts';
import { storeSource } from '../../kube/source.ts';
import type { ReadonlyStore } from '../../kube/store.ts';
import { parseDuration } from '../../workflow/duration.ts';
import type { LiveRepository } from '../run/observed.ts';
import type { Breakers } from './breakers.ts';
import type { Finding } from './finding.ts';
import { observe } from './observe.ts';
import { type Plan, plan, planBreakers } from './plan.ts';
import type { RepositoryReader } from './reader.ts';
import { REASONS } from './reasons.ts';
import { DEFAULT_INTERVAL_MS, nextLookMs } from './schedule.ts';
import type { SecretReader } from './secret.ts';
import { createSlugIndex, type SlugIndex, slugOf } from './slug.ts';

export interface RepositoryReconcilerOptions {
  readonly client: Pick<KubeClient, 'applyServerSide'>;
  readonly recorder: Pick<EventRecorder, 'event'>;
  readonly repositories: ReadonlyStore<LiveRepository>;
  readonly reader: RepositoryReader;
  readonly secrets: SecretReader;
  readonly breakers: Pick<Breakers, 'statusOf' | 'untilChange'>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** From 0 to 1, for jitter. Default Math.random. */
  readonly random?: () => number;
}

export interface RepositoryReconciler {
  readonly reconcile: Reconciler;
  /** Every transition of a repository, for itself and for those that ask for the same slug. */
  readonly source: Source;
}

/** What was done for an object, so that an event that changes nothing (our own status write, a label) costs no look at Git. */
interface Memory {
  /** What was asked for when it was looked at. */
  readonly request: string;
  /** Where the configuration in its status came from. */
  readonly origin: string;
  /** Of the clock's monotonic time; Infinity while suspended. */
  readonly dueAt: number;
  /** Transient failures in a row. */
  readonly failures: number;
}

/**
 * Reconciles TakoRepositories: looks at Git at once when the spec or the annotation reconcile.tako.dev/requestedAt changed, else every
 * `spec.interval`. What is pure is in plan.ts; the status is written once, and only when it changed.
 */
export function createRepositoryReconciler(options: RepositoryReconcilerOptions): RepositoryReconciler {
  const { repositories, breakers, clock, logger } = options;
  const slugs = createSlugIndex(repositories);
  const memories = new Map<string, Memory>();

  const reconcile: Reconciler = async (key, signal) => {
    const repository = repositories.get(key);
    if (repository === undefined || repository.metadata.deletionTimestamp !== undefined) {
      memories.delete(key);
      return;
    }
    const memory = memories.get(key);
    const request = requestOf(repository, slugs);
    const nowMs = clock.now().getTime();
    if (memory?.request === request && clock.monotonic() < memory.dueAt) {
      const planned = planBreakers({
        repository,
        breakers: breakers.statusOf(repository, nowMs),
        now: clock.now(),
      });
      await apply(repository, planned, options, signal);
      return requeueAt(sooner(memory.dueAt, repository), clock);
    }

    const finding = await observe(repository, { ...options, slugs, signal });
    const origin = originOf(repository);
    const planned = plan({
      repository,
      finding,
      sameSource: isSameSource(repository, origin, memory),
      breakers: breakers.statusOf(repository, nowMs),
      now: clock.now(),
    });
    await apply(repository, planned, options, signal);
    logger.debug({ repository: key, finding: summaryOf(finding), written: planned.status !== undefined }, 'looked at');

    const failures = isTransient(finding) ? (memory?.failures ?? 0) + 1 : 0;
    const dueAt = clock.monotonic() + waitAfter(repository, finding, failures, options.random ?? Math.random);
    memories.set(key, { request, origin, dueAt, failures });
    return requeueAt(sooner(dueAt, repository), clock);
  };

  /** The next look, or the time at which a breaker changes by itself, whichever comes first; of the clock's monotonic time. */
  function sooner(dueAt: number, repository: LiveRepository): number {
    const wait = breakers.untilChange(repository, clock.now().getTime());
    return wait === undefined ? dueAt : Math.min(dueAt, clock.monotonic() + wait);
  }

  return {
    reconcile,
    source: storeSource(repositories, {
      map: event => [
        ...(event.type === 'added' ? [] : slugs.sharing(event.old)),
        ...(event.type === 'deleted' ? [] : slugs.sharing(event.object)),
      ],
    }),
  };
}

/** All that makes another look necessary before it is due. */
function requestOf({ metadata, spec }: LiveRepository, slugs: SlugIndex): string {
  const slug = slugOf(spec);
  const owner = slug === undefined ? undefined : slugs.owner(metadata.namespace ?? '', slug);
  const requestedAt = spec.suspend === true ? undefined : metadata.annotations?.[ANNOTATIONS.reconcileRequestedAt];
  return JSON.stringify([metadata.uid, metadata.generation, requestedAt, owner?.metadata.uid]);
}

function originOf({ metadata, spec }: LiveRepository): string {
  return JSON.stringify([metadata.uid, spec.url, spec.path, slugOf(spec)]);
}

/** After a restart only the generation is known: a spec that changed meanwhile may name another place. */
function isSameSource(repository: LiveRepository, origin: string, memory: Memory | undefined): boolean {
  if (memory !== undefined) return memory.origin === origin;
  return repository.status === undefined || repository.status.observedGeneration === repository.metadata.generation;
}

async function apply(
  repository: LiveRepository,
  { status, events }: Plan,
  { client, recorder }: RepositoryReconcilerOptions,
  signal: AbortSignal,
): Promise<void> {
  if (status === undefined) return;
  await writeStatus(repository, status, client, signal);
  for (const { type, reason, message } of events) {
    recorder.event({ regarding: repository, type, reason, action: 'Reconcile', note: message });
  }
}

async function writeStatus(
  { metadata }: LiveRepository,
  status: TakoRepositoryStatus,
  client: Pick<KubeClient, 'applyServerSide'>,
  signal: AbortSignal,
): Promise<void> {
  const { name, namespace, resourceVersion } = metadata;
  const object = { name, resourceVersion, ...(namespace === undefined ? {} : { namespace }) };
  await client.applyServerSide(
    takoRepositories,
    { apiVersion: API_VERSION, kind: 'TakoRepository', metadata: object, status },
    { fieldManager: FIELD_MANAGER, force: true, subresource: 'status', signal },
  );
}

function waitAfter(repository: LiveRepository, finding: Finding, failures: number, random: () => number): number {
  if (finding.kind === 'suspended') return Number.POSITIVE_INFINITY;
  const parsed = parseDuration(repository.spec.interval ?? '');
  const intervalMs = parsed.ok ? parsed.ms : DEFAULT_INTERVAL_MS;
  return nextLookMs({ intervalMs, failures, random: random() });
}

function requeueAt(dueAt: number, clock: Clock): { requeueAfterMs?: number } {
  return Number.isFinite(dueAt) ? { requeueAfterMs: Math.max(dueAt - clock.monotonic(), 0) } : {};
}

function isTransient(finding: Finding): boolean {
  return finding.kind === 'failed' && REASONS[finding.reason] === 'transient';
}

function summaryOf(finding: Finding): string {
  return finding.kind === 'failed' ? finding.reason : finding.kind;
}
