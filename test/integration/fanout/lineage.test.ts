import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { API_VERSION } from '../../../src/api/meta.ts';
import { type TakoRun, takoRuns } from '../../../src/api/resources.ts';
import type { TakoRunSpec } from '../../../src/api/takorun.ts';
import { childName } from '../../../src/fanout/names.ts';
import type { KubeClient } from '../../../src/kube/client.ts';
import { configMaps, type KubeObject, type Live } from '../../../src/kube/objects.ts';
import { until } from '../../fixtures/until.ts';
import { createNamespace, testClient } from '../fixture.ts';
import { clientAs, installPolicies, isRefused, personIn } from '../people.ts';
import { createWorld, gone, type World } from '../run/world.ts';

const OPERATOR = 'system:serviceaccount:tako-system:tako-operator';
const workflow = { repositoryRef: { name: 'core-lib' }, name: 'release' };
const other = { namespace: 'team', name: 'release', uid: '11111111-2222-3333-4444-555555555555' };
const place = { run: other, root: other, depth: 1 };
const owner = { apiVersion: API_VERSION, kind: 'TakoRun', name: other.name, uid: other.uid, controller: true };

beforeAll(async () => {
  await installPolicies();
  const admin = testClient();
  const namespace = await createNamespace(admin);
  const alice = await editor(admin, namespace);
  const forge = () => isRefused(alice.create(takoRuns, runIn(namespace, { workflow, parent: place })));
  await until('the policy to act', forge);
  await alice.close();
  await admin.close();
});

/** A person who may edit in a namespace, by the role that an installation gives those who edit. */
function editor(admin: KubeClient, namespace: string): Promise<KubeClient> {
  return personIn(admin, namespace, 'tako-editor', client =>
    client.create(takoRuns, runIn(namespace, { workflow }), { dryRun: true }),
  );
}

function runIn(namespace: string, spec: TakoRunSpec, metadata: Partial<KubeObject['metadata']> = {}): TakoRun {
  const named = metadata.name === undefined ? { generateName: 'run-' } : {};
  return { apiVersion: API_VERSION, kind: 'TakoRun', metadata: { ...named, namespace, ...metadata }, spec };
}

interface People {
  readonly admin: KubeClient;
  readonly alice: KubeClient;
  readonly namespace: string;
  /** A child's place below a run that is there: what belongs to none is soon collected as garbage. */
  readonly below: { readonly parent: NonNullable<TakoRunSpec['parent']>; readonly owner: typeof owner };
}

async function people(): Promise<People> {
  const admin = testClient();
  const namespace = await createNamespace(admin);
  const alice = await editor(admin, namespace);
  onTestFinished(async () => {
    await alice.close();
    await admin.close();
  });
  const { name, uid } = (await admin.create(takoRuns, runIn(namespace, { workflow }))).metadata;
  const run = { namespace, name, uid };
  const below = { parent: { run, root: run, depth: 1 }, owner: { ...owner, name, uid } };
  return { admin, alice, namespace, below };
}

