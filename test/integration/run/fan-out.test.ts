import { describe, expect, test } from 'vitest';
import { GatewayCallError } from '../../../src/agent/gateway-client.ts';
import { takoRuns } from '../../../src/api/resources.ts';
import { childName } from '../../../src/fanout/names.ts';
import { configMaps, pods as podResource } from '../../../src/kube/objects.ts';
import { until } from '../../fixtures/until.ts';
import { startTestOperator } from '../test-operator.ts';
import { agentOf } from './agent.ts';
import { resourceQuotas } from './resource-quota.ts';
import { createWorld, gone, type World } from './world.ts';

const LIBRARY = `version: 0.1.0
artifacts: {core: {path: .}}
workflows:
  release:
    steps:
      - ./build.sh
      - {id: emit, uses: tako/fan-out@v1, with: {event_type: library_built, artifact: core}}
`;
const subscriber = (more = '', workflow = 'ci') => `version: 0.1.0
workflows:
  ${workflow}:
    inputs: {version: {type: string}}
    steps: ["./test.sh {{ .inputs.version }}"]
subscriptions:
  - {artifact: "acme/core-lib:core", events: [library_built], workflow: ${workflow}, inputs: {version: "{{ .event.payload.version }}"}${more}}
`;
const event = {
  type: 'library_built',
  source: 'acme/core-lib:core',
  schemaVersion: '1.2.0',
  payload: { version: '1.4.0' },
};
const workflow = { repositoryRef: { name: 'core-lib' }, name: 'release' };

/** core-lib and the subscribers, all ready. */
async function worldOf(subscribers: Record<string, string>): Promise<World> {
  const world = await createWorld();
  const files = { 'core-lib': LIBRARY, ...subscribers };
  for (const [name, file] of Object.entries(files)) await world.repository(name, file);
  for (const name of Object.keys(files)) await world.ready(name);
  return world;
}

const failed = {
  state: 'failed',
  errorType: 'workflow_failed',
  reason: 'StepFailed',
  message: 'step test: exit code 1',
} as const;

