import type { CacheSettings } from '../../agent/contract.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { Clock } from '../../kube/clock.ts';
import { isApiError, undefinedWhen } from '../../kube/errors.ts';
import type { EventRecorder } from '../../kube/events.ts';
import type { Logger } from '../../kube/logger.ts';
import {
  keyOf,
  type Live,
  matchLabels,
  type PersistentVolumeClaim,
  persistentVolumeClaims,
} from '../../kube/objects.ts';
import type { ReadonlyStore } from '../../kube/store.ts';
import { createSharedCalls } from '../repository/shared-calls.ts';
import {
  CACHE_CLAIM,
  CACHE_LABELS,
  type CacheOptions,
  cacheClaim,
  cacheSettings,
  claimState,
  isCacheClaim,
  type ObservedClaim,
  projectClaim,
} from './claim.ts';
import { createSetbacks } from './setbacks.ts';

/** The cache as a run's Pod gets it. */
export interface CacheVolume {
  readonly settings: CacheSettings;
  /** Whether the claim has to be created first. */
  readonly isMissing: boolean;
}

/** A namespace has no claim for its cache, and gets none now: the run goes without. It has been told. */
export class CacheRefusedError extends Error {
  override readonly name = 'CacheRefusedError';
}

/** The claims of caches, one a namespace. Runs never fail for want of one. */
export interface CacheVolumes {
  /**
   * What a Pod that is made now gets; undefined: it goes without. No call to the API server. After a setback the first that asks tries the cache
   * for the others, and a lost volume is told of once: ask only for a Pod that will have it.
   */
  find(namespace: string): CacheVolume | undefined;
  /** Creates the claim, once for all who ask at the same time. Throws a CacheRefusedError when there is none to use. */
  create(namespace: string, signal: AbortSignal): Promise<void>;
  /** A Pod with the cache could not start: those of the next minutes go without. */
  avoid(namespace: string, message: string): void;
}

export interface CacheVolumesOptions {
  readonly client: Pick<KubeClient, 'create' | 'get'>;
  /** Claims of caches by namespace/name. */
  readonly claims: ReadonlyStore<ObservedClaim>;
  readonly recorder: EventRecorder;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly options: CacheOptions;
  /** How long a Pod may fail to start, milliseconds. */
  readonly startTimeoutMs: number;
}

/** From a refusal, or a Pod that did not start, to the next try: milliseconds. */
const RETRY_MS = 600_000;
/** How long a claim that was created may be missing in the store, milliseconds. */
const STORE_LAG_MS = 30_000;
/** What a run needs beyond its start time to be given up, milliseconds. */
const GIVING_UP_MS = 15_000;

