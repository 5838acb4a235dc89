import { describe, expect, test } from 'vitest';
import {
  events,
  type Live,
  type PersistentVolumeClaim,
  type Pod,
  persistentVolumeClaims,
} from '../../../src/kube/objects.ts';
import { until } from '../../fixtures/until.ts';
import { createPlayedWorld } from '../fanout/fixture.ts';
import { resourceQuotas } from './resource-quota.ts';
import { createWorld, gone, type World } from './world.ts';

const FILE = 'version: 0.1.0\nworkflows:\n  release:\n    steps: [./build.sh]\n';
const spec = { workflow: { repositoryRef: { name: 'core-lib' }, name: 'release' } };
const CACHE = { TAKO_CACHE_SIZE: '1Gi', TAKO_CACHE_ACCESS_MODE: 'ReadWriteOnce' };

async function world(settings: Readonly<Record<string, string>> = CACHE): Promise<World> {
  const created = await createWorld({ settings });
  await created.repository('core-lib', FILE);
  await created.ready('core-lib');
  return created;
}

const ref = ({ namespace }: World) => ({ namespace, name: 'tako-cache' });
const claimOf = (world: World): Promise<Live<PersistentVolumeClaim>> =>
  world.client.get(persistentVolumeClaims, ref(world));
const isCached = ({ spec: { volumes = [] } }: Live<Pod>) =>
  volumes.some(({ persistentVolumeClaim }) => persistentVolumeClaim?.claimName === 'tako-cache');
const warnings = async ({ client, namespace }: World) =>
  (await client.list(events, { namespace })).items.filter(
    ({ regarding, type }) => regarding?.name === 'tako-cache' && type === 'Warning',
  );

/** Waits for what the operator has told of the claim. */
async function warning(world: World, reason: string) {
  await until(`the event ${reason}`, async () => (await warnings(world)).some(event => event.reason === reason));
  return await warnings(world);
}

describe('the cache of a namespace', () => {
  test('given no setting, then there is no claim and no Pod has a cache', async () => {
    const created = await world({});
    const pod = await created.pod(await created.run(spec));
    expect(isCached(pod)).toBe(false);
    expect(await gone(claimOf(created))).toBe(true);
  });

  test('given twenty runs at once, then there is one claim of nobody, all Pods have it, and the cleanup leaves it alone', async () => {
    const created = await world({ ...CACHE, TAKO_CLEANUP_INTERVAL: '100ms' });
    const runs = await Promise.all(Array.from({ length: 20 }, () => created.run(spec)));
    const pods = await Promise.all(runs.map(run => created.pod(run)));
    expect(pods.filter(isCached)).toHaveLength(20);
    const { metadata, spec: asked } = await claimOf(created);
    expect(metadata.labels).toEqual({
      'app.kubernetes.io/managed-by': 'tako',
      'app.kubernetes.io/component': 'cache',
    });
    expect(metadata.ownerReferences).toBeUndefined();
    expect(asked).toMatchObject({ accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } });
    const looks = () => created.operator.log.filter(({ message }) => message === 'nothing to clean up').length;
    const before = looks();
    await until('the cleanup to have looked', () => looks() >= before + 3);
    expect((await claimOf(created)).metadata.uid).toBe(metadata.uid);
    expect(created.operator.log.filter(({ message }) => message === 'made the claim of a cache')).toHaveLength(1);
    expect(await warnings(created)).toEqual([]);
  });

  test('given a claim that somebody deletes, then Pods go without while it goes, and the next one has a new one', async () => {
    const created = await world();
    const first = await created.run(spec);
    const pod = await created.pod(first);
    // A claim stays while a Pod on a node has it.
    await created.kubelet.bind(pod);
    await created.kubelet.run(pod);
    await created.phase(first, 'Running');
    const { uid } = (await claimOf(created)).metadata;

    await created.client.delete(persistentVolumeClaims, ref(created));
    await until('the claim to be going', async () => (await claimOf(created)).metadata.deletionTimestamp !== undefined);
    // The operator hears of it by its watch: a run that starts after that is the one to look at.
    const without = async () => !isCached(await created.pod(await created.run(spec)));
    await until('a run to go without', without, { everyMs: 200 });

    await created.kubelet.finish(pod);
    await created.phase(first, 'Succeeded');
    await created.kubelet.remove(pod);
    await until('the claim to be gone', () => gone(claimOf(created)));
    const with_ = async () => isCached(await created.pod(await created.run(spec)));
    await until('a run to have the cache', with_, { everyMs: 200 });
    expect((await claimOf(created)).metadata.uid).not.toBe(uid);
  });
});

