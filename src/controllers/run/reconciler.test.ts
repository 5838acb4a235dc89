import { describe, expect, it, onTestFinished } from 'vitest';
import { startApiServer } from '../../../test/fixtures/api-server/server.ts';
import { createFakeClock } from '../../../test/fixtures/fake-clock.ts';
import { CHILDREN_FINALIZER, TRACKING_FINALIZER } from '../../api/meta.ts';
import { createEvaluator } from '../../evaluator/evaluator.ts';
import { childRun, planChildren } from '../../fanout/children.ts';
import { buildSubscriberIndex } from '../../fanout/subscribers.ts';
import { buildSubscriber } from '../../fanout/testing/builders.ts';
import { createMemoryRunner } from '../../fanout/testing/memory-runner.ts';
import { createKubeClient } from '../../kube/client.ts';
import { silentLogger } from '../../kube/logger.ts';
import { controllerOf, type KubeObject, keyOf } from '../../kube/objects.ts';
import { createStore } from '../../kube/store.ts';
import { NO_LIMITS, ticket } from '../../queue/testing/naive.ts';
import { createRepositoryReader } from '../repository/reader.ts';
import { breakerWorld } from '../repository/testing/breakers.ts';
import { createAdmission } from './admission.ts';
import { createEarlyResults } from './early-results.ts';
import { byAwaiters, byParentUid, POD_INDEXES, RUN_INDEXES } from './indexes.ts';
import type { LiveRepository, LiveRun, ObservedPod } from './observed.ts';
import { createRunReconciler } from './reconciler.ts';
import {
  agentResult,
  COMMIT,
  eventRun,
  finishedPod,
  observedPod,
  running,
  settings,
  workflowRun,
} from './testing/builders.ts';

async function harness() {
  const server = await startApiServer();
  const client = createKubeClient(server.config, { qps: 1_000, burst: 1_000 });
  const evaluator = createEvaluator();
  onTestFinished(async () => {
    await client.close();
    await server.close();
    await evaluator.close();
  });
  const clock = createFakeClock('2026-01-01T00:01:00Z');
  const runs = createStore<LiveRun>({
    indexes: { [RUN_INDEXES.parent]: byParentUid, [RUN_INDEXES.awaitedBy]: byAwaiters },
  });
  const pods = createStore<ObservedPod>({
    indexes: { [POD_INDEXES.run]: pod => [keyOf({ namespace: 'team', name: controllerOf(pod)?.name ?? '' })] },
  });
  const repositories = createStore<LiveRepository>();
  const granted: string[] = [];
  const admission = createAdmission({ limits: NO_LIMITS, wake: key => void granted.push(key), clock });
  const earlyResults = createEarlyResults({ pods, now: () => clock.now().getTime(), metrics: { told: () => {} } });
  const told: string[] = [];
  const reconcile = createRunReconciler({
    client,
    recorder: { event: ({ reason }) => void told.push(reason), stop: async () => {} },
    runner: createMemoryRunner(),
    clock,
    logger: silentLogger,
    runs,
    pods,
    repositories,
    admission,
    earlyResults,
    options: settings,
    breakers: breakerWorld().breakers,
    prepare: { reader: createRepositoryReader(), secrets: { read: async () => undefined } },
    expand: {
      repositoriesBySlug: () => [],
      subscribers: buildSubscriberIndex([]),
      evaluator,
      emitter: async name => ({ name, labels: {} }),
    },
    gatewayCa: () => 'PEM',
  });
  return {
    server,
    clock,
    runs,
    pods,
    admission,
    earlyResults,
    granted,
    told,
    reconcile: (run: LiveRun) => reconcile(keyOf(run.metadata), AbortSignal.timeout(10_000)),
    /** Puts a run where API server and store have it, as the API server made it. */
    put(run: LiveRun): LiveRun {
      const live = server.storage.put(
        'tako.dev/takoruns',
        keyOf(run.metadata),
        run as KubeObject,
      ) as unknown as LiveRun;
      runs.set(live);
      return live;
    },
    writes: () =>
      server.requests.filter(({ method }) => method !== 'GET').map(({ method, path }) => `${method} ${path}`),
  };
}

