import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { takoRuns } from '../../../src/api/resources.ts';
import type { KubeClient } from '../../../src/kube/client.ts';
import { noMetrics } from '../../../src/kube/metrics.ts';
import type { ConfigMap, KubeObject, Live, ResourceType } from '../../../src/kube/objects.ts';
import { configMaps } from '../../../src/kube/objects.ts';
import type { ReflectorOptions } from '../../../src/kube/reflector.ts';
import { createReflector } from '../../../src/kube/reflector.ts';
import { createStore } from '../../../src/kube/store.ts';
import { until } from '../../fixtures/until.ts';
import { clientWith, configMap, testConfig, useNamespace } from './fixture.ts';

const cluster = useNamespace();
const total = 1_200;

beforeAll(async () => {
  const { client, namespace } = cluster;
  const names = Array.from({ length: total }, (_, index) => `map-${index}`);
  const create = async (): Promise<void> => {
    for (let name = names.pop(); name !== undefined; name = names.pop()) {
      await client.create(configMaps, configMap(namespace, name, { data: { size: 'x'.repeat(100) } }));
    }
  };
  await Promise.all(Array.from({ length: 16 }, create));
});

afterAll(async () => {
  await cluster.client.deleteCollection(configMaps, { namespace: cluster.namespace });
});

type Options<T extends KubeObject> = Partial<ReflectorOptions<T, Live<T>>>;

function reflect(client: Pick<KubeClient, 'listAll' | 'watch'>, options: Options<ConfigMap> = {}) {
  return reflectType<ConfigMap>(client, configMaps, options);
}

function reflectType<T extends KubeObject>(
  client: Pick<KubeClient, 'listAll' | 'watch'>,
  type: ResourceType<T>,
  options: Options<T> = {},
) {
  const store = createStore<Live<T>>();
  const events: string[] = [];
  const listed: number[] = [];
  const ended: string[] = [];
  const metrics = {
    ...noMetrics,
    listed: ({ items }: { items: number }) => listed.push(items),
    watchEnded: ({ outcome }: { outcome: string }) => ended.push(outcome),
  };
  const { namespace } = cluster;
  const reflector = createReflector<T>({ client, type, store, namespace, metrics, ...options });
  reflector.start();
  onTestFinished(() => reflector.stop());
  const follow = (): void => {
    store.subscribe(event => {
      if (event.key.startsWith(`${namespace}/live-`)) events.push(`${event.type} ${event.key.split('/')[1]}`);
    });
  };
  follow();
  return { store, reflector, events, listed, ended };
}

describe('1,200 ConfigMaps', () => {
  it('given pages of 500, when they are listed and watched, then the store is what the server has, and follows it', async () => {
    const { client, namespace } = cluster;
    const pages: number[] = [];
    const counting: Pick<KubeClient, 'listAll' | 'watch'> = {
      watch: client.watch,
      listAll: async function* (type, options) {
        for await (const page of client.listAll(type, options)) {
          pages.push(page.items.length);
          yield page;
        }
      },
    };
    const { store, reflector, events } = reflect(counting);
    await reflector.synced();
    // kube-root-ca.crt is in every namespace.
    expect(store.size).toBeGreaterThanOrEqual(total);
    expect(pages.slice(0, 2)).toEqual([500, 500]);
    expect(pages).toHaveLength(3);
    expect(store.get(`${namespace}/map-7`)?.data?.size).toHaveLength(100);
    expect(store.get(`${namespace}/map-7`)?.metadata.managedFields).toBeUndefined();

    await client.create(configMaps, configMap(namespace, 'live-1'));
    await client.mergePatch(configMaps, { namespace, name: 'live-1' }, { data: { a: '1' } });
    await client.delete(configMaps, { namespace, name: 'live-1' });
    await until('three events', () => events.length === 3);
    expect(events).toEqual(['added live-1', 'updated live-1', 'deleted live-1']);
  });

  it('given a version that the server no longer has, then it lists again and goes on', async () => {
    const { client, namespace } = cluster;
    let isFirst = true;
    // A custom resource: its watch cache began when its definition was made, so what the server had before is certainly too old.
    const forgetful: Pick<KubeClient, 'listAll' | 'watch'> = {
      listAll: client.listAll,
      watch: (type, options) => {
        const resourceVersion = isFirst ? '1' : options.resourceVersion;
        isFirst = false;
        return client.watch(type, { ...options, resourceVersion });
      },
    };
    const { events, listed, ended } = reflectType(forgetful, takoRuns);
    await until('the second list', () => listed.length === 2);
    expect(ended).toEqual(['gone']);
    expect(listed).toEqual([0, 0]);
    await client.create(takoRuns, {
      apiVersion: 'tako.dev/v1alpha1',
      kind: 'TakoRun',
      metadata: { namespace, name: 'live-2' },
      spec: { workflow: { repositoryRef: { name: 'none' }, name: 'none' } },
    });
    await until('the event', () => events.length === 1);
    await client.delete(takoRuns, { namespace, name: 'live-2' });
  });
});

