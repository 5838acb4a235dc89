import { describe, expect, it, onTestFinished } from 'vitest';
import type { Reconciler } from '../../../src/kube/controller.ts';
import { createController } from '../../../src/kube/controller.ts';
import { isApiError } from '../../../src/kube/errors.ts';
import type { ManagerOutcome } from '../../../src/kube/manager.ts';
import { createManager } from '../../../src/kube/manager.ts';
import type { ConfigMap, Live } from '../../../src/kube/objects.ts';
import { configMaps, controllerReference, parseKey } from '../../../src/kube/objects.ts';
import { createReflector } from '../../../src/kube/reflector.ts';
import { storeSource, toController } from '../../../src/kube/source.ts';
import { byControllerUid, createStore } from '../../../src/kube/store.ts';
import { until } from '../../fixtures/until.ts';
import { clientWith, configMap, useNamespace } from './fixture.ts';

const cluster = useNamespace();

/** A replica of a small operator: every ConfigMap with the label `parent` gets two children of its own. */
function startReplica(identity: string) {
  const client = clientWith({}, { qps: 500, burst: 500 });
  const { namespace } = cluster;
  const store = createStore<Live<ConfigMap>>({ indexes: { owner: byControllerUid } });
  const creations: string[] = [];

  const reconcile: Reconciler = async (key, signal) => {
    const parent = store.get(key);
    if (parent?.metadata.labels?.parent === undefined || parent.metadata.deletionTimestamp !== undefined) return;
    const existing = new Set(store.byIndex('owner', parent.metadata.uid).map(({ metadata }) => metadata.name));
    for (const suffix of ['a', 'b']) {
      const name = `${parent.metadata.name}-${suffix}`;
      if (existing.has(name)) continue;
      const metadata = { namespace, name, ownerReferences: [controllerReference(parent)] };
      try {
        await client.create(configMaps, { ...configMap(namespace, name), metadata }, { signal });
        creations.push(name);
      } catch (error) {
        if (!isApiError(error, 'alreadyExists')) throw error;
      }
    }
  };

  const manager = createManager({
    reflectors: [createReflector({ client, type: configMaps, store, namespace })],
    controllers: [
      createController({
        name: 'parents',
        workers: 4,
        reconcile,
        sources: [
          storeSource(store, { when: event => event.type !== 'deleted' }),
          storeSource(store, { map: toController('v1', 'ConfigMap'), when: event => event.type === 'deleted' }),
        ],
      }),
    ],
    election: {
      client,
      namespace,
      name: 'parents',
      identity,
      leaseDurationMs: 9_000,
      renewDeadlineMs: 6_000,
      retryPeriodMs: 400,
    },
    drainMs: 5_000,
  });
  const abort = new AbortController();
  const outcome: Promise<ManagerOutcome> = manager.run(abort.signal);
  const stop = async (): Promise<ManagerOutcome> => {
    abort.abort(new Error('stop'));
    return outcome;
  };
  onTestFinished(async () => {
    await stop();
    await client.close();
  });
  return { manager, creations, outcome, stop, kill: () => client.close() };
}

async function createParents(from: number, to: number): Promise<void> {
  const { client, namespace } = cluster;
  for (let i = from; i < to; i++) {
    const metadata = { namespace, name: `parent-${i}`, labels: { parent: '' } };
    await client.create(configMaps, { ...configMap(namespace, ''), metadata });
  }
}

async function children(): Promise<string[]> {
  const { client, namespace } = cluster;
  const { items } = await client.list(configMaps, { namespace });
  return items.map(({ metadata }) => metadata.name).filter(name => /^parent-\d+-[ab]$/.test(name));
}

describe('an operator of two replicas', () => {
  it('given a leader that is killed in the middle, then the other goes on and every child is made exactly once', async () => {
    const first = startReplica('first');
    await until('the first to lead', () => first.manager.isLeader());
    const second = startReplica('second');
    await until('the second to have its stores filled', () => second.manager.isSynced());
    await createParents(0, 20);
    await until('some children', async () => first.creations.length >= 5);
    await first.kill();
    await createParents(20, 40);
    expect(await first.outcome).toBe('lost');
    await until('all children', async () => (await children()).length === 80, { everyMs: 200 });
    expect(second.manager.isLeader()).toBe(true);
    // What the first created without hearing so is in neither list; nothing is in both.
    const made = [...first.creations, ...second.creations];
    expect(new Set(made).size).toBe(made.length);
    expect(await second.stop()).toBe('stopped');
  });

  it('given a child that somebody deletes, then it is made again', async () => {
    const { client, namespace } = cluster;
    const replica = startReplica('third');
    await createParents(40, 41);
    await until('its children', () => replica.creations.length === 2);
    const { name } = parseKey(`${namespace}/parent-40-a`);
    await client.delete(configMaps, { namespace, name });
    await until('it to be back', () => replica.creations.length === 3);
    expect(replica.creations.at(-1)).toBe('parent-40-a');
  });
});