describe('the reconciler of runs', () => {
  it.each([500, 503, 429])(
    'given an API server that answers %i, then nothing is decided by that: it is thrown for the queue, and done the next time',
    async code => {
      const { server, put, pods, reconcile, runs, writes } = await harness();
      const run = put(workflowRun());
      pods.set(finishedPod({}, { run }));
      server.faults = ({ method }) => (method === 'PATCH' ? { kind: 'status', code } : undefined);
      await expect(reconcile(run)).rejects.toMatchObject({ class: 'transient', code });
      expect(writes(), 'three times the same').toEqual(Array(3).fill(writes()[0]));
      expect(writes()[0]).toContain('/status');
      server.faults = () => undefined;
      await reconcile(runs.get(keyOf(run.metadata))!);
      expect(writes().at(-1)).toBe(`PATCH /api/v1/namespaces/team/pods/${finishedPod({}, { run }).metadata.name}`);
    },
  );

  it("given an agent that tells its success, then the run ends with it, and the kubelet's report changes nothing", async () => {
    const { put, pods, reconcile, runs, writes, earlyResults } = await harness();
    const woken: string[] = [];
    earlyResults.source.start(key => woken.push(key));
    const run = put(workflowRun());
    const pod = observedPod({ run, containers: { agent: running } });
    pods.set(pod);
    const { namespace = '', name, uid } = pod.metadata;
    earlyResults.tell({ namespace, name, uid }, JSON.stringify(agentResult({ outputs: { 'build.version': '1.4.0' } })));
    expect(woken).toEqual([keyOf(run.metadata)]);
    await reconcile(run);
    const ended = runs.get(keyOf(run.metadata))!;
    const told = writes();
    expect(told).toEqual([
      expect.stringMatching(/^PATCH .*\/status$/),
      `PATCH /api/v1/namespaces/team/pods/${pod.metadata.name}`,
    ]);

    const reported = finishedPod(
      { outputs: { 'build.version': '1.4.0' } },
      { run, phase: 'Succeeded', finalizers: [] },
    );
    pods.set({ ...reported, metadata: { ...reported.metadata, resourceVersion: '2' } });
    await reconcile(ended);
    expect(writes()).toEqual(told);
  });

  it("given a quota with room for one Pod, then a run that ended early lets the next one try, and its Pod's end does so for certain", async () => {
    const { put, pods, reconcile, runs, admission, earlyResults, granted, clock } = await harness();
    earlyResults.source.start(() => {});
    const run = put(workflowRun());
    const pod = observedPod({ run, containers: { agent: running } });
    pods.set(pod);
    admission.request(ticket(keyOf(run.metadata)));
    await reconcile(run);
    admission.request(ticket('team/next'));
    admission.exceeded('team/next', 'no room');

    const { namespace = '', name, uid } = pod.metadata;
    earlyResults.tell({ namespace, name, uid }, JSON.stringify(agentResult()));
    await reconcile(runs.get(keyOf(run.metadata))!);
    expect(granted, 'it tries when the place is free').toEqual(['team/next']);
    admission.exceeded('team/next', 'no room');
    await reconcile(runs.get(keyOf(run.metadata))!);
    await clock.advance(2_000);
    expect(granted, 'and again by the clock').toHaveLength(2);
    admission.exceeded('team/next', 'no room');

    const over = finishedPod({}, { run, phase: 'Succeeded', finalizers: [] });
    pods.set({ ...over, metadata: { ...over.metadata, resourceVersion: '2' } });
    expect(granted, 'and when the quota has room').toHaveLength(3);
  });

  it('given a status that has just been written, then a routine change waits for the next interval, and an end does not', async () => {
    const { put, pods, reconcile, clock, writes, told } = await harness();
    const run = put(workflowRun());
    const pod = observedPod({ run, containers: { agent: running } });
    pods.set(pod);
    await reconcile(run);
    expect(writes()).toHaveLength(1);
    const changed = {
      ...pod,
      metadata: {
        ...pod.metadata,
        resourceVersion: '2',
        annotations: { 'tako.dev/revision': COMMIT.replace('a', 'b') },
      },
    };
    pods.set(changed);
    await clock.advance(400);
    expect(await reconcile(run)).toEqual({ requeueAfterMs: 600 });
    expect(writes()).toHaveLength(1);
    pods.set({ ...finishedPod({}, { run }), metadata: { ...pod.metadata, resourceVersion: '3' } });
    await reconcile(run);
    expect(writes()).toEqual([
      'PATCH /apis/tako.dev/v1alpha1/namespaces/team/takoruns/core-lib-release/status',
      'PATCH /apis/tako.dev/v1alpha1/namespaces/team/takoruns/core-lib-release/status',
      `PATCH /api/v1/namespaces/team/pods/${pod.metadata.name}`,
    ]);
    expect(told).toEqual(['Succeeded']);
  });

  it('given an answer that got lost, when the run shows its end, then its place is free all the same', async () => {
    const { put, reconcile, admission } = await harness();
    const parent = put(eventRun({ spec: { concurrencyLimit: 1 } }));
    const group = parent.metadata.uid;
    const reference = { namespace: 'team', name: parent.metadata.name, uid: group };
    const child = put(
      workflowRun({
        parent: { run: reference, root: reference },
        status: { phase: 'Succeeded', completionTime: '2026-01-01T00:01:00Z' },
      }),
    );
    admission.hold(ticket(keyOf(child.metadata), { root: group, above: [group], fanOutLimit: 1 }));
    expect(admission.runningOf(group)).toBe(1);
    await reconcile(child);
    expect(admission.runningOf(group)).toBe(0);
  });

  it('given Pods found at the start, then those whose runs still need them have their places', async () => {
    const { put, pods, reconcile, admission } = await harness();
    const parent = put(eventRun({ spec: { concurrencyLimit: 1 } }));
    const reference = { namespace: 'team', name: parent.metadata.name, uid: parent.metadata.uid };
    const at = { run: reference, root: reference };
    const going = put(workflowRun({ name: 'going', parent: at }));
    const ended = put(
      workflowRun({ name: 'ended', parent: at, status: { phase: 'Failed', completionTime: '2026-01-01T00:00:59Z' } }),
    );
    pods.set(observedPod({ run: going, uid: 'one', containers: { agent: running } }));
    pods.set(observedPod({ run: ended, uid: 'two' }));
    await reconcile(ended);
    expect(admission.runningOf(parent.metadata.uid)).toBe(1);
  });

  it('given a run between two attempts at the start, then it has no place: it asks for one again', async () => {
    const { put, pods, reconcile, admission } = await harness();
    const parent = put(eventRun({ spec: { concurrencyLimit: 1 } }));
    const reference = { namespace: 'team', name: parent.metadata.name, uid: parent.metadata.uid };
    const attempts = [
      {
        number: 1,
        podName: 'lost',
        podUID: 'lost',
        startTime: '2026-01-01T00:00:00Z',
        completionTime: '2026-01-01T00:00:59Z',
      },
    ];
    const run = put(
      workflowRun({ parent: { run: reference, root: reference }, status: { phase: 'Pending', attempts } }),
    );
    pods.set(observedPod({ run, uid: 'lost', phase: 'Failed' }));
    await reconcile(parent);
    expect(admission.runningOf(parent.metadata.uid)).toBe(0);
  });

  it('given an event run with many children, then they are looked at once an interval', async () => {
    const { put, runs, reconcile, clock, server } = await harness();
    const parent = put(eventRun({ status: { phase: 'Waiting', fanOut: { expanded: true, triggeredCount: 300 } } }));
    const run = { namespace: 'team', name: parent.metadata.name, uid: parent.metadata.uid };
    for (let index = 0; index < 300; index++) {
      runs.set(workflowRun({ name: `child-${index}`, parent: { run, root: run }, status: { phase: 'Running' } }));
    }
    await reconcile(parent);
    const seen = server.requests.length;
    await clock.advance(300);
    expect(await reconcile(parent)).toEqual({ requeueAfterMs: 700 });
    expect(server.requests).toHaveLength(seen);
  });

  it('given a Pod of a run that is gone, then it is deleted and let go, once', async () => {
    const { pods, reconcile, writes, server } = await harness();
    const run = workflowRun();
    const pod = observedPod({ run, containers: { agent: running } });
    const stored = server.storage.put('/pods', keyOf(pod.metadata), { ...pod, spec: {} } as KubeObject);
    pods.set({ ...pod, metadata: { ...pod.metadata, uid: stored.metadata.uid, finalizers: [TRACKING_FINALIZER] } });
    await reconcile(run);
    const first = writes();
    expect(first.map(line => line.split(' ')[0])).toEqual(['DELETE', 'PATCH']);
  });

  it('given a write that the store does not show yet, when the run is looked at again, then nothing is written', async () => {
    const { put, pods, reconcile, writes, runs } = await harness();
    const run = put(workflowRun());
    pods.set(observedPod({ run, containers: { agent: running } }));
    await reconcile(run);
    expect(runs.get(keyOf(run.metadata))?.status).toBeUndefined();
    await reconcile(run);
    expect(writes()).toHaveLength(1);
  });

  it('given an event that is deleted with a child in another namespace, then the child goes first, and then the event is let go', async () => {
    const { put, runs, reconcile, writes, server } = await harness();
    const event = put(eventRun({ status: { phase: 'Waiting', fanOut: { expanded: true, triggeredCount: 1 } } }));
    const [planned] = planChildren(event.metadata.uid, [
      { subscriber: buildSubscriber({ namespace: 'apps' }), inputs: {} },
    ]).children;
    const child = put(childRun(event, planned!, { now: 0 }) as unknown as LiveRun);
    const metadata = {
      ...event.metadata,
      resourceVersion: '99',
      finalizers: ['other/one', CHILDREN_FINALIZER],
      deletionTimestamp: '2026-01-01T00:00:30Z',
    };
    const going = { ...event, metadata };
    runs.set(going);

    expect(await reconcile(going)).toEqual({ requeueAfterMs: 1_000 });
    expect(writes()).toEqual([`DELETE /apis/tako.dev/v1alpha1/namespaces/apps/takoruns/${child.metadata.name}`]);
    runs.delete(keyOf(child.metadata));
    // The server of these tests knows no JSON patch; it answers that the run is gone, which is as good.
    server.storage.delete('tako.dev/takoruns', keyOf(metadata));
    await reconcile(going);
    expect(writes().slice(1)).toEqual([`PATCH /apis/tako.dev/v1alpha1/namespaces/team/takoruns/${metadata.name}`]);
  });
});
