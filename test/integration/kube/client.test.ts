import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { describe, expect, it } from 'vitest';
import { clusterConfigFrom } from '../../../src/kube/config.ts';
import type { KubeObject } from '../../../src/kube/objects.ts';
import { configMaps, defineResource, namespaces, pods, serviceAccounts } from '../../../src/kube/objects.ts';
import { until } from '../../fixtures/until.ts';
import { clientWith, configMap, testConfig, useNamespace } from './fixture.ts';

const cluster = useNamespace();

describe('objects', () => {
  it('given a ConfigMap, when it is created, read, replaced, patched and deleted, then each does what it says', async () => {
    const { client, namespace } = cluster;
    const ref = { namespace, name: 'life' };
    const created = await client.create(configMaps, configMap(namespace, 'life', { data: { a: '1' } }));
    expect(await client.get(configMaps, ref)).toEqual(created);
    const replaced = await client.replace(configMaps, { ...created, data: { a: '2' } });
    await expect(client.replace(configMaps, { ...created, data: { a: '3' } })).rejects.toMatchObject({
      class: 'conflict',
    });
    const merged = await client.mergePatch(configMaps, ref, { data: { b: 'x', a: null } });
    expect([replaced.data, merged.data]).toEqual([{ a: '2' }, { b: 'x' }]);
    const stale = { metadata: { resourceVersion: created.metadata.resourceVersion }, data: { c: 'y' } };
    await expect(client.mergePatch(configMaps, ref, stale)).rejects.toMatchObject({ class: 'conflict' });
    const patched = await client.jsonPatch(configMaps, ref, [
      { op: 'test', path: '/data/b', value: 'x' },
      { op: 'add', path: '/data/c', value: 'y' },
    ]);
    expect(patched.data).toEqual({ b: 'x', c: 'y' });
    const wrong = [{ op: 'test', path: '/data/b', value: 'z' }] as const;
    await expect(client.jsonPatch(configMaps, ref, wrong)).rejects.toMatchObject({ class: 'invalid' });
    await client.delete(configMaps, ref);
    await expect(client.get(configMaps, ref)).rejects.toMatchObject({ class: 'notFound', details: { name: 'life' } });
    await expect(client.delete(configMaps, ref)).rejects.toMatchObject({ class: 'notFound' });
  });

  it('given objects, when their metadata is listed, page by page, then nothing else comes, and none is an empty page', async () => {
    const { client, namespace } = cluster;
    const labels = { listed: 'so' };
    for (const name of ['one', 'two', 'three']) {
      const object = configMap(namespace, name, { data: { a: 'x'.repeat(1_000) } });
      await client.create(configMaps, { ...object, metadata: { ...object.metadata, labels } });
    }
    const found: KubeObject[] = [];
    const options = { namespace, labelSelector: 'listed=so', limit: 2 };
    for await (const { items } of client.listMetadata(configMaps, options)) found.push(...items);
    expect(found.map(({ metadata }) => [metadata.name, metadata.labels])).toEqual(
      ['one', 'three', 'two'].map(name => [name, labels]),
    );
    expect(found.filter(object => 'data' in object)).toEqual([]);
    for await (const { items } of client.listMetadata(configMaps, { namespace, labelSelector: 'listed=not' })) {
      expect(items).toEqual([]);
    }
  });

  it('given a taken name, an impossible one and one to be made, then the first two are errors of their class', async () => {
    const { client, namespace } = cluster;
    await client.create(configMaps, configMap(namespace, 'taken'));
    await expect(client.create(configMaps, configMap(namespace, 'taken'))).rejects.toMatchObject({
      class: 'alreadyExists',
    });
    await expect(client.create(configMaps, configMap(namespace, 'Not_A_Name'))).rejects.toMatchObject({
      class: 'invalid',
      code: 422,
      details: { causes: [{ field: 'metadata.name' }] },
    });
    const made = await client.create(configMaps, {
      ...configMap(namespace, ''),
      metadata: { namespace, generateName: 'made-' },
    });
    expect(made.metadata.name).toMatch(/^made-.{5}$/);
  });

  it('given a dry run, then everything is checked and nothing is stored', async () => {
    const { client, namespace } = cluster;
    await client.create(configMaps, configMap(namespace, 'dry'), { dryRun: true });
    await expect(client.get(configMaps, { namespace, name: 'dry' })).rejects.toMatchObject({ class: 'notFound' });
  });

  it('given the UID of another object, when one is deleted, then it is a conflict and it stays', async () => {
    const { client, namespace } = cluster;
    const { metadata } = await client.create(configMaps, configMap(namespace, 'precious'));
    const ref = { namespace, name: 'precious' };
    await expect(client.delete(configMaps, ref, { preconditions: { uid: 'other' } })).rejects.toMatchObject({
      class: 'conflict',
    });
    await client.delete(configMaps, ref, { preconditions: { uid: metadata.uid } });
  });

  it('given a selector, when a collection is deleted, then the others stay', async () => {
    const { client, namespace } = cluster;
    for (const tier of ['x', 'x', 'y']) {
      const metadata = { namespace, generateName: 'many-', labels: { tier } };
      await client.create(configMaps, { ...configMap(namespace, ''), metadata });
    }
    await client.deleteCollection(configMaps, { namespace, labelSelector: 'tier=x' });
    const left = await client.list(configMaps, { namespace, labelSelector: 'tier' });
    expect(left.items.map(({ metadata }) => metadata.labels)).toEqual([{ tier: 'y' }]);
    expect(left.items[0]).toMatchObject({ apiVersion: 'v1', kind: 'ConfigMap' });
  });

  it('given a quota that is used up, then the error is quotaExceeded', async () => {
    const { client, namespace } = cluster;
    interface Quota extends KubeObject {
      spec: { hard: Record<string, string> };
      status?: { hard?: Record<string, string> };
    }
    const quotas = defineResource<Quota>({
      group: '',
      version: 'v1',
      plural: 'resourcequotas',
      kind: 'ResourceQuota',
      namespaced: true,
    });
    const quota = {
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata: { namespace, name: 'q' },
      spec: { hard: { pods: '0' } },
    };
    await client.create(quotas, quota);
    await until(
      'the quota to be in force',
      async () => (await client.get(quotas, { namespace, name: 'q' })).status?.hard !== undefined,
    );
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { namespace, name: 'p' },
      spec: { containers: [{ name: 'c', image: 'none' }], serviceAccountName: 'default' },
    };
    await until('the default service account', async () => {
      const accounts = await client.list(serviceAccounts, { namespace });
      return accounts.items.length > 0;
    });
    // The API server admits by its own look at quotas, which comes a moment later.
    const isRefused = () =>
      client.raw(`/api/v1/namespaces/${namespace}/pods?dryRun=All`, { method: 'POST', body: pod }).then(
        () => false,
        () => true,
      );
    await until('the quota to count', isRefused);
    await expect(client.create(pods, pod)).rejects.toMatchObject({
      class: 'quotaExceeded',
      message: expect.stringContaining('exceeded quota'),
    });
  });
});

