import { describe, expect, it } from 'vitest';
import { startServerAndClient } from '../../../test/fixtures/api-server/client.ts';
import { createFakeClock } from '../../../test/fixtures/fake-clock.ts';
import type { EventInput } from '../../kube/events.ts';
import { silentLogger } from '../../kube/logger.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { createStore } from '../../kube/store.ts';
import type { ObservedClaim } from './claim.ts';
import { cacheClaim } from './claim.ts';
import { cacheOptions, observedClaim } from './testing/builders.ts';
import { CacheRefusedError, createCacheVolumes } from './volumes.ts';

const MINUTE_MS = 60_000;
const CLAIMS = '/api/v1/namespaces/team/persistentvolumeclaims';

async function harness() {
  const { server, client } = await startServerAndClient();
  const clock = createFakeClock('2026-01-01T00:00:00Z');
  const claims = createStore<ObservedClaim>();
  const told: EventInput[] = [];
  const volumes = createCacheVolumes({
    client,
    claims,
    recorder: { event: input => void told.push(input), stop: async () => {} },
    clock,
    logger: silentLogger,
    options: cacheOptions(),
    startTimeoutMs: 90_000,
  });
  return {
    server,
    clock,
    claims,
    told,
    volumes,
    create: (namespace = 'team') => volumes.create(namespace, AbortSignal.timeout(10_000)),
    calls: () => server.requests.map(({ method, path }) => `${method} ${path}`),
  };
}

const settings = { maxBytes: 8 * 2 ** 30, maxAgeSeconds: 604_800, seconds: 1_800 };

describe('the cache of a namespace', () => {
  it('given no claim, then it is to be made; once it is, nobody asks the API server for it again', async () => {
    const { volumes, claims, create, calls } = await harness();
    expect(volumes.find('team')).toEqual({ settings, isMissing: true });
    await create();
    expect(volumes.find('team')).toEqual({ settings, isMissing: false });
    claims.set(observedClaim());
    expect(volumes.find('team')).toEqual({ settings, isMissing: false });
    await create();
    expect(calls()).toEqual([`POST ${CLAIMS}`]);
    expect(volumes.find('other')?.isMissing).toBe(true);
  });

  it('given twenty runs at once, then one claim is made', async () => {
    const { create, calls } = await harness();
    await Promise.all(Array.from({ length: 20 }, () => create()));
    expect(calls()).toEqual([`POST ${CLAIMS}`]);
  });

  it('given a claim that the store does not show yet, then it is taken as it is', async () => {
    const { server, volumes, create, told } = await harness();
    server.storage.put('/persistentvolumeclaims', 'team/tako-cache', cacheClaim('team', cacheOptions()) as KubeObject);
    await create();
    expect(volumes.find('team')?.isMissing).toBe(false);
    expect(told).toEqual([]);
  });

  it('given a claim that somebody deletes, then it is made anew when it is gone, and nobody mounts it meanwhile', async () => {
    const { server, volumes, claims, create } = await harness();
    await create();
    claims.set(observedClaim());
    claims.set(observedClaim({ deletionTimestamp: '2026-01-01T00:00:01Z' }));
    expect(volumes.find('team')).toBeUndefined();
    await expect(create()).rejects.toThrow(CacheRefusedError);
    claims.delete('team/tako-cache');
    server.storage.delete('/persistentvolumeclaims', 'team/tako-cache');
    expect(volumes.find('team')?.isMissing).toBe(true);
    await create();
    expect(volumes.find('team')?.isMissing).toBe(false);
  });

  it('given a claim that never came to the store, then it counts as gone after a while', async () => {
    const { volumes, create, clock } = await harness();
    await create();
    await clock.advance(31_000);
    expect(volumes.find('team')?.isMissing).toBe(true);
  });

  it('given a volume that is smaller than asked for, then the agent fills no more than that', async () => {
    const { volumes, claims } = await harness();
    claims.set(observedClaim({ capacity: 1_000 }));
    expect(volumes.find('team')?.settings.maxBytes).toBe(800);
  });
});