describe('a run of an event', () => {
  test('given subscribers, then each gets a child in a Pod of its own, and the parent tells the result', async () => {
    const world = await worldOf({ 'app-one': subscriber(), 'app-two': subscriber() });
    await world.repository('legacy', subscriber(', schema_version: "^2.0.0"'));
    await world.ready('legacy');
    const run = await world.run({ event });
    const waiting = await world.phase(run, 'Waiting');
    expect(waiting.status).toMatchObject({
      children: '0/2',
      childrenSummary: { total: 2, pending: 2 },
      fanOut: {
        expanded: true,
        subscribersFound: 3,
        triggeredCount: 2,
        skippedCount: 1,
        skipped: [{ repository: 'acme/legacy', reason: 'Schema' }],
      },
    });
    await world.event(run, 'EventEmitted', '2 of 3 subscribers run');
    const children = await world.children(run);
    expect(children.map(({ spec }) => [spec.workflow?.repositoryRef.name, spec.workflow?.inputs]).sort()).toEqual([
      ['app-one', { version: '1.4.0' }],
      ['app-two', { version: '1.4.0' }],
    ]);
    const [one, two] = children;
    await world.kubelet.finish(await world.pod(one!), {});
    await world.kubelet.finish(await world.pod(two!), failed);
    const ended = await world.phase(run, 'Failed');
    expect(ended.status).toMatchObject({
      children: '2/2',
      childrenSummary: { total: 2, completed: 1, failed: 1 },
      errorType: 'workflow_failed',
      detailedErrors: [{ errorType: 'workflow_failed', errorMessage: 'step test: exit code 1' }],
    });
    expect(ended.status?.message).toMatch(/^1 of 2 children failed: acme\/app-/);
    await world.event(run, 'ChildrenFailed');
    const told = (await world.eventsOf(one!)).map(({ reason }) => reason);
    expect(told).toEqual([]);
  });

  test('given a limit of one, then the children run one after the other, in order, and all do', async () => {
    const apps = Object.fromEntries(['a', 'b', 'c'].map(name => [`app-${name}`, subscriber()]));
    const world = await worldOf(apps);
    const run = await world.run({ event, concurrencyLimit: 1 });
    await world.phase(run, 'Waiting');
    const done = new Set<string>();
    while (done.size < 3) {
      await until('the next Pod', async () => (await world.pods()).some(({ metadata }) => !done.has(metadata.uid)));
      const open = (await world.pods()).filter(({ metadata }) => !done.has(metadata.uid));
      expect(open).toHaveLength(1);
      await world.kubelet.finish(open[0]!, {});
      done.add(open[0]!.metadata.uid);
    }
    expect((await world.phase(run, 'Succeeded')).status).toMatchObject({ children: '3/3' });
  });

  test('given a queued child that is canceled, then those behind it get their turn', async () => {
    const apps = Object.fromEntries(['a', 'b', 'c'].map(name => [`app-${name}`, subscriber()]));
    const world = await worldOf(apps);
    const run = await world.run({ event, concurrencyLimit: 1 });
    await world.phase(run, 'Waiting');
    await until(
      'two in the queue',
      async () => (await world.children(run)).filter(({ status }) => status?.phase === 'Queued').length === 2,
    );
    const queued = (await world.children(run)).filter(({ status }) => status?.phase === 'Queued');
    for (const [index, child] of queued.entries()) {
      if (index === 0)
        await world.client.mergePatch(takoRuns, { ...world, name: child.metadata.name }, { spec: { cancel: true } });
    }
    await world.phase(queued[0]!, 'Canceled');
    const [first] = await world.pods();
    await world.kubelet.finish(first!, {});
    await world.kubelet.finish(await world.pod(queued[1]!), {});
    expect((await world.phase(run, 'Failed')).status?.childrenSummary).toMatchObject({ completed: 2, canceled: 1 });
  });

  test('given an operator that is killed while children run, then the limit holds, and none runs twice', async () => {
    const apps = Object.fromEntries(['a', 'b', 'c', 'd'].map(name => [`app-${name}`, subscriber()]));
    const world = await worldOf(apps);
    const run = await world.run({ event, concurrencyLimit: 2 });
    await until('two Pods', async () => (await world.pods()).length === 2);
    await world.operator.kill();
    world.operator = await startTestOperator({ namespace: world.namespace });
    await until('the others to be queued', async () => {
      const phases = (await world.children(run)).map(({ status }) => status?.phase);
      return phases.filter(phase => phase === 'Queued').length === 2;
    });
    expect(await world.pods()).toHaveLength(2);
    const seen = new Set<string>();
    await until('all children to have ended', async () => {
      for (const pod of await world.pods()) {
        if (seen.has(pod.metadata.uid)) continue;
        seen.add(pod.metadata.uid);
        await world.kubelet.finish(pod, {});
      }
      return (await world.get(run)).status?.phase === 'Succeeded';
    });
    expect(seen.size).toBe(4);
    expect(await world.children(run)).toHaveLength(4);
  });

  test('given a cancel, then the children are canceled with it', async () => {
    const world = await worldOf({ 'app-one': subscriber(), 'app-two': subscriber() });
    const run = await world.run({ event });
    await world.phase(run, 'Waiting');
    const children = await world.children(run);
    for (const child of children) await world.pod(child);
    await world.client.mergePatch(takoRuns, { ...world, name: run.metadata.name }, { spec: { cancel: true } });
    const ended = await world.phase(run, 'Canceled');
    expect(ended.status?.childrenSummary).toMatchObject({ total: 2, canceled: 2 });
    await until('no Pod to be left', async () => (await world.pods()).length === 0);
  });

  test('given a run that is deleted in the middle, then children and Pods go with it', async () => {
    const world = await worldOf({ 'app-one': subscriber(), 'app-two': subscriber() });
    const run = await world.run({ event });
    await world.phase(run, 'Waiting');
    for (const child of await world.children(run)) await world.pod(child);
    await world.client.delete(takoRuns, { ...world, name: run.metadata.name });
    await until(
      'all to be gone',
      async () => {
        const { items } = await world.client.list(takoRuns, { namespace: world.namespace });
        return items.length === 0 && (await world.pods()).length === 0;
      },
      { everyMs: 100 },
    );
  });

  test('given a parent that is deleted without its children, then those that run go on, and none starts', async () => {
    const world = await worldOf({ 'app-one': subscriber(), 'app-two': subscriber() });
    const run = await world.run({ event, concurrencyLimit: 1 });
    await until('one in the queue', async () =>
      (await world.children(run)).some(({ status }) => status?.phase === 'Queued'),
    );
    const children = await world.children(run);
    const queued = children.find(({ status }) => status?.phase === 'Queued')!;
    const running = children.find(child => child !== queued)!;
    const pod = await world.pod(running);
    await world.client.delete(takoRuns, { ...world, name: run.metadata.name }, { propagationPolicy: 'Orphan' });
    await until('the parent to be gone', () => gone(world.get(run)));
    await world.kubelet.finish(pod, {});
    await world.phase(running, 'Succeeded');
    expect((await world.phase(queued, 'Canceled')).status?.message).toContain('nobody waits for this one');
    expect(await world.pods(queued)).toEqual([]);
  });

  test('given an event that starts nothing, then it succeeds at once', async () => {
    const world = await worldOf({});
    const run = await world.run({ event });
    expect((await world.phase(run, 'Succeeded')).status).toMatchObject({
      message: expect.stringContaining('no repository listens'),
    });
  });

  test('given a dry run, then it names who would run, and nobody does', async () => {
    const world = await worldOf({ 'app-one': subscriber() });
    const run = await world.run({ event, dryRun: true });
    expect((await world.phase(run, 'Succeeded')).status?.message).toBe('dry run: would start app-one ci');
    expect(await world.children(run)).toEqual([]);
  });

  test('given a time limit that passes, then parent and children have timed out', async () => {
    const world = await worldOf({ 'app-one': subscriber() });
    const run = await world.run({ event, timeout: '10s' });
    await world.phase(run, 'Waiting');
    const [child] = await world.children(run);
    const pod = await world.pod(child!);
    await world.kubelet.run(pod);
    await world.reason(run, 'TimingOut');
    await world.kubelet.finish(pod, { state: 'failed', errorType: 'timeout', reason: 'TimedOut', message: 'over' });
    await world.phase(child!, 'TimedOut');
    expect((await world.phase(run, 'TimedOut')).status).toMatchObject({
      errorType: 'timeout',
      timeoutExceeded: true,
      childrenSummary: { timedOut: 1 },
    });
  });
});

