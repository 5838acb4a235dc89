import type { CacheSettings } from '../../agent/contract.ts';
import { CACHE_COMPONENT, LABELS, MANAGED_BY } from '../../api/meta.ts';
import {
  type Live,
  type LiveMeta,
  type PersistentVolumeClaim,
  type Pod,
  persistentVolumeClaims,
} from '../../kube/objects.ts';
import { parseQuantity } from '../run/quantity.ts';

/** Name of the claim of a namespace's cache. */
export const CACHE_CLAIM = 'tako-cache';

/** By these the claim of a cache is found; one that a person has made is used when it carries them. */
export const CACHE_LABELS = { [LABELS.managedBy]: MANAGED_BY, [LABELS.component]: CACHE_COMPONENT } as const;

/** What an administrator decides about caches. */
export interface CacheOptions {
  /** Size of each namespace's volume, a Kubernetes quantity. */
  readonly size: string;
  /** Empty: the default one of the cluster. */
  readonly storageClass: string;
  readonly accessMode: 'ReadWriteMany' | 'ReadWriteOnce';
  /** An entry that was not used for so long is removed, milliseconds. */
  readonly maxAgeMs: number;
  /** How long a lock stays with a holder that has fallen silent, milliseconds. */
  readonly lockMs: number;
}

/** The part of a claim that the operator keeps in memory. */
export interface ObservedClaim {
  readonly metadata: Pick<LiveMeta, 'name' | 'namespace' | 'uid' | 'resourceVersion' | 'deletionTimestamp'>;
  readonly phase?: string | undefined;
  /** Of the volume, once it is bound: bytes. */
  readonly capacity?: number | undefined;
}

/**
 * Part of the volume that entries may take. The rest is for the generation that is being written beside the one that is read, and for the file
 * system's own needs.
 */
const FILLED = 0.8;

export function projectClaim({ metadata, status }: Live<PersistentVolumeClaim>): ObservedClaim {
  const { name, namespace, uid, resourceVersion, deletionTimestamp } = metadata;
  const capacity = parseQuantity(String(status?.capacity?.storage ?? ''));
  return {
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      uid,
      resourceVersion,
      ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
    },
    ...(status?.phase === undefined ? {} : { phase: status.phase }),
    ...(capacity === undefined ? {} : { capacity }),
  };
}

/** The claim of a namespace's cache. It has no owner: it outlives every run. */
export function cacheClaim(namespace: string, options: CacheOptions): PersistentVolumeClaim {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: CACHE_CLAIM, namespace, labels: { ...CACHE_LABELS } },
    spec: {
      accessModes: [options.accessMode],
      ...(options.storageClass === '' ? {} : { storageClassName: options.storageClass }),
      resources: { requests: { storage: options.size } },
    },
  };
}

/** Whether the claim of that name is Tako's to use: it is labelled as such. */
export function isCacheClaim({ metadata: { labels } }: PersistentVolumeClaim): boolean {
  return Object.entries(CACHE_LABELS).every(([name, value]) => labels?.[name] === value);
}

/**
 * How a Pod may stand to a claim. One that is not bound yet is mounted: with a storage class that waits for the first consumer it never would be
 * otherwise.
 */
export type ClaimState = 'missing' | 'usable' | 'going' | 'lost';

export function claimState(claim: ObservedClaim | undefined): ClaimState {
  if (claim === undefined) return 'missing';
  if (claim.metadata.deletionTimestamp !== undefined) return 'going';
  return claim.phase === 'Lost' ? 'lost' : 'usable';
}

/** What the agent is told about the cache. A volume that is smaller than the setting, as one made before it grew, bounds the entries by its own size. */
export function cacheSettings(options: CacheOptions, claim?: ObservedClaim): CacheSettings {
  const size = Math.min(parseQuantity(options.size) ?? 0, claim?.capacity ?? Number.POSITIVE_INFINITY);
  return {
    maxBytes: Math.floor(size * FILLED),
    maxAgeSeconds: Math.ceil(options.maxAgeMs / 1_000),
    seconds: Math.ceil(options.lockMs / 1_000),
  };
}

/** Whether a volume of a Pod is the cache, or is made as a copy of it: only agents may have either. */
export function isOfCache(volume: object): boolean {
  const { persistentVolumeClaim, ephemeral } = volume as NonNullable<Pod['spec']['volumes']>[number];
  return persistentVolumeClaim?.claimName === CACHE_CLAIM || isCopyOfCache(ephemeral?.volumeClaimTemplate);
}

/** Whether a template of a claim wants its volume filled from the cache. */
export function isCopyOfCache(template: object | undefined): boolean {
  const { dataSource, dataSourceRef } = (template as Partial<PersistentVolumeClaim> | undefined)?.spec ?? {};
  return [dataSource, dataSourceRef].some(
    source => source?.kind === persistentVolumeClaims.kind && source.name === CACHE_CLAIM,
  );
}