describe('connections', () => {
  it('given connections that break again and again, then watches are resumed without a second list and nothing is missed', async () => {
    const { client, namespace } = cluster;
    const line = await startLine();
    // The certificate is for the server's own names, not for the line's end.
    const { tls } = testConfig();
    const shaky = clientWith({
      server: `https://127.0.0.1:${line.port}`,
      tls: async () => ({ ...(await tls()), servername: 'kubernetes.default.svc' }),
    });
    const { store, reflector, events, listed, ended } = reflect(shaky, { labelSelector: 'shaky' });
    await reflector.synced();
    for (let i = 0; i < 5; i++) {
      line.cut();
      const metadata = { namespace, name: `live-cut-${i}`, labels: { shaky: '' } };
      await client.create(configMaps, { ...configMap(namespace, ''), metadata });
      await until(`event ${i}`, () => events.length === i + 1);
    }
    expect(store.size).toBe(5);
    expect(listed).toEqual([0]);
    expect(ended.length).toBeGreaterThanOrEqual(4);
    await reflector.stop();
    await shaky.close();
    await line.close();
    await client.deleteCollection(configMaps, { namespace, labelSelector: 'shaky' });
  });

  it('given a connection that swallows everything, then the watch counts as hung, and another one goes on', async () => {
    const { client, namespace } = cluster;
    const line = await startLine();
    const { tls } = testConfig();
    const shaky = clientWith({
      server: `https://127.0.0.1:${line.port}`,
      tls: async () => ({ ...(await tls()), servername: 'kubernetes.default.svc' }),
    });
    const { reflector, events, listed, ended } = reflect(shaky, { labelSelector: 'mute', idleTimeoutMs: 1_000 });
    await reflector.synced();
    const create = (name: string) =>
      client.create(configMaps, { ...configMap(namespace, ''), metadata: { namespace, name, labels: { mute: '' } } });
    await create('live-heard');
    await until('the first event', () => events.length === 1);
    line.mute();
    await create('live-mute');
    await until('the second event', () => events.length === 2);
    expect(listed).toEqual([0]);
    expect(ended).toContain('transient');
    await reflector.stop();
    await shaky.close();
    await line.close();
  });

  it('given a watch that sees nothing of what changes elsewhere, then a bookmark before its end takes it past that', async () => {
    const { client, namespace } = cluster;
    const { metadata } = await client.list(configMaps, { namespace, limit: 1 });
    const selected = { namespace, name: 'selected', labels: { bookmark: '' } };
    await client.create(configMaps, { ...configMap(namespace, ''), metadata: selected });
    const { resourceVersion } = metadata;
    const options = { namespace, labelSelector: 'bookmark', resourceVersion, timeoutSeconds: 6 };
    let elsewhere = Number.POSITIVE_INFINITY;
    let bookmark = 0;
    for await (const event of client.watch(configMaps, options)) {
      if (event.type === 'BOOKMARK') bookmark = Number(event.resourceVersion);
      else {
        // The watch is open: only a change after that moves its bookmark on.
        const other = await client.create(configMaps, configMap(namespace, 'elsewhere'));
        elsewhere = Number(other.metadata.resourceVersion);
      }
    }
    expect(bookmark).toBeGreaterThanOrEqual(elsewhere);
  });
});

interface Line {
  port: number;
  /** Breaks every connection. */
  cut(): void;
  /** Present connections carry nothing more; new ones work. */
  mute(): void;
  close(): Promise<void>;
}

/** A wire to the API server that a test can cut. */
async function startLine(): Promise<Line> {
  const { hostname, port } = new URL(testConfig().server);
  const pairs = new Set<[Socket, Socket]>();
  const server = createServer(near => {
    const far = connect(Number(port), hostname);
    const pair: [Socket, Socket] = [near, far];
    pairs.add(pair);
    near.pipe(far);
    far.pipe(near);
    for (const socket of pair) {
      socket.on('error', () => {});
      socket.on('close', () => {
        pairs.delete(pair);
        for (const other of pair) other.destroy();
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = (): void => {
    for (const [near] of pairs) near.destroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    cut,
    mute: () => {
      for (const [near, far] of pairs) {
        near.unpipe();
        far.unpipe();
      }
    },
    close: async () => {
      cut();
      server.close();
      await once(server, 'close');
    },
  };
}
