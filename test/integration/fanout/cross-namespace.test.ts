import { describe, expect, test } from 'vitest';
import { API_VERSION, CHILDREN_FINALIZER } from '../../../src/api/meta.ts';
import { type TakoRun, takoRuns } from '../../../src/api/resources.ts';
import type { TakoRepositorySpec } from '../../../src/api/takorepository.ts';
import { isApiError } from '../../../src/kube/errors.ts';
import { namespaces, pods, secrets } from '../../../src/kube/objects.ts';
import { until } from '../../fixtures/until.ts';
import { resourceQuotas } from '../run/resource-quota.ts';
import { createWorld, gone, type World } from '../run/world.ts';
import { startTestOperator } from '../test-operator.ts';

const LIBRARY = `version: 0.1.0
artifacts: {core: {path: .}}
workflows:
  release: {steps: [./build.sh]}
`;
const SUBSCRIBER = `version: 0.1.0
workflows:
  ci:
    inputs: {version: {type: string}}
    secrets: [TOKEN]
    steps: [{run: "./test.sh {{ .inputs.version }}", env: {TOKEN: TOKEN}}]
subscriptions:
  - {artifact: "acme/core-lib:core", events: [library_built], workflow: ci, inputs: {version: "{{ .event.payload.version }}"}}
`;
const event = { type: 'library_built', source: 'acme/core-lib:core', payload: { version: '1.4.0' } };
const secretsOf = { secrets: [{ name: 'TOKEN', secretKeyRef: { name: 'token', key: 'value' } }] };
const everybody = { namespaces: { from: 'All' as const } };
const from = (namespace: string) => ({
  namespaces: {
    from: 'Selector' as const,
    selector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
  },
});
const failed = {
  state: 'failed',
  errorType: 'workflow_failed',
  reason: 'StepFailed',
  message: 'step test: the password is hunter2',
  outputs: { 'test.out': 'hunter2' },
} as const;

/** core-lib in the namespace of the World; the subscribers in the other one, by name. */
async function worldOf(subscribers: Record<string, Partial<TakoRepositorySpec>>): Promise<World & { apps: string }> {
  const world = await createWorld({ others: 1 });
  const apps = world.others[0]!;
  await world.repository('core-lib', LIBRARY);
  for (const [name, spec] of Object.entries(subscribers)) {
    await world.repository(name, SUBSCRIBER, { namespace: apps, spec: { ...secretsOf, ...spec } });
  }
  await world.ready('core-lib');
  for (const name of Object.keys(subscribers)) await world.ready(name, apps);
  return Object.assign(world, { apps });
}

