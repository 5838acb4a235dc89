import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startServerAndClient } from '../../../test/fixtures/api-server/client.ts';
import type { ApiServer } from '../../../test/fixtures/api-server/server.ts';
import { createFakeClock } from '../../../test/fixtures/fake-clock.ts';
import { type GitServer, startGitServer } from '../../../test/fixtures/git-server/git-server.mjs';
import { createRepository } from '../../../test/fixtures/git-server/repositories.mjs';
import { RESULT_KEY } from '../../agent/contract.ts';
import type { TakoRunStatus } from '../../api/takorun-status.ts';
import { controllerOf, type KubeObject, keyOf } from '../../kube/objects.ts';
import { createStore } from '../../kube/store.ts';
import { NO_LIMITS, ticket } from '../../queue/testing/naive.ts';
import { createRepositoryReader } from '../repository/reader.ts';
import { createAdmission } from './admission.ts';
import { byParentUid, POD_INDEXES, RUN_INDEXES } from './indexes.ts';
import { observeWorkflow, type WorkflowContext } from './observe-workflow.ts';
import type { LiveRepository, LiveRun, ObservedPod } from './observed.ts';
import { createRetainedPlaces } from './retained-places.ts';
import {
  CREATED,
  eventRun,
  fanOutOf,
  finishedPod,
  observedPod,
  repository,
  settings,
  workflowRun,
} from './testing/builders.ts';

async function harness(changes: Partial<WorkflowContext> = {}) {
  const { server, client } = await startServerAndClient();
  const runs = createStore<LiveRun>({ indexes: { [RUN_INDEXES.parent]: byParentUid } });
  const pods = createStore<ObservedPod>({
    indexes: {
      [POD_INDEXES.run]: pod => [keyOf({ namespace: pod.metadata.namespace, name: controllerOf(pod)?.name ?? '' })],
    },
  });
  const repositories = createStore<LiveRepository>();
  const woken: string[] = [];
  const admission = createAdmission({ limits: NO_LIMITS, wake: key => void woken.push(key), clock: createFakeClock() });
  const entered: string[] = [];
  let refused = (_name: string): string | undefined => undefined;
  const context = {
    client,
    runs,
    pods,
    repositories,
    admission,
    retained: createRetainedPlaces(1),
    earlyResults: { find: () => undefined },
    options: settings,
    breakers: {
      refusal: (run: LiveRun) => refused(run.metadata.name),
      enter: (run: LiveRun) => void entered.push(run.metadata.name),
    },
    prepare: { reader: createRepositoryReader(), secrets: { read: async () => undefined } },
    gatewayCa: () => 'PEM',
    ...changes,
  };
  const observe = (run: LiveRun) => observeWorkflow(run, CREATED + 1_000, context, AbortSignal.timeout(10_000));
  const refuse = (name: string) => {
    refused = other => (other === name ? 'its breaker is open' : undefined);
  };
  return { server, runs, pods, repositories, admission, woken, observe, entered, refuse };
}

/** Puts an object where the API server has it, and gives its UID. */
function store(server: ApiServer, plural: string, object: KubeObject): string {
  const { metadata } = server.storage.put(
    `/${plural}`,
    keyOf({ namespace: object.metadata.namespace, name: object.metadata.name! }),
    object,
  );
  return metadata.uid;
}

const { name: podName } = observedPod().metadata;
/** A run with a Pod of this UID. */
const started = (podUID = 'pod-uid'): TakoRunStatus => ({
  phase: 'Running',
  attempts: [{ number: 1, podName, podUID }],
});
const livePod = { ...observedPod(), spec: { containers: [] } } as KubeObject;

describe('what is observed of the Pods of a run', () => {
  it('given Pods of another run of that name, then they are not its own', async () => {
    const { pods, observe } = await harness();
    pods.set(observedPod({ run: workflowRun({ uid: 'before' }) }));
    expect((await observe(workflowRun())).pods).toEqual([]);
  });

  it('given a store that does not show a recorded Pod yet, then the API server is asked before it counts as lost', async () => {
    const { server, observe } = await harness();
    const uid = store(server, 'pods', livePod);
    const { pods } = await observe(workflowRun({ status: started(uid) }));
    expect(pods).toMatchObject([{ metadata: { uid }, claimed: false }]);
  });

  it('given another Pod under its name, or none, then it is lost', async () => {
    const { server, observe } = await harness();
    expect((await observe(workflowRun({ status: started() }))).pods).toEqual([]);
    store(server, 'pods', livePod);
    expect((await observe(workflowRun({ status: started() }))).pods).toEqual([]);
  });

  it('given an API server that does not say, then nothing is decided', async () => {
    const { server, observe } = await harness();
    server.faults = () => ({ kind: 'status', code: 403 });
    await expect(observe(workflowRun({ status: started() }))).rejects.toThrow('403');
  });

  it.each(['Succeeded', 'Waiting'] as const)(
    'given a run that is %s, then nobody is asked for its Pod',
    async phase => {
      const { server, observe } = await harness();
      await observe(workflowRun({ status: { ...started(), phase } }));
      expect(server.requests).toEqual([]);
    },
  );
});

