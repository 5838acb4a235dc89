import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ApiServer, Fault, SeenRequest } from '../../test/fixtures/api-server/server.ts';
import { startApiServer } from '../../test/fixtures/api-server/server.ts';
import { until } from '../../test/fixtures/until.ts';
import type { ClientOptions, KubeClient } from './client.ts';
import { createKubeClient } from './client.ts';
import type { Clock } from './clock.ts';
import { systemClock } from './clock.ts';
import type { KubeMetrics } from './metrics.ts';
import { noMetrics } from './metrics.ts';
import type { ConfigMap } from './objects.ts';
import { configMaps, namespaces, pods } from './objects.ts';

let api: ApiServer;
let client: KubeClient;
/** What the client slept between attempts, in milliseconds. */
let slept: number[];

/** Real time, but no retry takes any. */
const impatientClock: Clock = {
  ...systemClock,
  sleep: async (delayMs, signal) => {
    signal?.throwIfAborted();
    slept.push(delayMs);
  },
};

function newClient(options: ClientOptions = {}): KubeClient {
  return createKubeClient(api.config, { clock: impatientClock, random: () => 0.5, qps: 1e6, burst: 1e6, ...options });
}

/** The first requests fail as listed, later ones work. */
function failFirst(...faults: Fault[]): void {
  api.faults = () => faults.shift();
}

function configMap(name: string, fields: Partial<ConfigMap> = {}): ConfigMap {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'a' }, ...fields };
}

function last(): SeenRequest {
  return api.requests.at(-1)!;
}

beforeEach(async () => {
  api = await startApiServer();
  slept = [];
  client = newClient();
});

afterEach(async () => {
  await client.close();
  await api.close();
});

describe('reading', () => {
  it('given an object with fields that no type knows, when it is read, then nothing is dropped or changed', async () => {
    const odd = {
      ...configMap('x'),
      futureField: { a: [1, null] },
      metadata: { name: 'x', namespace: 'a', creationTimestamp: '2026-01-01T00:00:00Z' },
    };
    const created = await client.create(configMaps, odd);
    expect(await client.get(configMaps, { namespace: 'a', name: 'x' })).toEqual(created);
    expect(created).toMatchObject({ futureField: { a: [1, null] }, metadata: { uid: expect.any(String) } });
  });

  it('given an absent object, when it is read, then the error is notFound and nothing is tried again', async () => {
    await expect(client.get(configMaps, { namespace: 'a', name: 'x' })).rejects.toMatchObject({
      class: 'notFound',
      code: 404,
    });
    expect(api.requests).toHaveLength(1);
  });

  it('given 1,201 objects, when all are listed, then they come in pages of 500 from one snapshot', async () => {
    for (let i = 0; i < 1_201; i++) api.storage.put('/configmaps', `a/${i}`, configMap(`${i}`));
    const names = new Set<string>();
    const sizes: number[] = [];
    for await (const page of client.listAll(configMaps, { namespace: 'a' })) {
      sizes.push(page.items.length);
      for (const item of page.items) names.add(item.metadata.name);
    }
    expect(sizes).toEqual([500, 500, 201]);
    expect(names.size).toBe(1_201);
    expect(last().query.get('limit')).toBe('500');
  });

  it('given a version to start from, when there are more pages, then only the first asks for it, as the API wants', async () => {
    for (let i = 0; i < 3; i++) api.storage.put('/configmaps', `a/${i}`, configMap(`${i}`));
    for await (const _ of client.listAll(configMaps, { limit: 2, resourceVersion: '4' }));
    expect(api.requests.map(({ query }) => query.get('resourceVersion'))).toEqual(['4', null]);
  });

  it('given typed items without kind, when they are listed, then apiVersion and kind are put back', async () => {
    const { apiVersion: _, kind: __, ...bare } = configMap('x');
    api.storage.put('/configmaps', 'a/x', bare as ConfigMap);
    expect((await client.list(configMaps)).items[0]).toMatchObject({ apiVersion: 'v1', kind: 'ConfigMap' });
  });

  it('given an empty list of metadata, which the API server writes as null, then it is a page without items', async () => {
    const body = JSON.stringify({ kind: 'PartialObjectMetadataList', metadata: { resourceVersion: '1' }, items: null });
    api.faults = () => ({ kind: 'body', code: 200, body });
    for await (const page of client.listMetadata(configMaps)) expect(page.items).toEqual([]);
    expect(last().headers.accept).toContain('as=PartialObjectMetadataList');
  });

  it('given a snapshot that is lost between two pages, then the error is gone', async () => {
    for (let i = 0; i < 3; i++) api.storage.put('/configmaps', `a/${i}`, configMap(`${i}`));
    const pages = client.listAll(configMaps, { limit: 1 });
    await pages.next();
    api.storage.put('/configmaps', 'a/9', configMap('9'));
    api.storage.compact();
    await expect(pages.next()).rejects.toMatchObject({ class: 'gone' });
  });

  it('given selectors and a version, when a list is asked for, then they are in the query', async () => {
    await client.list(pods, {
      labelSelector: 'a=b,c',
      fieldSelector: 'spec.nodeName=n',
      resourceVersion: '0',
      limit: 7,
    });
    expect(last().path).toBe('/api/v1/pods');
    expect(Object.fromEntries(last().query)).toEqual({
      labelSelector: 'a=b,c',
      fieldSelector: 'spec.nodeName=n',
      resourceVersion: '0',
      limit: '7',
    });
  });

  it('given a log, when it is read, then it comes as text with its bounds', async () => {
    failFirst({ kind: 'body', code: 200, body: '{"not": "parsed"}\n' });
    const text = await client.podLogs({ namespace: 'a', name: 'p' }, { container: 'c', tailLines: 5 });
    expect(text).toBe('{"not": "parsed"}\n');
    expect(last().path).toBe('/api/v1/namespaces/a/pods/p/log');
    expect(Object.fromEntries(last().query)).toEqual({ container: 'c', tailLines: '5', limitBytes: '1048576' });
  });

  it('given other paths, when they are read raw, then JSON is parsed and text is not', async () => {
    failFirst({ kind: 'body', code: 200, body: '{"major":"1"}' }, { kind: 'body', code: 200, body: 'ok' });
    expect([await client.raw('/version'), await client.raw('/readyz')]).toEqual([{ major: '1' }, 'ok']);
  });

  it('given an answer that is no JSON where an object must be, then the error says what came', async () => {
    failFirst({ kind: 'body', code: 200, body: '<html>hello' });
    await expect(client.get(namespaces, { name: 'a' })).rejects.toMatchObject({
      class: 'terminal',
      message: expect.stringContaining('<html>hello'),
    });
  });
});

