import { describe, expect, onTestFinished, test } from 'vitest';
import { ANNOTATIONS, LABELS, MANAGED_BY, TRACKING_FINALIZER } from '../../../src/api/meta.ts';
import { takoRuns } from '../../../src/api/resources.ts';
import type { TakoRunSpec } from '../../../src/api/takorun.ts';
import { type Cleanup, createCleanup } from '../../../src/controllers/cleanup/cleanup.ts';
import { systemClock } from '../../../src/kube/clock.ts';
import { createEventRecorder } from '../../../src/kube/events.ts';
import { silentLogger } from '../../../src/kube/logger.ts';
import { noMetrics } from '../../../src/kube/metrics.ts';
import {
  type ConfigMap,
  configMaps,
  controllerReference,
  type KubeObject,
  type Live,
  leases,
  persistentVolumeClaims,
  pods,
  type ResourceType,
} from '../../../src/kube/objects.ts';
import { createLockKeeper } from '../../../src/locks/keeper.ts';
import { createReflectors, createStores } from '../../../src/operator/stores.ts';
import { until } from '../../fixtures/until.ts';
import { createWorld, type World } from '../run/world.ts';
import { createPlayedWorld } from './fixture.ts';

const FILE = `version: 0.1.0
artifacts: {core: {path: .}}
workflows: {release: {steps: [./build.sh]}}
`;
const workflow = (name: string) => ({ repositoryRef: { name }, name: 'release' });
const event = (id: string): TakoRunSpec => ({
  event: { type: 'library_built', source: 'acme/quick:core', id },
  idempotent: true,
});
const workspace = {
  volumeClaimTemplate: { spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '3Gi' } } } },
};
const NOTHING = { count: 0, bytes: 0 };
const RESOURCES: readonly ResourceType<KubeObject>[] = [pods, persistentVolumeClaims, configMaps, leases];

/** The cleanup as the operator has it, to be called by the test, with a clock that the test puts forward. */
async function startCleanup({ client, namespace }: World): Promise<{ cleanup: Cleanup; forward(ms: number): void }> {
  const stores = createStores(silentLogger);
  const reflectors = createReflectors({
    client,
    stores,
    logger: silentLogger,
    metrics: noMetrics,
    namespaces: [namespace],
    cache: false,
  });
  for (const reflector of reflectors) reflector.start();
  onTestFinished(async () => {
    await Promise.all(reflectors.map(reflector => reflector.stop()));
  });
  await Promise.all(reflectors.map(reflector => reflector.synced(AbortSignal.timeout(30_000))));
  let ahead = 0;
  const cleanup = createCleanup({
    ...stores,
    client,
    namespaces: [namespace],
    logger: silentLogger,
    clock: { ...systemClock, now: () => new Date(Date.now() + ahead) },
    recorder: createEventRecorder({ client, reportingController: 'tako.dev/operator', reportingInstance: 'test' }),
    metrics: { removed: () => {}, failed: () => {}, looked: () => {} },
  });
  return {
    cleanup,
    forward: ms => {
      ahead += ms;
    },
  };
}

/** What is there and is not being deleted. */
async function left({ client, namespace }: World): Promise<string[]> {
  const lists = await Promise.all(RESOURCES.map(type => client.list(type, { namespace })));
  return lists
    .flatMap(({ items }) => items)
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined && metadata.name !== 'kube-root-ca.crt')
    .filter(({ metadata }) => metadata.labels?.[LABELS.managedBy] === MANAGED_BY)
    .map(({ metadata }) => metadata.uid)
    .sort();
}

/** The result of a run as the gateway keeps it. */
async function storeResult(
  { client, namespace }: World,
  run: Live,
  text: string,
  ownerReferences = [controllerReference(run)],
): Promise<Live<ConfigMap>> {
  return await client.create(configMaps, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      name: `${run.metadata.name}-result`,
      namespace,
      labels: { [LABELS.managedBy]: MANAGED_BY, [LABELS.runUid]: run.metadata.uid },
      ownerReferences,
    },
    immutable: true,
    data: { 'result.json': text },
  });
}