const REQUEST = { type: 'library_built', artifact: 'core', payload: { version: '1.4.0' }, waitForChildren: true };

/** A run that is at its fan-out step, with one subscriber. */
async function emitting() {
  const world = await worldOf({ 'app-one': subscriber() });
  const run = await world.run({ workflow });
  const pod = await world.pod(run);
  await world.kubelet.run(pod);
  return { world, run, pod, agent: await agentOf(world, pod) };
}

describe('a fan-out step', () => {
  test('given an agent that leaves its children behind, then the run waits for them without its Pod', async () => {
    const { world, run, pod, agent } = await emitting();
    const started = await agent.fanOut('emit', REQUEST, AbortSignal.timeout(15_000));
    expect(await agent.fanOut('emit', REQUEST, AbortSignal.timeout(15_000))).toMatchObject({ run: started.run });
    await world.kubelet.finish(pod, { waitFor: ['emit'], steps: [{ id: 'emit', phase: 'Succeeded' }] });
    await world.phase(run, 'Waiting');
    const [emitted] = await world.children(run);
    const [child] = await world.children(emitted!);
    await world.kubelet.finish(await world.pod(child!), {});
    const ended = await world.phase(run, 'Succeeded');
    expect(ended.status).toMatchObject({ children: '1/1', treeSummary: { total: 1, completed: 1, depth: 1 } });
  });

  test('given an agent that waits, then it hears of the end', async () => {
    const { world, run, agent } = await emitting();
    const { run: name } = await agent.fanOut('emit', REQUEST, AbortSignal.timeout(15_000));
    const ended = agent.waitForFanOut('emit', name, AbortSignal.timeout(20_000));
    const [emitted] = await world.children(run);
    await world.phase(emitted!, 'Waiting');
    const [child] = await world.children(emitted!);
    await world.kubelet.finish(await world.pod(child!), failed);
    expect(await ended).toMatchObject({
      finished: true,
      phase: 'Failed',
      message: expect.stringContaining('step test: exit code 1'),
    });
  });

  test('given a fan-out that is deleted while it is waited for, then that is no success', async () => {
    const { world, run, pod, agent } = await emitting();
    const started = await agent.fanOut('emit', REQUEST, AbortSignal.timeout(15_000));
    await world.kubelet.finish(pod, { waitFor: ['emit'], steps: [{ id: 'emit', phase: 'Succeeded' }] });
    await world.phase(run, 'Waiting');
    await world.client.delete(takoRuns, { ...world, name: started.run });
    const { status } = await world.phase(run, 'Failed');
    expect(status?.message).toContain('its run was deleted');
  });

  test('given a result that is too large, then it is stored, and the run takes it from there', async () => {
    const world = await worldOf({});
    const run = await world.run({ workflow });
    const pod = await world.pod(run);
    await world.kubelet.run(pod);
    const agent = await agentOf(world, pod);
    const body = {
      steps: [{ id: 'build', phase: 'Succeeded' as const }],
      outputs: { 'build.log': 'x'.repeat(9_000), 'build.v': '1' },
    };
    const ref = await agent.storeResult(body, AbortSignal.timeout(15_000));
    await world.kubelet.finish(pod, { ref });
    const { status } = await world.phase(run, 'Succeeded');
    expect(status).toMatchObject({ resultRef: ref, steps: body.steps, outputs: { 'build.v': '1' } });
    const stored = await world.client.get(configMaps, { namespace: world.namespace, name: ref.name });
    expect(stored).toMatchObject({ immutable: true, metadata: { ownerReferences: [{ uid: run.metadata.uid }] } });
  });

  test('given a result that somebody has taken away, then the run has failed and says so', async () => {
    const world = await worldOf({});
    const run = await world.run({ workflow });
    const pod = await world.pod(run);
    await world.kubelet.finish(pod, { ref: { name: 'gone', digest: 'e'.repeat(64) } });
    expect((await world.phase(run, 'Failed')).status).toMatchObject({
      message: expect.stringContaining('ConfigMap gone'),
    });
    await world.event(run, 'ResultLost');
  });

  test('given the token of a Pod that is no run of ours, then the gateway gives nothing away', async () => {
    const world = await worldOf({});
    const run = await world.run({ workflow });
    const pod = await world.pod(run);
    await world.kubelet.run(pod);
    await world.phase(run, 'Running');
    const stranger = await world.client.create(podResource, {
      ...pod,
      metadata: {
        name: 'stranger',
        namespace: world.namespace,
        labels: pod.metadata.labels ?? {},
        ownerReferences: pod.metadata.ownerReferences ?? [],
      },
      spec: {
        ...pod.spec,
        volumes: [],
        containers: pod.spec.containers.map(container => ({ ...container, volumeMounts: [] })),
      },
    });
    const agent = await agentOf(world, stranger);
    const call = agent.fanOut(
      'emit',
      { type: 'x', artifact: 'core', waitForChildren: false },
      AbortSignal.timeout(2_000),
    );
    await expect(call).rejects.toBeInstanceOf(GatewayCallError);
    expect(await world.children(run)).toEqual([]);
  });
});