describe('writing', () => {
  it('given a taken name, when it is created again, then the error is alreadyExists', async () => {
    await client.create(configMaps, configMap('x'));
    await expect(client.create(configMaps, configMap('x'))).rejects.toMatchObject({ class: 'alreadyExists' });
  });

  it('given an object that has changed, when it is replaced by its old version, then the error is conflict', async () => {
    const old = await client.create(configMaps, configMap('x'));
    await client.mergePatch(configMaps, { namespace: 'a', name: 'x' }, { data: { a: '1' } });
    await expect(client.replace(configMaps, { ...old, data: { a: '2' } })).rejects.toMatchObject({ class: 'conflict' });
  });

  it('given a status, when it is applied, then manager, force and version are sent to the subresource', async () => {
    api.storage.put('/configmaps', 'a/x', configMap('x'));
    const { resourceVersion } = api.storage.get('/configmaps', 'a/x')!.metadata;
    const status = {
      ...configMap('x'),
      metadata: { name: 'x', namespace: 'a', resourceVersion },
      status: { phase: 'Ready' },
    };
    await client.applyServerSide(configMaps, status, { fieldManager: 'm', force: true, subresource: 'status' });
    expect(last()).toMatchObject({
      method: 'PATCH',
      path: '/api/v1/namespaces/a/configmaps/x/status',
      headers: { 'content-type': 'application/apply-patch+yaml' },
    });
    expect(Object.fromEntries(last().query)).toEqual({ fieldManager: 'm', force: 'true' });
    expect(JSON.parse(last().body)).toEqual(status);
  });

  it('given a JSON patch, then its content type says so', async () => {
    failFirst({ kind: 'body', code: 200, body: '{}' });
    const patch = [{ op: 'remove', path: '/metadata/finalizers/0' }] as const;
    await client.jsonPatch(configMaps, { namespace: 'a', name: 'x' }, patch, { dryRun: true });
    expect(last().headers['content-type']).toBe('application/json-patch+json');
    expect(last().query.get('dryRun')).toBe('All');
    expect(JSON.parse(last().body)).toEqual(patch);
  });

  it('given preconditions, when an object is deleted, then they are in the body', async () => {
    api.storage.put('/configmaps', 'a/x', configMap('x'));
    const options = {
      propagationPolicy: 'Background',
      gracePeriodSeconds: 0,
      preconditions: { uid: 'u' },
      dryRun: true,
    } as const;
    await client.delete(configMaps, { namespace: 'a', name: 'x' }, options);
    expect(JSON.parse(last().body)).toEqual({ apiVersion: 'v1', kind: 'DeleteOptions', ...options, dryRun: ['All'] });
  });

  it('given a selector, when a collection is deleted, then only what it selects is gone', async () => {
    api.storage.put(
      '/configmaps',
      'a/x',
      configMap('x', { metadata: { name: 'x', namespace: 'a', labels: { k: 'v' } } }),
    );
    api.storage.put('/configmaps', 'a/y', configMap('y'));
    await client.deleteCollection(configMaps, { labelSelector: 'k=v' });
    expect(api.storage.list('/configmaps').map(object => object.metadata.name)).toEqual(['y']);
  });

  it('given no selection at all, when a collection is to be deleted, then it is refused', async () => {
    await expect(client.deleteCollection(configMaps, {})).rejects.toMatchObject({ class: 'invalid' });
    expect(api.requests).toHaveLength(0);
  });

  it('given a namespaced object without a namespace, when it is created, then it is refused before it is sent', async () => {
    await expect(client.create(configMaps, { ...configMap('x'), metadata: { name: 'x' } })).rejects.toMatchObject({
      class: 'invalid',
      message: 'a ConfigMap needs metadata.namespace',
    });
  });

  it('given a name that leaves its path, when it is read, then it is refused before it is sent', async () => {
    await expect(client.get(configMaps, { namespace: 'a', name: '../../secrets/x' })).rejects.toMatchObject({
      class: 'invalid',
    });
    expect(api.requests).toHaveLength(0);
  });
});