/** `kubectl delete --cascade=orphan`: what it owned has no owner any more, only labels. */
async function orphan(world: World, type: ResourceType, object: Live): Promise<void> {
  const { name, namespace, uid } = object.metadata;
  await world.client.delete(type, { namespace, name }, { propagationPolicy: 'Orphan' });
  // The garbage collector of a new control plane needs up to half a minute until it knows the kinds of a CRD.
  const look = async () => {
    const lists = await Promise.all(
      [takoRuns, ...RESOURCES].map(one => world.client.list(one as ResourceType<KubeObject>, { namespace })),
    );
    return lists
      .flatMap(({ items }) => items)
      .every(
        ({ metadata }) => metadata.uid !== uid && !metadata.ownerReferences?.some(reference => reference.uid === uid),
      );
  };
  await until(`${name} to be gone and what it owned to have no owner`, look);
}

describe('the cleanup', () => {
  test('given an orphan of each kind beside active ones, then two looks remove each orphan once, never an active one, and count', async () => {
    const world = await createPlayedWorld({ settings: { TAKO_CLEANUP_INTERVAL: '0s' } });
    const { client, namespace, kubelet } = world;
    await world.repository('quick', FILE, { spec: { runTemplate: world.plays('succeed') } });
    await world.repository('lasting', FILE, { spec: { runTemplate: world.plays('hang') } });
    await world.repository('unplayed', FILE);
    for (const name of ['quick', 'lasting', 'unplayed']) await world.ready(name);

    // Active: a run with a claim, one that runs, one that has ended, its result, an event's claim, a workspace within its time.
    const waiting = await world.run({ workflow: workflow('unplayed'), workspace }, 'waiting');
    const running = await world.run({ workflow: workflow('lasting') }, 'running');
    const ended = await world.run({ workflow: workflow('quick') }, 'ended');
    const claimed = await world.run(event('active'), 'claimed');
    const retain = { policy: 'OnFailure', duration: '24h' } as const;
    const kept = await world.run({ workflow: workflow('unplayed'), workspace: { retain } }, 'kept');
    await kubelet.hold(await world.pod(kept), 86_400);
    await world.phase(running, 'Running');
    await world.phase(ended, 'Succeeded');
    await world.phase(claimed, 'Succeeded');
    expect((await world.phase(kept, 'Failed')).status?.retainedWorkspace).toBeDefined();
    await storeResult(world, ended, 'of a run that is there');
    const claimOf = async (pod: Live) => {
      const find = async () =>
        (await client.list(persistentVolumeClaims, { namespace })).items.find(
          ({ metadata }) => metadata.name === `${pod.metadata.name}-workspace`,
        );
      await until('the claim of the workspace', async () => (await find()) !== undefined);
      return (await find())!;
    };
    await claimOf(await world.pod(waiting));

    // To be orphaned: a volume claim by the loss of its Pod, a workspace by time, the rest by the loss of their run.
    const overdue = await world.run({ workflow: workflow('unplayed'), workspace: { retain } }, 'overdue');
    await kubelet.hold(await world.pod(overdue), 60);
    await world.phase(overdue, 'Failed');
    const unclaimed = await world.run({ workflow: workflow('unplayed'), workspace }, 'unclaimed');
    const lostPod = await world.pod(unclaimed);
    const volumeClaim = await claimOf(lostPod);
    await orphan(world, pods, lostPod);
    const gone = await world.run({ workflow: workflow('quick') }, 'gone');
    await world.phase(gone, 'Succeeded');
    await storeResult(world, gone, 'ten bytes!');
    const event2 = await world.run(event('gone'), 'gone-event');
    await world.phase(event2, 'Succeeded');
    const held = await world.run({ workflow: workflow('unplayed') }, 'held');
    const heldPod = await world.pod(held);
    await world.operator.stop();
    await Promise.all([gone, event2, held].map(run => orphan(world, takoRuns, run)));
    await client.delete(pods, { namespace, name: heldPod.metadata.name });
    const found = await client.get(pods, { namespace, name: heldPod.metadata.name });
    expect(found.metadata).toMatchObject({
      deletionTimestamp: expect.any(String),
      finalizers: [TRACKING_FINALIZER],
    });
    expect(volumeClaim.metadata.ownerReferences).toMatchObject([{ uid: lostPod.metadata.uid }]);

    const all = await left(world);
    const { cleanup, forward } = await startCleanup(world);
    const look = () => cleanup.look(AbortSignal.timeout(60_000));
    forward(20 * 60_000);
    const first = await look();
    expect(Object.values(first)).toEqual(Object.values(first).map(() => NOTHING));
    expect(await left(world)).toEqual(all);

    expect(await look()).toEqual({
      pods: { count: 2, bytes: 0 },
      workspaces: { count: 1, bytes: 0 },
      persistentvolumeclaims: { count: 1, bytes: 3 * 2 ** 30 },
      configmaps: { count: 1, bytes: 10 },
      leases: { count: 1, bytes: 0 },
    });
    // The held Pod was being deleted before; the others of the six are new losses.
    const rest = await left(world);
    expect(all.filter(uid => !rest.includes(uid))).toHaveLength(5);
    await until('the held Pod to be gone', async () => {
      const { items } = await client.list(pods, { namespace });
      return !items.some(({ metadata }) => metadata.uid === heldPod.metadata.uid);
    });

    for (let round = 0; round < 2; round += 1) {
      const more = await look();
      expect(Object.values(more)).toEqual(Object.values(more).map(() => NOTHING));
    }
    expect(await left(world)).toEqual(rest);
    // A day later the claim of the event that is there is void too.
    forward(25 * 3_600_000);
    await look();
    expect((await look()).leases).toEqual({ count: 1, bytes: 0 });
  });

  test('given locks of repositories, then those that protect nothing are removed after a day, and one that is taken meanwhile is not', async () => {
    const world = await createWorld({ settings: { TAKO_CLEANUP_INTERVAL: '0s' } });
    const { client, namespace } = world;
    const keeper = createLockKeeper({
      client,
      isGone: async () => false,
      clock: systemClock,
      logger: silentLogger,
    });
    const url = (name: string) => `https://git.example.com/acme/${name}.git`;
    const holder = { run: 'run', runUid: 'run-uid', pod: 'pod', podUid: 'pod-uid' };
    const lock = async (name: string, id = name) => {
      const ref = { namespace, url: url(name), id };
      const { state } = await keeper.acquire({ ...ref, want: { mode: 'write' }, holder }, { waitMs: 1_000 });
      expect(state).toBe('granted');
      return ref;
    };
    for (const name of ['idle', 'taken']) await keeper.release(await lock(name));
    await lock('held');
    const cached = await lock('cached');
    await keeper.publish({ ...cached, commits: ['a'.repeat(40)], bytes: 1 });
    await keeper.release(cached);
    const names = async () =>
      (await client.list(leases, { namespace })).items
        .map(({ metadata }) => metadata.annotations?.[ANNOTATIONS.repository])
        .sort();
    const { cleanup, forward } = await startCleanup(world);
    const look = async () => (await cleanup.look(AbortSignal.timeout(30_000))).leases.count;
    expect([await look(), await look()]).toEqual([0, 0]);
    forward(25 * 3_600_000);
    expect(await look()).toBe(0);
    await lock('taken', 'again');
    expect(await look()).toBe(1);
    expect(await names()).toEqual(['cached', 'held', 'taken'].map(url));
  });

  test('given the operator with a short interval, then it does so by itself, and says it in its metrics and its log', async () => {
    const world = await createWorld({ settings: { TAKO_CLEANUP_INTERVAL: '200ms' } });
    await world.repository('core-lib', FILE);
    const active = await world.run({ workflow: workflow('core-lib') }, 'active');
    const pod = await world.pod(active);
    const kept = await storeResult(world, active, 'active');
    const gone = { ...active, metadata: { ...active.metadata, name: 'gone', uid: crypto.randomUUID() } };
    const result = await storeResult(world, gone, 'x'.repeat(1_000), []);
    const exists = async (name: string) =>
      (await world.client.list(configMaps, { namespace: world.namespace })).items.some(
        ({ metadata }) => metadata.name === name,
      );
    await until('the orphan to be gone', async () => !(await exists(result.metadata.name)));
    const metrics = async () => await (await fetch(`http://localhost:${world.operator.ports.http}/metrics`)).text();
    await until('the metrics', async () => (await metrics()).includes('tako_cleanup_duration_seconds_count'));
    expect(await exists(kept.metadata.name)).toBe(true);
    expect((await world.pod(active)).metadata.uid).toBe(pod.metadata.uid);
    expect((await world.pod(active)).metadata.deletionTimestamp).toBeUndefined();
    expect(await metrics()).toMatch(/^tako_cleanup_removed_total\{kind="configmaps"\} 1$/m);
    expect(await metrics()).toMatch(/^tako_cleanup_removed_bytes_total\{kind="configmaps"\} 1000$/m);
    const told = world.operator.log.filter(({ message }) => message === 'cleaned up');
    expect(told).toMatchObject([{ level: 'info', fields: { removed: { configmaps: { count: 1, bytes: 1_000 } } } }]);
  });
});