describe('subscribers in another namespace', () => {
  test('given some that consent, then their children run there, and the others are only counted', async () => {
    const world = await createWorld({ others: 2 });
    const [apps, web] = world.others as [string, string];
    await world.repository('core-lib', LIBRARY);
    const consents: [string, string, Partial<TakoRepositorySpec>][] = [
      ['for-all', apps, { acceptEvents: everybody }],
      ['selected', apps, { acceptEvents: from(world.namespace) }],
      ['unselected', apps, { acceptEvents: from(web) }],
      ['own-only', web, { acceptEvents: { namespaces: { from: 'Same' } } }],
      ['silent', web, {}],
      ['asleep', web, { acceptEvents: everybody, suspend: true }],
    ];
    for (const [name, namespace, spec] of consents) {
      await world.repository(
        name,
        SUBSCRIBER.replace('    secrets: [TOKEN]\n', '').replace(', env: {TOKEN: TOKEN}', ''),
        {
          namespace,
          spec,
        },
      );
    }
    await world.ready('core-lib');
    for (const [name, namespace] of consents) if (name !== 'asleep') await world.ready(name, namespace);

    const run = await world.run({ event });
    const waiting = await world.phase(run, 'Waiting');

    expect(waiting.status?.fanOut).toMatchObject({ triggeredCount: 2, withoutConsent: 3 });
    expect(waiting.metadata.finalizers).toEqual([CHILDREN_FINALIZER]);
    const told = JSON.stringify(waiting.status);
    for (const name of ['unselected', 'own-only', 'silent']) expect(told).not.toContain(name);
    const children = await world.children(run);
    expect(
      children.map(({ metadata, spec }) => [metadata.namespace, spec.workflow?.repositoryRef.name]).sort(),
    ).toEqual(
      [
        [apps, 'for-all'],
        [apps, 'selected'],
      ].sort(),
    );
    for (const child of children) {
      expect(child.metadata.ownerReferences).toBeUndefined();
      const pod = await world.pod(child);
      expect(pod.metadata.namespace).toBe(apps);
      await world.kubelet.finish(pod, {});
    }
    const ended = await world.phase(run, 'Succeeded');
    expect(ended.status).toMatchObject({ children: '2/2', childrenSummary: { total: 2, completed: 2 } });
  });

  test('given a child that fails, then its parent hears of phase and kind of error, and of nothing else', async () => {
    const world = await worldOf({ shop: { acceptEvents: everybody } });
    await world.client.create(secrets, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'token', namespace: world.namespace },
      stringData: { value: 'of the emitter' },
    });
    const run = await world.run({ event });
    await world.phase(run, 'Waiting');
    const [child] = await world.children(run);
    const pod = await world.pod(child!);
    await world.kubelet.finish(pod, failed);

    const ended = await world.phase(run, 'Failed');

    expect(pod.metadata.namespace).toBe(world.apps);
    expect(JSON.stringify(pod.spec)).toContain('"name":"token"');
    const seen = await world.phase(child!, 'Failed');
    expect(seen.status?.message).toContain('hunter2');
    expect(ended.status?.detailedErrors).toEqual([
      {
        repository: 'acme/shop',
        workflow: 'ci',
        errorType: 'workflow_failed',
        errorMessage: `ended as Failed: see TakoRun ${child!.metadata.name} in namespace ${world.apps}`,
      },
    ]);
    expect(JSON.stringify(ended)).not.toContain('hunter2');
    expect(JSON.stringify(await world.eventsOf(run))).not.toContain('hunter2');
  });

  test('given a namespace that takes no more runs, then that subscriber is skipped, and the event goes out to the others', async () => {
    const world = await worldOf({ shop: { acceptEvents: everybody } });
    await world.repository('app', SUBSCRIBER, { spec: secretsOf });
    await world.ready('app');
    await world.client.create(resourceQuotas, {
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata: { name: 'budget-of-the-shop', namespace: world.apps },
      spec: { hard: { 'count/takoruns.tako.dev': '0' } },
    });
    const probe: TakoRun = {
      apiVersion: API_VERSION,
      kind: 'TakoRun',
      metadata: { generateName: 'probe-', namespace: world.apps },
      spec: { event, suspend: true },
    };
    // While the controller manager has not counted yet, the API server refuses as well, in other words.
    const refused = async () =>
      isApiError(
        await world.client.create(takoRuns, probe).catch((error: unknown) => error),
        'quotaExceeded',
        'forbidden',
      );
    await until('the quota to be in force', refused);
    const run = await world.run({ event });
    const { status } = await world.phase(run, 'Waiting');
    expect(status?.fanOut).toMatchObject({
      triggeredCount: 1,
      skipped: [
        { repository: 'acme/shop', reason: 'Refused', message: expect.stringContaining('does not take the run') },
      ],
    });
    expect(JSON.stringify(status)).not.toContain('budget-of-the-shop');
  });
});