describe('a person who may edit runs', () => {
  test('given a forged spec.parent, then it is refused, in words that say why', async () => {
    const { alice, namespace } = await people();
    const create = alice.create(takoRuns, runIn(namespace, { workflow, parent: place }));
    await expect(create).rejects.toThrow(
      /spec\.parent says where a run stands in its tree, and only the operator sets it/,
    );
  });

  test.each([
    ['that controls', owner],
    ['that does not control', { ...owner, controller: false }],
    ['of another version', { ...owner, apiVersion: 'tako.dev/v1' }],
  ])('given a forged owner %s, then it is refused, at its creation and later', async (_, forged) => {
    const { alice, namespace } = await people();
    const create = alice.create(takoRuns, runIn(namespace, { workflow }, { ownerReferences: [forged] }));
    await expect(create).rejects.toThrow(/a TakoRun owns only the runs that the operator starts for it/);
    const run = await alice.create(takoRuns, runIn(namespace, { workflow }));
    const ref = { namespace, name: run.metadata.name };
    const change = alice.mergePatch(takoRuns, ref, { metadata: { ownerReferences: [forged] } });
    await expect(change).rejects.toThrow(/a TakoRun owns only/);
  });

  test('given a child, then neither its place nor its owner can be taken away, and the rest is as with any run', async () => {
    const { admin, alice, namespace, below } = await people();
    const child = await admin.create(
      takoRuns,
      runIn(namespace, { workflow, parent: below.parent }, { ownerReferences: [below.owner] }),
    );
    const ref = { namespace, name: child.metadata.name };
    const free = alice.mergePatch(takoRuns, ref, { metadata: { ownerReferences: null } });
    await expect(free).rejects.toThrow(/a TakoRun owns only/);
    await expect(alice.mergePatch(takoRuns, ref, { spec: { parent: null } })).rejects.toThrow(/parent/);
    await alice.mergePatch(takoRuns, ref, { metadata: { labels: { mine: 'yes' } }, spec: { cancel: true } });
    await alice.delete(takoRuns, ref);
  });

  test('given ordinary runs, then creating, applying, suspending, canceling and deleting them goes as ever', async () => {
    const { admin, alice, namespace } = await people();
    const config = await admin.create(configMaps, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'config', namespace },
    });
    const manifest = {
      apiVersion: API_VERSION,
      kind: 'TakoRun' as const,
      metadata: {
        name: 'ordinary',
        namespace,
        ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'config', uid: config.metadata.uid }],
      },
      spec: { workflow, suspend: true },
    };
    const apply = (spec: TakoRunSpec) =>
      alice.applyServerSide(takoRuns, { ...manifest, spec }, { fieldManager: 'kubectl' });
    await apply({ workflow, suspend: true });
    await apply({ workflow, suspend: false });
    await alice.mergePatch(takoRuns, { namespace, name: 'ordinary' }, { spec: { cancel: true } });
    const found = await alice.get(takoRuns, { namespace, name: 'ordinary' });
    await alice.replace(takoRuns, { ...found, metadata: { ...found.metadata, annotations: { note: 'x' } } });
    await alice.delete(takoRuns, { namespace, name: 'ordinary' });
  });
});

describe('those who keep trees', () => {
  test('given the rights of the operator, then it sets both', async () => {
    const { namespace, below } = await people();
    const operator = clientAs(OPERATOR);
    onTestFinished(() => operator.close());
    const run = await operator.create(
      takoRuns,
      runIn(namespace, { workflow, parent: below.parent }, { ownerReferences: [below.owner] }),
    );
    expect(run).toMatchObject({ metadata: { ownerReferences: [below.owner] }, spec: { parent: below.parent } });
  });

  test('given a run that is deleted without its children, then the garbage collector may take it off them', async () => {
    const { admin, alice, namespace } = await people();
    const parent = await admin.create(takoRuns, runIn(namespace, { workflow }));
    const { name, uid } = parent.metadata;
    const run = { namespace, name, uid };
    const child = await admin.create(
      takoRuns,
      runIn(
        namespace,
        { workflow, parent: { run, root: run, depth: 1 } },
        { ownerReferences: [{ ...owner, name, uid, blockOwnerDeletion: true }] },
      ),
    );
    await alice.delete(takoRuns, { namespace, name }, { propagationPolicy: 'Orphan' });
    await until('the parent to be gone', () => gone(admin.get(takoRuns, { namespace, name })));
    const left = await admin.get(takoRuns, { namespace, name: child.metadata.name });
    expect(left.metadata.ownerReferences).toBeUndefined();
  });
});

const LIBRARY = `version: 0.1.0
artifacts: {core: {path: .}}
workflows:
  release: {steps: [./build.sh]}
`;
const SUBSCRIBER = `version: 0.1.0
workflows:
  ci: {inputs: {version: {type: string}}, steps: ["./test.sh {{ .inputs.version }}"]}
  spy: {steps: ["echo {{ .event.payload.version }}"]}
subscriptions:
  - {artifact: "acme/core-lib:core", events: [library_built], workflow: ci, inputs: {version: "{{ .event.payload.version }}"}}
`;
const event = { type: 'library_built', source: 'acme/core-lib:core', payload: { version: 'hunter2' } };

