import { describe, expect, it } from 'vitest';
import type { Live, PersistentVolumeClaim } from '../../kube/objects.ts';
import {
  cacheClaim,
  cacheSettings,
  claimState,
  isCacheClaim,
  isCopyOfCache,
  isOfCache,
  projectClaim,
} from './claim.ts';
import { cacheOptions, observedClaim } from './testing/builders.ts';

const options = cacheOptions();

describe('the claim of a cache', () => {
  it('given the settings, then it asks for that, and belongs to nobody', () => {
    expect(cacheClaim('team', options)).toEqual({
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: {
        name: 'tako-cache',
        namespace: 'team',
        labels: { 'app.kubernetes.io/managed-by': 'tako', 'app.kubernetes.io/component': 'cache' },
      },
      spec: { accessModes: ['ReadWriteMany'], resources: { requests: { storage: '10Gi' } } },
    });
    expect(cacheClaim('team', { ...options, storageClass: 'nfs', accessMode: 'ReadWriteOnce' }).spec).toMatchObject({
      accessModes: ['ReadWriteOnce'],
      storageClassName: 'nfs',
    });
  });

  it("given a claim of that name, then it is Tako's by its labels alone", () => {
    const claim = cacheClaim('team', options);
    expect(isCacheClaim(claim)).toBe(true);
    expect(isCacheClaim({ ...claim, metadata: { name: 'tako-cache' } })).toBe(false);
    const labels = { 'app.kubernetes.io/managed-by': 'tako' };
    expect(isCacheClaim({ ...claim, metadata: { ...claim.metadata, labels } })).toBe(false);
  });

  it.each([
    ['none', undefined, 'missing'],
    ['one without a phase', observedClaim({ phase: undefined }), 'usable'],
    ['one that is not bound yet', observedClaim({ phase: 'Pending' }), 'usable'],
    ['a bound one', observedClaim(), 'usable'],
    ['one whose volume is gone', observedClaim({ phase: 'Lost' }), 'lost'],
    ['one that is being deleted', observedClaim({ deletionTimestamp: '2026-01-01T00:00:00Z' }), 'going'],
    [
      'one that is being deleted, whose volume is gone',
      observedClaim({ phase: 'Lost', deletionTimestamp: '2026-01-01T00:00:00Z' }),
      'going',
    ],
  ] as const)('given %s, then its state is right', (_, claim, state) => {
    expect(claimState(claim)).toBe(state);
  });

  it('given what the API server has, then only what decides is kept of it', () => {
    const live = {
      ...cacheClaim('team', options),
      metadata: {
        ...cacheClaim('team', options).metadata,
        uid: 'u',
        resourceVersion: '7',
        creationTimestamp: '2026-01-01T00:00:00Z',
        annotations: { much: 'text' },
      },
      status: { phase: 'Bound', capacity: { storage: '1Gi' } },
    } as Live<PersistentVolumeClaim>;
    expect(projectClaim(live)).toEqual({
      metadata: {
        name: 'tako-cache',
        namespace: 'team',
        uid: 'u',
        resourceVersion: '7',
      },
      phase: 'Bound',
      capacity: 2 ** 30,
    });
    const { status: _, ...fresh } = live;
    expect(projectClaim(fresh as Live<PersistentVolumeClaim>)).not.toHaveProperty('capacity');
  });
});

describe('what agents are told of the cache', () => {
  it('given a size, then entries may take four fifths of it, and times are seconds', () => {
    expect(cacheSettings(options)).toEqual({ maxBytes: 8 * 2 ** 30, maxAgeSeconds: 604_800, seconds: 1_800 });
  });

  it.each([
    ['smaller', 5 * 2 ** 30, 4 * 2 ** 30],
    ['larger', 20 * 2 ** 30, 8 * 2 ** 30],
  ])('given a volume that is %s than the setting, then the smaller one counts', (_, capacity, maxBytes) => {
    expect(cacheSettings(options, observedClaim({ capacity })).maxBytes).toBe(maxBytes);
  });
});

describe('a volume that a repository or a run asks for', () => {
  const copy = { kind: 'PersistentVolumeClaim', name: 'tako-cache' };
  it.each([
    ['the cache', { persistentVolumeClaim: { claimName: 'tako-cache' } }, true],
    ['the cache, read-only', { persistentVolumeClaim: { claimName: 'tako-cache', readOnly: true } }, true],
    ['another claim', { persistentVolumeClaim: { claimName: 'data' } }, false],
    ['a copy of the cache', { ephemeral: { volumeClaimTemplate: { spec: { dataSource: copy } } } }, true],
    ['such a copy by reference', { ephemeral: { volumeClaimTemplate: { spec: { dataSourceRef: copy } } } }, true],
    [
      'a copy of another claim',
      { ephemeral: { volumeClaimTemplate: { spec: { dataSource: { ...copy, name: 'data' } } } } },
      false,
    ],
    [
      'a copy of a snapshot',
      { ephemeral: { volumeClaimTemplate: { spec: { dataSource: { ...copy, kind: 'VolumeSnapshot' } } } } },
      false,
    ],
    ['nothing of the kind', { emptyDir: {} }, false],
  ])('given %s, then whether it is the cache is told', (_, volume, is) => {
    expect(isOfCache(volume)).toBe(is);
  });

  it.each([undefined, {}, { spec: null }, { spec: { dataSource: null, dataSourceRef: 'text' } }])(
    'given the template %j, then it is no copy',
    template => {
      expect(isCopyOfCache(template)).toBe(false);
    },
  );
});