describe('the end of a tree over namespaces', () => {
  test('given a cancel of the parent, then the child is canceled too', async () => {
    const world = await worldOf({ shop: { acceptEvents: everybody } });
    const run = await world.run({ event });
    await world.phase(run, 'Waiting');
    const [child] = await world.children(run);
    await world.pod(child!);
    await world.change(run, { cancel: true });
    await world.phase(child!, 'Canceled');
    expect((await world.phase(run, 'Canceled')).status?.childrenSummary).toMatchObject({ total: 1, canceled: 1 });
  });

  test('given a child that its namespace deletes, then it counts as canceled, and the parent is let go', async () => {
    const world = await worldOf({ shop: { acceptEvents: everybody } });
    const run = await world.run({ event });
    await world.phase(run, 'Waiting');
    const [child] = await world.children(run);
    await world.client.delete(takoRuns, { namespace: world.apps, name: child!.metadata.name });
    const ended = await world.phase(run, 'Failed');
    expect(ended.status?.childrenSummary).toMatchObject({ total: 1, canceled: 1 });
    await until('the finalizer to be off', async () => (await world.get(run)).metadata.finalizers === undefined);
  });

  test('given a parent that is deleted, then the child and its Pod go before it', async () => {
    const world = await worldOf({ shop: { acceptEvents: everybody } });
    const run = await world.run({ event });
    await world.phase(run, 'Waiting');
    const [child] = await world.children(run);
    const pod = await world.pod(child!);
    await world.client.delete(takoRuns, { namespace: world.namespace, name: run.metadata.name });
    await until('the parent to be gone', () => gone(world.get(run)));
    expect(await gone(world.get(child!))).toBe(true);
    await until('the Pod to be gone', () =>
      gone(world.client.get(pods, { namespace: world.apps, name: pod.metadata.name })),
    );
  });

  test('given a root that is deleted while the operator is away, then the next one ends what is elsewhere', async () => {
    const world = await worldOf({ shop: { acceptEvents: everybody } });
    const root = await world.run({ workflow: { repositoryRef: { name: 'core-lib' }, name: 'release' }, suspend: true });
    const { name, namespace, uid } = root.metadata;
    const owner = { namespace: namespace!, name, uid };
    const run = await world.client.create(takoRuns, {
      apiVersion: 'tako.dev/v1alpha1',
      kind: 'TakoRun',
      metadata: {
        name: 'emitted',
        namespace: namespace!,
        ownerReferences: [{ apiVersion: 'tako.dev/v1alpha1', kind: 'TakoRun', name, uid, controller: true }],
      },
      spec: { event, parent: { run: owner, root: owner, depth: 1, step: 'emit', ancestors: [] } },
    });
    await world.phase(run, 'Waiting');
    const [child] = await world.children(run);
    await world.operator.kill();
    await world.client.delete(takoRuns, { namespace, name });
    await until('garbage collection to reach the event', async () => {
      return (await world.get(run)).metadata.deletionTimestamp !== undefined;
    });
    expect(await gone(world.get(child!))).toBe(false);
    world.operator = await startTestOperator({ namespace: world.namespace, others: world.others });
    await until('the tree to be gone', async () => (await gone(world.get(run))) && (await gone(world.get(child!))));
  });

  test('given the time to live of children, then it reaches those elsewhere, and the parent stays and is let go', async () => {
    const world = await worldOf({ shop: { acceptEvents: everybody } });
    const run = await world.run({ event, childrenTTL: '1s' });
    await world.phase(run, 'Waiting');
    const [child] = await world.children(run);
    await world.kubelet.finish(await world.pod(child!), {});
    await world.phase(run, 'Succeeded');
    await until('the child to be gone', () => gone(world.get(child!)));
    await until('the finalizer to be off', async () => (await world.get(run)).metadata.finalizers === undefined);
    expect((await world.get(run)).status).toMatchObject({ phase: 'Succeeded', children: '1/1' });
  });

  test('given the namespace of the parent is deleted, then it goes, and the child elsewhere with it', async () => {
    const world = await worldOf({ shop: { acceptEvents: everybody } });
    const run = await world.run({ event });
    await world.phase(run, 'Waiting');
    const [child] = await world.children(run);
    await world.client.delete(namespaces, { name: world.namespace });
    await until('the parent and its child to be gone', async () => {
      return (await gone(world.get(run))) && (await gone(world.get(child!)));
    });
  });
});

describe('an operator over two namespaces', () => {
  test('given one that is killed while a child elsewhere runs, then the next one sees both namespaces and ends the tree', async () => {
    const world = await worldOf({ shop: { acceptEvents: everybody } });
    const run = await world.run({ event });
    await world.phase(run, 'Waiting');
    const [child] = await world.children(run);
    const pod = await world.pod(child!);
    await world.operator.kill();
    world.operator = await startTestOperator({ namespace: world.namespace, others: world.others });
    await world.kubelet.finish(pod, {});
    await world.phase(run, 'Succeeded');
    expect(await world.children(run)).toHaveLength(1);
    expect(await world.pods(child!)).toHaveLength(1);
  });
});