describe('retries', () => {
  const unavailable: Fault = { kind: 'status', code: 500 };

  it('given two failures, when something is read, then the third attempt counts, 100 and 200 ms later', async () => {
    api.storage.put('/configmaps', 'a/x', configMap('x'));
    failFirst(unavailable, { kind: 'drop' });
    await client.get(configMaps, { namespace: 'a', name: 'x' });
    expect(slept).toEqual([100, 200]);
  });

  it('given three failures, when something is read, then the last error is thrown', async () => {
    failFirst(unavailable, unavailable, { kind: 'status', code: 503, message: 'etcd is away' });
    await expect(client.get(configMaps, { namespace: 'a', name: 'x' })).rejects.toMatchObject({
      code: 503,
      message: 'etcd is away',
    });
    expect(api.requests).toHaveLength(3);
  });

  it('given a random number at either end, then the jitter is 10 % and the delay at most 10 s', async () => {
    for (const [random, expected] of [
      [0, 90],
      [1, 110],
    ] as const) {
      slept = [];
      const jittery = newClient({ random: () => random });
      failFirst(...Array.from({ length: 9 }, () => unavailable));
      await expect(jittery.list(pods, { attempts: 9 })).rejects.toMatchObject({ code: 500 });
      await jittery.close();
      expect(slept[0]).toBeCloseTo(expected);
      expect(slept.at(-1)).toBeCloseTo(expected * 100);
    }
  });

  it.each([429, 503])('given %i with Retry-After, then nothing is sent before, whatever the call', async code => {
    failFirst({ kind: 'status', code, retryAfter: 7 });
    await client.create(configMaps, { ...configMap('x'), metadata: { generateName: 'x-', namespace: 'a' } });
    expect(slept).toEqual([7_000]);
    expect(api.storage.list('/configmaps')).toHaveLength(1);
  });

  it('given a Retry-After of more than 10 s, then the caller gets the error at once, with the time', async () => {
    failFirst({ kind: 'status', code: 429, retryAfter: 60 });
    await expect(client.list(pods)).rejects.toMatchObject({ class: 'transient', retryAfterSeconds: 60 });
    expect(slept).toEqual([]);
  });

  it('given a lost answer, when an object with a name was created, then the second attempt tells that it exists', async () => {
    failFirst({ kind: 'lostAnswer' });
    await expect(client.create(configMaps, configMap('x'))).rejects.toMatchObject({ class: 'alreadyExists' });
    expect(api.storage.list('/configmaps')).toHaveLength(1);
  });

  it('given a lost answer, when the API server was to make the name, then nothing is sent twice', async () => {
    failFirst({ kind: 'lostAnswer' });
    const nameless = { ...configMap('x'), metadata: { generateName: 'x-', namespace: 'a' } };
    await expect(client.create(configMaps, nameless)).rejects.toMatchObject({ class: 'transient', code: 0 });
    expect(api.storage.list('/configmaps')).toHaveLength(1);
  });

  it('given a JSON patch or a raw POST, then a failure that may have happened after the fact is not repeated', async () => {
    api.faults = () => unavailable;
    await expect(client.jsonPatch(configMaps, { namespace: 'a', name: 'x' }, [])).rejects.toMatchObject({ code: 500 });
    await expect(client.raw('/x', { method: 'POST', body: {} })).rejects.toMatchObject({ code: 500 });
    expect(api.requests).toHaveLength(2);
  });

  it.each([400, 401, 403, 404, 409, 410, 422])('given %i, then it is not repeated', async code => {
    failFirst({ kind: 'status', code });
    await expect(client.list(pods)).rejects.toMatchObject({ code });
    expect(api.requests).toHaveLength(1);
  });

  it('given no API server at all, then even a create is repeated, and the error says where nothing answers', async () => {
    const nowhere = createKubeClient({ ...api.config, server: 'http://127.0.0.1:1' }, { clock: impatientClock });
    const nameless = { ...configMap('x'), metadata: { generateName: 'x-', namespace: 'a' } };
    await expect(nowhere.create(configMaps, nameless)).rejects.toMatchObject({
      reason: 'ECONNREFUSED',
      message: expect.stringContaining('http://127.0.0.1:1'),
    });
    expect(slept).toHaveLength(2);
    await nowhere.close();
  });
});