/** An event that waits for its one child. Policies do not bind whoever may do everything, as these tests may: the operator is on its own. */
async function waitingEvent(): Promise<{ world: World; run: Live<TakoRun>; apps: string }> {
  const world = await createWorld({ others: 1 });
  const apps = world.others[0]!;
  await world.repository('core-lib', LIBRARY);
  await world.repository('app-one', SUBSCRIBER);
  await world.repository('shop', SUBSCRIBER, { namespace: apps });
  for (const name of ['core-lib', 'app-one']) await world.ready(name);
  await world.ready('shop', apps);
  const run = await world.run({ event });
  await world.phase(run, 'Waiting');
  return { world, run, apps };
}

describe('where no policy is', () => {
  const reference = ({ metadata }: Live<TakoRun>) => ({
    namespace: metadata.namespace!,
    name: metadata.name,
    uid: metadata.uid,
  });

  test.each([
    ['an owner alone', true, false],
    ['spec.parent alone', false, true],
  ])(
    'given a run that forges %s, then it is no child: it gets no event, and changes nothing for the parent',
    async (_, owned, placed) => {
      const { world, run } = await waitingEvent();
      const parent = reference(run);
      const forged = await world.client.create(
        takoRuns,
        runIn(
          world.namespace,
          {
            workflow: { repositoryRef: { name: 'app-one' }, name: 'spy' },
            ...(placed && { parent: { run: parent, root: parent, depth: 1 } }),
          },
          owned ? { ownerReferences: [{ ...owner, name: parent.name, uid: parent.uid }] } : {},
        ),
      );
      if (placed) {
        const ended = await world.phase(forged, 'Canceled');
        expect(ended.status?.message).toContain('nobody waits for this one');
        expect(await world.pods(forged)).toEqual([]);
      } else {
        expect(JSON.stringify(await world.pod(forged))).not.toContain('hunter2');
      }
      const children = (await world.children(run)).filter(({ metadata }) => metadata.uid !== forged.metadata.uid);
      expect((await world.get(run)).status?.childrenSummary?.total).toBe(1);
      await world.kubelet.finish(await world.pod(children[0]!), {});
      const done = await world.phase(run, 'Succeeded');
      expect(done.status).toMatchObject({ children: '1/1', childrenSummary: { total: 1, completed: 1 } });
    },
  );

  test('given a run of another namespace that forges spec.parent, then it gets no event, and the parent does not see it', async () => {
    const { world, run, apps } = await waitingEvent();
    const parent = reference(run);
    const forged = await world.client.create(
      takoRuns,
      runIn(apps, {
        workflow: { repositoryRef: { name: 'shop' }, name: 'spy' },
        parent: { run: parent, root: parent, depth: 1 },
      }),
    );
    const ended = await world.phase(forged, 'Canceled');
    expect(JSON.stringify(ended.status)).not.toContain('hunter2');
    expect(await world.pods(forged)).toEqual([]);
    expect((await world.get(run)).status?.childrenSummary).toMatchObject({ total: 1 });
  });

  test('given a run of another namespace with the name of a child of an event that never goes out, then it does not start', async () => {
    const { world, apps } = await waitingEvent();
    const held = await world.run({ event: { ...event, id: '2' }, suspend: true });
    await world.reason(held, 'Suspended');
    const parent = reference(held);
    const child = { namespace: apps, repository: 'shop', slug: 'acme/shop', workflow: 'spy', inputs: {} };
    const forged = await world.client.create(
      takoRuns,
      runIn(
        apps,
        { workflow: { repositoryRef: { name: 'shop' }, name: 'spy' }, parent: { run: parent, root: parent, depth: 1 } },
        { name: childName(parent.uid, child) },
      ),
    );
    await world.change(held, { cancel: true });
    await world.phase(held, 'Canceled');
    const ended = await world.phase(forged, 'Canceled');
    expect(JSON.stringify(ended.status)).not.toContain('hunter2');
    expect(await world.pods(forged)).toEqual([]);
  });
});