describe('children that the API server does not take', () => {
  test('given the name of a child taken by another run, then the event fails and says which', async () => {
    const world = await worldOf({ 'app-one': subscriber() });
    const { client, namespace } = world;
    const run = await world.run({ event, suspend: true });
    await world.reason(run, 'Suspended');
    const child = {
      namespace,
      repository: 'app-one',
      slug: 'acme/app-one',
      workflow: 'ci',
      inputs: { version: '1.4.0' },
    };
    const taken = await world.run({ workflow, suspend: true }, childName(run.metadata.uid, child));
    await client.mergePatch(takoRuns, { namespace, name: run.metadata.name }, { spec: { suspend: false } });
    const { status } = await world.phase(run, 'Failed');
    expect(status).toMatchObject({ errorType: 'execution_failed' });
    expect(status?.message).toContain(
      `TakoRun ${namespace}/${taken.metadata.name} exists and was not started by this run`,
    );
    await world.event(run, 'RunConflict');
    expect((await world.get(taken)).metadata.deletionTimestamp).toBeUndefined();
  });

  test('given a quota for runs, then the event waits for room, and goes out when there is', async () => {
    const world = await worldOf({ 'app-one': subscriber(), 'app-two': subscriber() });
    const { client, namespace } = world;
    const hard = { 'count/takoruns.tako.dev': '2' };
    await client.create(resourceQuotas, {
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata: { name: 'runs', namespace },
      spec: { hard },
    });
    await until('the quota to be in force', async () => {
      const { status } = await client.get(resourceQuotas, { namespace, name: 'runs' });
      return status?.hard !== undefined;
    });
    const run = await world.run({ event });
    const { status } = await world.reason(run, 'QuotaExceeded');
    expect(status).toMatchObject({ phase: 'Pending', message: expect.stringContaining('exceeded quota: runs') });
    await client.delete(resourceQuotas, { namespace, name: 'runs' });
    await world.phase(run, 'Waiting');
    expect(await world.children(run)).toHaveLength(2);
  });
});
