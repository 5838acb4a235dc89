import { describe, expect, it, onTestFinished } from 'vitest';
import { startServerAndClient } from '../../../test/fixtures/api-server/client.ts';
import { createFakeClock } from '../../../test/fixtures/fake-clock.ts';
import { until } from '../../../test/fixtures/until.ts';
import { API_VERSION, EVENT_CLAIM_COMPONENT, LABELS, MANAGED_BY, TRACKING_FINALIZER } from '../../api/meta.ts';
import type { EventInput } from '../../kube/event-record.ts';
import type { Logger } from '../../kube/logger.ts';
import { noMetrics } from '../../kube/metrics.ts';
import { type KubeObject, keyOf, type Live, type ObjectMeta, type Pod } from '../../kube/objects.ts';
import { createStore } from '../../kube/store.ts';
import { type LiveRun, type ObservedPod, projectPod } from '../run/observed.ts';
import { finishedPod, running, workflowRun } from '../run/testing/builders.ts';
import { type CleanupOptions, createCleanup, createCleanupController } from './cleanup.ts';

async function harness() {
  const { server, client } = await startServerAndClient();
  const clock = createFakeClock('2026-01-01T00:01:00Z');
  const runs = createStore<LiveRun>();
  const pods = createStore<ObservedPod>();
  const told: EventInput[] = [];
  const counted: string[] = [];
  const lines: { message: string; fields: object }[] = [];
  const line = (fields: object, message: string) => void lines.push({ message, fields });
  const logger: Logger = { debug: () => {}, info: line, warn: line, error: line };
  const options: CleanupOptions = {
    client,
    runs,
    pods,
    namespaces: [],
    clock,
    logger,
    recorder: { event: event => void told.push(event), stop: async () => {} },
    metrics: {
      removed: ({ kind, bytes }) => void counted.push(`${kind} ${bytes}`),
      failed: ({ kind }) => void counted.push(`${kind} failed`),
      looked: () => {},
    },
  };
  const cleanup = createCleanup(options);

  function put(resource: string, object: KubeObject): Live {
    return server.storage.put(resource, keyOf({ namespace: 'team', name: object.metadata.name! }), object);
  }
  const metadata = (name: string, changes: Partial<ObjectMeta> = {}): ObjectMeta => ({
    name,
    namespace: 'team',
    ...changes,
    labels: { [LABELS.managedBy]: MANAGED_BY, ...changes.labels },
  });
  return {
    server,
    clock,
    options,
    told,
    counted,
    lines,
    runs,
    pods,
    look: () => cleanup.look(AbortSignal.timeout(10_000)),
    left: () =>
      ['/pods', '/persistentvolumeclaims', '/configmaps', 'coordination.k8s.io/leases'].flatMap(resource =>
        server.storage.list(resource).map(({ metadata: { name } }) => name),
      ),
    run(name: string): LiveRun {
      const live = put('tako.dev/takoruns', workflowRun({ name }) as KubeObject) as LiveRun;
      runs.set(live);
      return live;
    },
    pod(name: string, runUid: string, changes: Partial<ObjectMeta> = {}): Live {
      const labels = { [LABELS.component]: 'run', [LABELS.runUid]: runUid };
      const object = {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: metadata(name, { labels, ...changes }),
        spec: { containers: [] },
      };
      const live = put('/pods', object);
      pods.set(projectPod(live as Live<Pod>));
      return live;
    },
    configMap: (name: string, runUid: string, text = 'x') =>
      put('/configmaps', {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: metadata(name, { labels: { [LABELS.runUid]: runUid } }),
        data: { text },
      } as KubeObject),
    volumeClaim: (name: string, podName: string) =>
      put('/persistentvolumeclaims', {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: metadata(name, { labels: { [LABELS.pod]: podName } }),
        spec: { resources: { requests: { storage: '1Gi' } } },
        status: { capacity: { storage: '2Gi' } },
      } as KubeObject),
    lease: (name: string, runUid: string) =>
      put('coordination.k8s.io/leases', {
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: metadata(name, { labels: { [LABELS.component]: EVENT_CLAIM_COMPONENT, [LABELS.runUid]: runUid } }),
        spec: { holderIdentity: 'run', leaseDurationSeconds: 86_400 },
      } as KubeObject),
  };
}

const NOTHING = { count: 0, bytes: 0 };