describe('what is observed of a workspace that is held for people', () => {
  const result = { state: 'failed', held: { container: 'step-0', seconds: 60 } } as const;
  const named = (name: string, status?: TakoRunStatus) =>
    workflowRun({ name, uid: `uid-${name}`, ...(status === undefined ? {} : { status }) });
  const held = (run: LiveRun) => finishedPod(result, { run, uid: `pod-${run.metadata.name}` });

  it('given one place, then the first has it until its Pod is held no more', async () => {
    const { pods, observe } = await harness();
    const [first, second] = [named('first'), named('second')];
    for (const run of [first, second]) pods.set(held(run));
    expect((await observe(first)).retention).toBe('granted');
    expect((await observe(second)).retention).toBe('refused');
    expect((await observe(first)).retention).toBe('granted');
    const { metadata, status, ...rest } = held(first);
    pods.set({ ...rest, metadata: { ...metadata, resourceVersion: '2' }, status: { ...status, phase: 'Failed' } });
    expect((await observe(first)).retention).toBeUndefined();
    expect((await observe(second)).retention).toBe('granted');
  });

  it('given a run that has ended without keeping it, then it has no place', async () => {
    const { pods, observe } = await harness();
    const [refused, next] = [named('refused', { phase: 'Failed' }), named('next')];
    for (const run of [refused, next]) pods.set(held(run));
    expect((await observe(refused)).retention).toBeUndefined();
    expect((await observe(next)).retention).toBe('granted');
  });
});

describe('what is observed of a stored result', () => {
  const body = JSON.stringify({ steps: [{ id: 'a', phase: 'Succeeded' }] });
  const digest = createHash('sha256').update(body).digest('hex');
  const owner = {
    apiVersion: 'tako.dev/v1alpha1',
    kind: 'TakoRun',
    name: 'x',
    uid: 'uid-core-lib-release',
    controller: true,
  };
  const configMap = (text = body, ownerReferences = [owner]) => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'result', namespace: 'team', ownerReferences },
    data: { [RESULT_KEY]: text },
  });

  async function stored(object: KubeObject | undefined, claimed = digest) {
    const { server, pods, observe } = await harness();
    pods.set(finishedPod({ ref: { name: 'result', digest: claimed } }));
    if (object !== undefined) store(server, 'configmaps', object);
    return (await observe(workflowRun({ status: started() }))).stored;
  }

  it('given the ConfigMap, then it is read', async () => {
    expect(await stored(configMap())).toEqual({ steps: [{ id: 'a', phase: 'Succeeded' }] });
  });

  it('given none, another content, somebody else as its owner, or rubbish, then the result is missing', async () => {
    expect(await stored(undefined)).toBe('missing');
    expect(await stored(configMap('{"steps":[]}'))).toBe('missing');
    expect(await stored(configMap(body, [{ ...owner, uid: 'forged' }]))).toBe('missing');
    const rubbish = 'rubbish';
    expect(await stored(configMap(rubbish), createHash('sha256').update(rubbish).digest('hex'))).toBe('missing');
  });
});