describe('paths', () => {
  it('given other paths, then JSON comes parsed and text as text', async () => {
    expect(await cluster.client.raw('/version')).toMatchObject({ gitVersion: expect.stringMatching(/^v1\./) });
    expect(await cluster.client.raw('/readyz')).toBe('ok');
    expect(await cluster.client.raw('/openid/v1/jwks')).toMatchObject({ keys: [expect.anything()] });
  });

  it('given a kind that is not served, then the error is notFound', async () => {
    const unknown = defineResource({
      group: 'example.com',
      version: 'v1',
      plural: 'nothings',
      kind: 'Nothing',
      namespaced: false,
    });
    await expect(cluster.client.list(unknown)).rejects.toMatchObject({ class: 'notFound' });
  });
});

describe('credentials', () => {
  it('given a user without rights, then the error is forbidden and says what is missing', async () => {
    const { authenticate } = testConfig();
    const stranger = clientWith({
      authenticate: async () => ({ ...(await authenticate()), 'impersonate-user': 'stranger' }),
    });
    await expect(stranger.list(namespaces)).rejects.toMatchObject({
      class: 'forbidden',
      message: expect.stringContaining('User "stranger" cannot list resource "namespaces"'),
    });
    await stranger.close();
  });

  it('given a service account by its token file, as in a Pod, then the API server knows it', async () => {
    const { client, namespace } = cluster;
    const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { namespace, name: 'robot' } };
    await client.create(serviceAccounts, account);
    const request = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 600 } };
    const path_ = `/api/v1/namespaces/${namespace}/serviceaccounts/robot/token`;
    const answer = (await client.raw(path_, { method: 'POST', body: request })) as { status: { token: string } };
    const folder = await mkdtemp(path.join(tmpdir(), 'token-'));
    try {
      const tokenFile = path.join(folder, 'token');
      await writeFile(tokenFile, `${answer.status.token}\n`);
      const { server, tls } = testConfig();
      const kube = new KubeConfig();
      const caData = Buffer.from(String((await tls()).ca)).toString('base64');
      kube.loadFromClusterAndUser(
        { name: 'c', server, caData, skipTLSVerify: false },
        { name: 'u', authProvider: { name: 'tokenFile', config: { tokenFile } } },
      );
      const robot = clientWith(clusterConfigFrom(kube));
      await expect(robot.list(namespaces)).rejects.toMatchObject({
        class: 'forbidden',
        message: expect.stringContaining(`system:serviceaccount:${namespace}:robot`),
      });
      await writeFile(tokenFile, 'nonsense');
      const impostor = clientWith({
        ...clusterConfigFrom(kube),
        authenticate: async () => ({ authorization: 'Bearer nonsense' }),
      });
      await expect(impostor.list(namespaces)).rejects.toMatchObject({ class: 'unauthorized' });
      await Promise.all([robot.close(), impostor.close()]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it("given a CA that did not sign the server's certificate, then nothing is sent and the error says so", async () => {
    const suspicious = clientWith({ tls: async () => ({}) });
    await expect(suspicious.raw('/version', { attempts: 1 })).rejects.toMatchObject({
      class: 'transient',
      message: expect.stringMatching(/certificate/),
    });
    await suspicious.close();
  });
});