describe('a cache that cannot be had', () => {
  test('given a quota without volume claims, then runs start without the cache, and one event says why', async () => {
    const created = await world();
    const { client, namespace } = created;
    const metadata = { name: 'claims', namespace };
    await client.create(resourceQuotas, {
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata,
      spec: { hard: { persistentvolumeclaims: '0' } },
    });
    await until(
      'the quota to be in force',
      async () => (await client.get(resourceQuotas, metadata)).status?.hard !== undefined,
    );
    const runs = await Promise.all(Array.from({ length: 5 }, () => created.run(spec)));
    const pods = await Promise.all(runs.map(run => created.pod(run)));
    expect(pods.filter(isCached)).toEqual([]);
    const told = await warning(created, 'CacheClaimRefused');
    expect(told).toMatchObject([{ type: 'Warning', note: expect.stringContaining('exceeded quota: claims') }]);
    expect(isCached(await created.pod(await created.run(spec)))).toBe(false);
    expect(await warnings(created)).toHaveLength(1);
    for (const run of runs) expect((await created.get(run)).status?.phase).not.toBe('Failed');
  });

  test("given a claim of that name that is somebody else's, then runs go without, until it is offered as the event says", async () => {
    const created = await world();
    const { client, namespace } = created;
    const own = {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: 'tako-cache', namespace },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '5Gi' } } },
    } satisfies PersistentVolumeClaim;
    const { uid } = (await client.create(persistentVolumeClaims, own)).metadata;
    expect(isCached(await created.pod(await created.run(spec)))).toBe(false);
    const [told] = await warning(created, 'CacheClaimConflict');
    const [, command] = /kubectl -n \S+ (label pvc tako-cache .*?)\. It is tried/.exec(told?.note ?? '') ?? [];
    const labels = Object.fromEntries(
      (command ?? '')
        .split(' ')
        .slice(3)
        .map(label => label.split('=')),
    );
    await client.mergePatch(persistentVolumeClaims, ref(created), { metadata: { labels } });
    const isOffered = async () => isCached(await created.pod(await created.run(spec)));
    await until('a run to have the cache', isOffered, { everyMs: 200 });
    expect((await claimOf(created)).metadata.uid).toBe(uid);
  });

  test('given a volume that does not come, then the next attempt goes without it and succeeds, and so do other runs', async () => {
    const created = await createPlayedWorld({ settings: { ...CACHE, TAKO_START_TIMEOUT: '2s' } });
    await created.repository('core-lib', FILE, { spec: { runTemplate: created.plays('succeed') } });
    await created.ready('core-lib');
    const run = await created.run(spec);
    expect(isCached(await created.pod(run))).toBe(true);
    const { status } = await created.phase(run, 'Succeeded');
    expect(status?.attempts).toMatchObject([
      {
        reason: 'CacheNotMounted',
        message: expect.stringContaining(`kubectl -n ${created.namespace} describe pvc tako-cache`),
      },
      { number: 2 },
    ]);
    const other = await created.run(spec);
    expect(isCached(await created.pod(other))).toBe(false);
    expect((await created.phase(other, 'Succeeded')).status?.attempts).toHaveLength(1);
    expect(await warning(created, 'CacheNotMounted')).toHaveLength(1);
  });
});