describe('the turn of a run', () => {
  const parent = eventRun({ name: 'emit', spec: { concurrencyLimit: 1 } });
  const reference = { namespace: 'team', name: 'emit', uid: 'uid-emit' };
  const child = (name: string, spec = {}) => workflowRun({ name, spec, parent: { run: reference, root: reference } });

  async function limited() {
    const world = await harness();
    world.runs.set(parent);
    world.repositories.set(repository({ status: undefined }));
    return world;
  }

  /** One that has its Pod already. */
  const holder = ticket('team/holder', { root: 'uid-emit', above: ['uid-emit'], fanOutLimit: 1 });

  it('given a limit, then the first has its turn, and no file is read for the others', async () => {
    const { observe, admission } = await limited();
    admission.hold(holder);
    const second = await observe(child('two'));
    expect(second.held).toEqual({ reason: 'ConcurrencyLimit', limit: 1 });
    expect(second.preparation).toBeUndefined();
    admission.release(holder.key);
    expect(await observe(child('two'))).toMatchObject({ preparation: { kind: 'waiting' } });
  });

  it('given one that has to wait for its repository, then others have its place meanwhile', async () => {
    const { observe, admission } = await limited();
    await observe(child('one'));
    expect(admission.runningOf('uid-emit')).toBe(0);
  });

  it.each([
    ['canceled', { cancel: true }],
    ['suspended', { suspend: true }],
  ])('given one in the queue that is %s, then it leaves the queue, and the next has its turn', async (_, spec) => {
    const { observe, woken, admission } = await limited();
    admission.hold(holder);
    for (const name of ['two', 'three']) await observe(child(name));
    admission.release(holder.key);
    expect(woken).toEqual(['team/three']);
    await observe(child('three', spec));
    expect(woken).toEqual(['team/three', 'team/two']);
  });

  it('given a run above that is suspended, then it says which', async () => {
    const { observe, runs, admission } = await limited();
    const metadata = { ...parent.metadata, resourceVersion: '2' };
    runs.set({ ...parent, metadata, spec: { ...parent.spec, suspend: true } });
    admission.suspend('uid-emit', true);
    expect(await observe(child('one'))).toMatchObject({ held: { reason: 'Suspended' }, suspendedBy: 'team/emit' });
  });

  it('given an open breaker, then a run leaves the queue at once, and the next has its turn', async () => {
    const { observe, woken, admission, entered, refuse } = await limited();
    admission.hold(holder);
    for (const name of ['two', 'three']) await observe(child(name));
    admission.release(holder.key);
    expect(woken).toEqual(['team/three']);
    refuse('three');
    expect(await observe(child('three'))).toMatchObject({ circuit: 'its breaker is open' });
    expect(woken).toEqual(['team/three', 'team/two']);
    expect(entered).toEqual([]);
  });

  it('given a dry run, or an attempt that is not the first, then no breaker is asked', async () => {
    const { observe, entered, refuse } = await limited();
    refuse('one');
    expect(await observe(child('one', { dryRun: true }))).not.toHaveProperty('circuit');
    const attempts = [{ number: 1, podName, podUID: 'x', completionTime: '2020-01-01T00:00:00Z', reason: 'PodLost' }];
    const again = workflowRun({ name: 'one', status: { phase: 'Pending', attempts } });
    expect(await observe(again)).toMatchObject({ preparation: { kind: 'waiting' } });
    expect(entered).toEqual([]);
  });

  it('given a run with a Pod, then it is not asked whether it may start', async () => {
    const { pods, observe } = await limited();
    pods.set(observedPod({ run: child('one') }));
    expect((await observe(child('one'))).preparation).toBeUndefined();
  });

  it('given a run with a Pod that waits for its children, then its place is free meanwhile', async () => {
    const { pods, runs, observe, admission } = await limited();
    const one = child('one');
    admission.hold({ ...holder, key: 'team/one' });
    pods.set(observedPod({ run: one }));
    const below = fanOutOf(one, 'emit');
    const owned = {
      ...below.metadata,
      ownerReferences: [
        { apiVersion: 'tako.dev/v1alpha1', kind: 'TakoRun', name: 'one', uid: one.metadata.uid, controller: true },
      ],
    };
    runs.set({ ...below, metadata: owned });
    await observe(one);
    expect(admission.runningOf('uid-emit')).toBe(0);
    runs.set({ ...below, metadata: { ...owned, resourceVersion: '2' }, status: { phase: 'Succeeded' } });
    await observe(one);
    expect(admission.runningOf('uid-emit')).toBe(1);
  });
});

describe('the cache of a run', () => {
  let root: string;
  let server: GitServer;
  let revision: string | undefined;
  beforeAll(async () => {
    root = await mkdtemp(path.join(tmpdir(), 'tako-observe-'));
    const file = 'version: 0.1.0\nworkflows:\n  release:\n    steps: [./build.sh]\n';
    const created = await createRepository(path.join(root, 'acme/core-lib.git'), {
      commits: [{ files: { 'tako.yml': file } }],
    });
    revision = created.commits[0];
    server = await startGitServer({ root });
  });
  afterAll(async () => {
    await server.close();
    await rm(root, { recursive: true });
  });

  const volume = { settings: { maxBytes: 1, maxAgeSeconds: 1, seconds: 60 }, isMissing: false };

  /** A run that may start now, and whose cache was asked for. */
  async function observed(run: LiveRun) {
    const asked: string[] = [];
    const find = (namespace: string) => {
      asked.push(namespace);
      return volume;
    };
    const reader = createRepositoryReader({ policy: { schemes: ['http'] }, timeoutMs: 30_000 });
    const prepare = { reader, secrets: { read: async () => undefined } };
    const { repositories, observe } = await harness({ cache: { find }, prepare });
    const spec = { url: `${server.url}/acme/core-lib.git` };
    repositories.set(repository({ spec, status: { slug: 'acme/core-lib', revision } }));
    const { preparation, cache } = await observe(run);
    expect(preparation?.kind).toBe('ready');
    return { asked, cache };
  }

  const after = (reason: string) => {
    const ended = { number: 1, podName, podUID: 'x', completionTime: '2020-01-01T00:00:00Z', reason };
    return workflowRun({ status: { phase: 'Pending', attempts: [ended] } });
  };

  it.each([
    ['that is new', workflowRun()],
    ['whose Pod was lost', after('PodLost')],
  ])('given a run %s, then its Pod gets what there is', async (_, run) => {
    expect(await observed(run)).toEqual({ asked: ['team'], cache: volume });
  });

  it.each([
    ['a dry run', workflowRun({ spec: { dryRun: true } })],
    ['a run whose Pod with the cache did not start', after('CacheNotMounted')],
  ])('given %s, then it goes without, and nobody asks: to ask may begin a try for others', async (_, run) => {
    expect(await observed(run)).toEqual({ asked: [], cache: undefined });
  });
});