export function createCacheVolumes(context: CacheVolumesOptions): CacheVolumes {
  const { client, claims, clock, options } = context;
  const setbacks = createSetbacks({ retryMs: RETRY_MS, trialMs: context.startTimeoutMs + GIVING_UP_MS });
  const calls = createSharedCalls<void>();
  /** Claims that were created or found, until the store has them. */
  const fresh = new Map<string, { readonly claim: ObservedClaim; readonly at: number }>();
  /** UIDs of lost claims that were told of. */
  const told = new Set<string>();
  claims.subscribe(event => {
    const { metadata } = event.type === 'deleted' ? event.old : event.object;
    const namespace = metadata.namespace ?? '';
    fresh.delete(namespace);
    if (event.type === 'deleted') told.delete(metadata.uid);
    const isNews = event.type === 'added' || (event.type === 'updated' && event.old.phase !== event.object.phase);
    if (isNews) setbacks.clear(namespace);
  });

  const now = () => clock.now().getTime();

  function known(namespace: string): ObservedClaim | undefined {
    const stored = claims.get(keyOf({ namespace, name: CACHE_CLAIM }));
    if (stored !== undefined) return stored;
    const made = fresh.get(namespace);
    return made !== undefined && now() - made.at < STORE_LAG_MS ? made.claim : undefined;
  }

  function warn(namespace: string, reason: string, note: string, uid = ''): void {
    const metadata = { namespace, name: CACHE_CLAIM, uid, resourceVersion: '', creationTimestamp: '' };
    const regarding = { apiVersion: 'v1', kind: persistentVolumeClaims.kind, metadata };
    context.recorder.event({ regarding, type: 'Warning', reason, action: 'Cache', note });
    context.logger.warn({ namespace, reason }, note);
  }

  function refuse(namespace: string, reason: string, cause: string): never {
    setbacks.add(namespace, now());
    const note = `runs in namespace ${namespace} go without the cache: ${cause}. It is tried again in ${RETRY_MS / 60_000} minutes`;
    warn(namespace, reason, note);
    throw new CacheRefusedError(note);
  }

  async function makeClaim(namespace: string, signal: AbortSignal): Promise<void> {
    if (known(namespace) !== undefined) return;
    let claim: Live<PersistentVolumeClaim> | undefined;
    try {
      claim = await createClaim(namespace, signal);
    } catch (error) {
      if (isApiError(error)) refuse(namespace, 'CacheClaimRefused', refusal(error.message));
      throw error;
    }
    if (claim === undefined || !isCacheClaim(claim)) refuse(namespace, 'CacheClaimConflict', conflict(namespace));
    fresh.set(namespace, { claim: projectClaim(claim), at: now() });
    setbacks.clear(namespace);
  }

  /** The claim of that name, whoever has made it; undefined when it was and is gone. */
  async function createClaim(namespace: string, signal: AbortSignal): Promise<Live<PersistentVolumeClaim> | undefined> {
    try {
      const created = await client.create(persistentVolumeClaims, cacheClaim(namespace, options), { signal });
      context.logger.info({ namespace, size: options.size }, 'made the claim of a cache');
      return created;
    } catch (error) {
      if (!isApiError(error, 'alreadyExists')) throw error;
      const ref = { namespace, name: CACHE_CLAIM };
      return await undefinedWhen(client.get(persistentVolumeClaims, ref, { signal }), 'notFound');
    }
  }

  return {
    find(namespace) {
      const claim = known(namespace);
      const state = claimState(claim);
      switch (state) {
        case 'going':
          return undefined;
        case 'lost': {
          const { uid } = claim!.metadata;
          if (!told.has(uid)) warn(namespace, 'CacheClaimLost', lost(namespace), uid);
          told.add(uid);
          return undefined;
        }
        case 'missing':
        case 'usable':
          if (setbacks.isHeld(namespace, now())) return undefined;
          return { settings: cacheSettings(options, claim), isMissing: state === 'missing' };
      }
    },
    async create(namespace, signal) {
      await calls.run(namespace, shared => makeClaim(namespace, shared), signal);
      if (claimState(known(namespace)) !== 'usable')
        throw new CacheRefusedError(`the volume claim ${CACHE_CLAIM} cannot be used now`);
    },
    avoid(namespace, message) {
      setbacks.add(namespace, now());
      warn(namespace, 'CacheNotMounted', message, known(namespace)?.metadata.uid);
    },
  };
}

function refusal(said: string): string {
  return `the API server refuses its volume claim ${CACHE_CLAIM}: ${said}; make room for it in the quota of the namespace, correct the settings TAKO_CACHE_*, or turn the cache off (TAKO_CACHE_SIZE)`;
}

function conflict(namespace: string): string {
  const labels = matchLabels(CACHE_LABELS).replaceAll(',', ' ');
  return `there is a volume claim ${CACHE_CLAIM} that is not Tako's; if Tako may use it: kubectl -n ${namespace} label pvc ${CACHE_CLAIM} ${labels}`;
}

function lost(namespace: string): string {
  return `runs in namespace ${namespace} go without the cache: its volume is gone; to have a new one: kubectl -n ${namespace} delete pvc ${CACHE_CLAIM}`;
}
