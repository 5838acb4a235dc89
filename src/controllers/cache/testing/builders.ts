import type { CacheOptions, ObservedClaim } from '../claim.ts';

/** Settings of a cache, those of the defaults with a size. */
export function cacheOptions(changes: Partial<CacheOptions> = {}): CacheOptions {
  return {
    size: '10Gi',
    storageClass: '',
    accessMode: 'ReadWriteMany',
    maxAgeMs: 7 * 86_400_000,
    lockMs: 1_800_000,
    ...changes,
  };
}

/** The bound claim of a namespace's cache, as the reflector projects it. */
export function observedClaim(
  changes: {
    readonly namespace?: string;
    readonly uid?: string;
    readonly deletionTimestamp?: string;
    readonly phase?: string | undefined;
    readonly capacity?: number;
  } = {},
): ObservedClaim {
  const { namespace = 'team', uid = 'claim-uid', deletionTimestamp, capacity } = changes;
  const phase = 'phase' in changes ? changes.phase : 'Bound';
  return {
    metadata: {
      name: 'tako-cache',
      namespace,
      uid,
      // Of a later version: a store takes no change without one.
      resourceVersion: deletionTimestamp === undefined ? '1' : '2',
      ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
    },
    ...(phase === undefined ? {} : { phase }),
    ...(capacity === undefined ? {} : { capacity }),
  };
}