describe('time limits', () => {
  it('given a server that hangs, then each attempt ends at its time limit', async () => {
    api.faults = () => ({ kind: 'hang' });
    const reading = client.list(pods, { timeoutMs: 500, attempts: 2 });
    await expect(reading).rejects.toMatchObject({
      class: 'transient',
      reason: 'Timeout',
      message: expect.stringContaining('500 ms'),
    });
    expect(api.requests).toHaveLength(2);
  });

  it('given a server that hangs, when the caller aborts, then the call ends with the reason and is not repeated', async () => {
    api.faults = () => ({ kind: 'hang' });
    const abort = new AbortController();
    const reading = client.list(pods, { signal: abort.signal });
    await until('the request', () => api.requests.length === 1);
    abort.abort(new Error('enough'));
    await expect(reading).rejects.toThrow('enough');
    expect(api.requests).toHaveLength(1);
  });

  it('given an aborted signal, then nothing is sent', async () => {
    await expect(client.list(pods, { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough');
    expect(api.requests).toHaveLength(0);
  });

  it('given credentials that never come, then the time limit holds too', async () => {
    const config = { ...api.config, authenticate: () => new Promise<Record<string, string>>(() => {}) };
    const stuck = createKubeClient(config, { clock: impatientClock });
    await expect(stuck.list(pods, { timeoutMs: 20, attempts: 1 })).rejects.toMatchObject({ reason: 'Timeout' });
    await stuck.close();
  });

  it('given credentials that cannot be had, then the error says so', async () => {
    const config = { ...api.config, authenticate: () => Promise.reject(new Error('plugin not found')) };
    const stuck = createKubeClient(config, { clock: impatientClock });
    await expect(stuck.list(pods)).rejects.toMatchObject({
      class: 'unauthorized',
      message: `cannot get credentials for ${api.config.server}: plugin not found`,
    });
    await stuck.close();
  });
});

describe('limits on requests', () => {
  it('given an empty token bucket, then calls wait for it, but urgent ones do not', async () => {
    const limited = newClient({ qps: 1, burst: 1 });
    await limited.list(pods);
    await limited.list(pods, { urgent: true });
    expect(slept).toEqual([]);
    await limited.list(pods);
    expect(slept).toHaveLength(1);
    await limited.close();
  });

  it('given all connections taken by requests that hang, then an urgent call has one of its own', async () => {
    const narrow = newClient({ connections: 1 });
    api.faults = request => (request.path === '/api/v1/pods' ? { kind: 'hang' } : undefined);
    const abort = new AbortController();
    const hanging = narrow.list(pods, { signal: abort.signal });
    await until('the hanging request', () => api.requests.length === 1);
    await narrow.list(namespaces, { urgent: true });
    abort.abort(new Error('enough'));
    await expect(hanging).rejects.toThrow('enough');
    await narrow.close();
  });

  it('given many requests one after the other, then they share connections', async () => {
    for (let i = 0; i < 20; i++) await client.list(pods);
    expect(api.connections).toBeLessThanOrEqual(3);
  });

  it('given an observer, then every attempt is told with its code', async () => {
    const seen: string[] = [];
    const request: KubeMetrics['request'] = ({ method, code }) => seen.push(`${method} ${code}`);
    const observed = newClient({ metrics: { ...noMetrics, request } });
    failFirst({ kind: 'status', code: 500 }, { kind: 'drop' });
    await observed.list(pods);
    expect(seen).toEqual(['GET 500', 'GET 0', 'GET 200']);
    await observed.close();
  });
});

describe('a server below a path', () => {
  it('given a base URL with a path, as some managed clusters have it, then it goes before every path', async () => {
    const config = { ...api.config, server: `${api.config.server}/k8s/clusters/c-1` };
    const prefixed = createKubeClient(config, { clock: impatientClock, userAgent: 'me' });
    await prefixed.raw('/version');
    expect(last().path).toBe('/k8s/clusters/c-1/version');
    expect(last().headers['user-agent']).toBe('me');
    await prefixed.close();
  });
});