describe('the cleanup', () => {
  it('given an orphan of each kind and as many that are none, then two looks remove each orphan once, and count', async () => {
    const { look, run, pod, configMap, volumeClaim, lease, left, counted, lines } = await harness();
    const { metadata: alive } = run('alive');
    pod('active', alive.uid);
    pod('orphan', 'gone', { finalizers: [TRACKING_FINALIZER] });
    volumeClaim('active-claim', 'active');
    volumeClaim('orphan-claim', 'nobody');
    configMap('active-result', alive.uid);
    configMap('orphan-result', 'gone', 'ten bytes!');
    lease('active-lease', alive.uid);
    lease('orphan-lease', 'gone');

    expect((await look()).pods).toEqual(NOTHING);
    expect(left()).toHaveLength(8);
    expect(await look()).toEqual({
      pods: { count: 1, bytes: 0 },
      workspaces: NOTHING,
      persistentvolumeclaims: { count: 1, bytes: 2 * 2 ** 30 },
      configmaps: { count: 1, bytes: 10 },
      leases: { count: 1, bytes: 0 },
    });
    expect(left().filter(name => !name.startsWith('active'))).toEqual([]);
    expect(left()).toHaveLength(4);
    expect(counted).toEqual(['pods 0', 'persistentvolumeclaims 2147483648', 'configmaps 10', 'leases 0']);
    expect(lines.map(({ message }) => message)).toEqual(['cleaned up']);

    expect(await look()).toMatchObject({
      pods: NOTHING,
      persistentvolumeclaims: NOTHING,
      configmaps: NOTHING,
      leases: NOTHING,
    });
    expect(left()).toHaveLength(4);
  });

  it('given stores that are behind, then what the API server still knows is left alone', async () => {
    const { look, run, runs, pod, pods, configMap, volumeClaim, left } = await harness();
    const { metadata } = run('alive');
    pod('active', metadata.uid);
    configMap('result', metadata.uid);
    volumeClaim('claim', 'active');
    runs.replace([]);
    pods.replace([]);
    await look();
    await look();
    expect(left()).toEqual(['active', 'claim', 'result']);
  });

  it('given a workspace long after its time, then its Pod is removed, and not before', async () => {
    const { look, run, runs, pods, server, clock, left } = await harness();
    const { metadata, spec } = run('kept');
    const held = finishedPod({ state: 'failed' }, { run: runs.get('team/kept')!, containers: { 'step-0': running } });
    const live = server.storage.put('/pods', keyOf(held.metadata), { ...held, spec: { containers: [] } } as KubeObject);
    pods.set(projectPod(live as Live<Pod>));
    const until = '2026-01-01T00:10:00Z';
    const retainedWorkspace = {
      podName: live.metadata.name,
      podUID: live.metadata.uid,
      container: 'step-0',
      until,
      command: 'x',
    };
    const status = { phase: 'Failed' as const, retainedWorkspace };
    const ended = { apiVersion: API_VERSION, kind: 'TakoRun', metadata, spec, status };
    runs.set(server.storage.put('tako.dev/takoruns', 'team/kept', ended as KubeObject) as LiveRun);
    await clock.advance(15 * 60_000);
    for (let round = 0; round < 3; round += 1) expect((await look()).workspaces).toEqual(NOTHING);
    await clock.advance(5 * 60_000);
    await look();
    expect((await look()).workspaces).toEqual({ count: 1, bytes: 0 });
    expect(left()).toEqual([]);
  });

  it('given an object that cannot be removed, then that is told once a look, the rest goes, and nothing fails', async () => {
    const { look, configMap, lease, server, told, counted, lines, left } = await harness();
    configMap('stuck', 'gone');
    lease('goes', 'gone');
    server.faults = ({ method, path }) =>
      method === 'DELETE' && path.endsWith('stuck') ? { kind: 'status', code: 403, message: 'not yours' } : undefined;
    await look();
    expect(await look()).toMatchObject({ configmaps: NOTHING, leases: { count: 1 } });
    expect(left()).toEqual(['stuck']);
    expect(counted).toEqual(['configmaps failed', 'leases 0']);
    expect(lines.map(({ message }) => message)).toContain('the cleanup cannot remove an orphan, will try again');
    expect(told).toMatchObject([
      {
        type: 'Warning',
        reason: 'CleanupFailed',
        regarding: { kind: 'ConfigMap', metadata: { name: 'stuck' } },
        note: expect.stringContaining('not yours'),
      },
    ]);
    server.faults = () => undefined;
    expect(await look()).toMatchObject({ configmaps: { count: 1 } });
  });

  it('given a kind that cannot be listed, or a namespace that cannot be read, then the others are looked for', async () => {
    const { look, configMap, lease, server, counted } = await harness();
    configMap('result', 'gone');
    lease('claim', 'gone');
    server.faults = ({ path }) => (path === '/api/v1/configmaps' ? { kind: 'status', code: 403 } : undefined);
    await look();
    expect(await look()).toMatchObject({ configmaps: NOTHING, leases: { count: 1 } });
    expect(counted).toContain('configmaps failed');
    server.faults = ({ path }) => (path.endsWith('/takoruns') ? { kind: 'status', code: 403 } : undefined);
    await look();
    expect(await look()).toMatchObject({ configmaps: NOTHING });
    server.faults = () => undefined;
    expect(await look()).toMatchObject({ configmaps: { count: 1 } });
  });

  it('given an orphan that somebody takes on between the search and its end, then it stays', async () => {
    const { look, configMap, server, left } = await harness();
    configMap('result', 'gone');
    await look();
    server.faults = ({ method, path }) => {
      if (method === 'GET' && path.endsWith('/configmaps/result')) {
        const found = server.storage.get('/configmaps', 'team/result')!;
        const owner = { apiVersion: 'v1', kind: 'ConfigMap', name: 'other', uid: 'other' };
        server.storage.put('/configmaps', 'team/result', {
          ...found,
          metadata: { ...found.metadata, ownerReferences: [owner] },
        });
      }
      return undefined;
    };
    expect(await look()).toMatchObject({ configmaps: NOTHING });
    expect(left()).toEqual(['result']);
  });

  it('given a signal that is aborted, then it ends', async () => {
    const { options } = await harness();
    await expect(createCleanup(options).look(AbortSignal.abort(new Error('stopping')))).rejects.toThrow('stopping');
  });
});

describe('the cleanup as a controller', () => {
  it('given its interval, then it looks at once and again after each', async () => {
    const { options, clock, configMap, left } = await harness();
    configMap('orphan', 'gone');
    let looks = 0;
    const looked = () => {
      looks += 1;
    };
    const metrics = { ...options.metrics, looked };
    const controller = createCleanupController({ ...options, metrics, intervalMs: 600_000, kubeMetrics: noMetrics });
    onTestFinished(() => controller.stop());
    controller.start();
    await until('the first look', () => looks === 1 && clock.pending > 0);
    expect(left()).toEqual(['orphan']);
    await clock.advance(600_000);
    await until('the second look', () => looks === 2);
    expect(left()).toEqual([]);
  });
});