describe('a cache that cannot be had', () => {
  it.each([
    ['a quota', 403, 'persistentvolumeclaims "tako-cache" is forbidden: exceeded quota: storage'],
    ['no right', 403, 'User "tako-operator" cannot create resource "persistentvolumeclaims"'],
    ['a wrong class', 422, 'spec.storageClassName: Invalid value: "A!"'],
    ['a webhook that is broken', 500, 'failed calling webhook'],
  ])(
    'given %s, then runs go without, one event says why, and it is tried again after a while',
    async (_, code, message) => {
      const { server, volumes, create, told, clock, calls } = await harness();
      server.faults = () => ({ kind: 'status', code, reason: code === 422 ? 'Invalid' : 'Forbidden', message });
      const results = await Promise.allSettled(Array.from({ length: 20 }, () => create()));
      for (const { status, ...rest } of results) {
        expect(status).toBe('rejected');
        expect((rest as PromiseRejectedResult).reason).toBeInstanceOf(CacheRefusedError);
      }
      expect(told).toMatchObject([
        {
          type: 'Warning',
          reason: 'CacheClaimRefused',
          regarding: { kind: 'PersistentVolumeClaim', metadata: { name: 'tako-cache', namespace: 'team' } },
          note: expect.stringMatching(/^runs in namespace team go without the cache: .*TAKO_CACHE_SIZE/),
        },
      ]);
      expect(told[0]?.note).toContain(message);
      const asked = calls().length;
      expect(volumes.find('team')).toBeUndefined();
      await clock.advance(9 * MINUTE_MS);
      expect(volumes.find('team')).toBeUndefined();
      expect(calls()).toHaveLength(asked);
      await clock.advance(MINUTE_MS);
      server.faults = () => undefined;
      expect(volumes.find('team')?.isMissing).toBe(true);
      expect(volumes.find('team'), 'one run tries it').toBeUndefined();
      await create();
      expect(volumes.find('team')?.isMissing).toBe(false);
      expect(told).toHaveLength(1);
    },
  );

  it("given a claim of that name that is not Tako's, then it is left alone, and an event says how to offer it", async () => {
    const { server, create, told, volumes } = await harness();
    const { metadata, ...claim } = cacheClaim('team', cacheOptions());
    server.storage.put('/persistentvolumeclaims', 'team/tako-cache', {
      ...claim,
      metadata: { name: metadata.name!, namespace: 'team' },
    });
    await expect(create()).rejects.toThrow(CacheRefusedError);
    expect(told).toMatchObject([
      {
        reason: 'CacheClaimConflict',
        note: expect.stringContaining(
          'kubectl -n team label pvc tako-cache app.kubernetes.io/managed-by=tako app.kubernetes.io/component=cache',
        ),
      },
    ]);
    expect(volumes.find('team')).toBeUndefined();
  });

  it('given a claim whose volume is lost, then runs go without, and one event says how to have a new one', async () => {
    const { volumes, claims, told } = await harness();
    claims.set(observedClaim({ phase: 'Lost' }));
    expect([volumes.find('team'), volumes.find('team')]).toEqual([undefined, undefined]);
    expect(told).toMatchObject([
      { reason: 'CacheClaimLost', note: expect.stringContaining('kubectl -n team delete pvc tako-cache') },
    ]);
    claims.delete('team/tako-cache');
    claims.set(observedClaim({ phase: 'Lost', uid: 'another' }));
    volumes.find('team');
    expect(told).toHaveLength(2);
  });

  it('given a Pod that could not start with it, then the next ones go without for a while', async () => {
    const { volumes, claims, told, clock } = await harness();
    claims.set(observedClaim());
    volumes.avoid('team', 'Pod x did not start in time');
    expect(volumes.find('team')).toBeUndefined();
    expect(volumes.find('other')).toBeDefined();
    expect(told).toMatchObject([{ reason: 'CacheNotMounted', note: 'Pod x did not start in time' }]);
    await clock.advance(10 * MINUTE_MS);
    expect([volumes.find('team'), volumes.find('team')]).toMatchObject([{ isMissing: false }, undefined]);
  });

  it.each([
    ['a claim is offered', undefined],
    ['its volume comes at last', observedClaim({ phase: 'Pending' })],
  ])('given that %s after runs had to go without, then the next one has it at once', async (_, before) => {
    const { volumes, claims } = await harness();
    if (before !== undefined) claims.set(before);
    volumes.avoid('team', 'Pod x did not start in time');
    expect(volumes.find('team')).toBeUndefined();
    claims.set({ ...observedClaim(), metadata: { ...observedClaim().metadata, resourceVersion: '2' } });
    expect(volumes.find('team')).toMatchObject({ isMissing: false });
  });

  it('given an operator that stops, then that is not taken for a refusal', async () => {
    const { volumes, told, server } = await harness();
    server.faults = () => ({ kind: 'hang' });
    const reason = new Error('the operator stops');
    await expect(volumes.create('team', AbortSignal.abort(reason))).rejects.toBe(reason);
    const stopping = new AbortController();
    const creating = volumes.create('team', stopping.signal);
    stopping.abort(reason);
    await expect(creating).rejects.toBe(reason);
    expect(told).toEqual([]);
  });
});
