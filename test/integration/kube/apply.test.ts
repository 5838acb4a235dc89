import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CustomResourceDefinition, KubeObject } from '../../../src/kube/objects.ts';
import { customResourceDefinitions, defineResource } from '../../../src/kube/objects.ts';
import { isTrue } from '../../fixtures/condition.ts';
import { until } from '../../fixtures/until.ts';
import { useNamespace } from './fixture.ts';

interface Boat extends KubeObject {
  spec?: { sails?: number };
  status?: { phase?: string; port?: string };
}

const group = 'kube-test.tako.dev';
const boats = defineResource<Boat>({ group, version: 'v1', plural: 'boats', kind: 'Boat', namespaced: true });
const definition: CustomResourceDefinition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: `boats.${group}` },
  spec: {
    group,
    scope: 'Namespaced',
    names: { plural: 'boats', kind: 'Boat' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        subresources: { status: {} },
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: {
              spec: { type: 'object', properties: { sails: { type: 'integer' } } },
              status: { type: 'object', properties: { phase: { type: 'string' }, port: { type: 'string' } } },
            },
          },
        },
      },
    ],
  },
};

const cluster = useNamespace();

beforeAll(async () => {
  await cluster.client.applyServerSide(customResourceDefinitions, definition, { fieldManager: 'test' });
  await until('boats to be served', async () => {
    const found = await cluster.client.get(customResourceDefinitions, { name: definition.metadata.name! });
    return isTrue(found, 'Established');
  });
});

afterAll(async () => {
  await cluster.client.delete(customResourceDefinitions, { name: definition.metadata.name! });
});

function boat(name: string, fields: Partial<Boat> = {}, resourceVersion?: string): Boat {
  const metadata = {
    namespace: cluster.namespace,
    name,
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
  };
  return { apiVersion: `${group}/v1`, kind: 'Boat', metadata, ...fields };
}

const controller = { fieldManager: 'controller', subresource: 'status', force: true };

describe('server-side apply', () => {
  it('given a status with the version that was read, then it is written once, and the old version is a conflict', async () => {
    const { client } = cluster;
    const { metadata } = await client.create(boats, boat('one', { spec: { sails: 2 } }));
    const first = await client.applyServerSide(
      boats,
      boat('one', { status: { phase: 'Ready' } }, metadata.resourceVersion),
      controller,
    );
    expect(first).toMatchObject({ spec: { sails: 2 }, status: { phase: 'Ready' } });
    const late = boat('one', { status: { phase: 'Stale' } }, metadata.resourceVersion);
    await expect(client.applyServerSide(boats, late, controller)).rejects.toMatchObject({
      class: 'conflict',
      code: 409,
    });
    expect((await client.get(boats, { namespace: cluster.namespace, name: 'one' })).status).toEqual({ phase: 'Ready' });
  });

  it('given the same status again, then the version does not move', async () => {
    const { client } = cluster;
    await client.create(boats, boat('same'));
    const first = await client.applyServerSide(boats, boat('same', { status: { phase: 'Ready' } }), controller);
    const again = await client.applyServerSide(boats, boat('same', { status: { phase: 'Ready' } }), controller);
    expect(again.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
  });

  it('given fields that are left out, then those of this manager are removed and those of others stay', async () => {
    const { client } = cluster;
    await client.create(boats, boat('shared'));
    await client.applyServerSide(boats, boat('shared', { status: { phase: 'Ready' } }), controller);
    const harbour = { ...controller, fieldManager: 'harbour' };
    await client.applyServerSide(boats, boat('shared', { status: { port: 'north' } }), harbour);
    const after = await client.applyServerSide(boats, boat('shared', { status: {} }), controller);
    expect(after.status).toEqual({ port: 'north' });
  });

  it("given another manager's field, then it is a conflict without force", async () => {
    const { client } = cluster;
    await client.applyServerSide(boats, boat('mine', { spec: { sails: 1 } }), { fieldManager: 'me' });
    const other = boat('mine', { spec: { sails: 3 } });
    await expect(client.applyServerSide(boats, other, { fieldManager: 'you' })).rejects.toMatchObject({
      class: 'conflict',
      details: { causes: [{ reason: 'FieldManagerConflict', field: '.spec.sails' }] },
    });
    const taken = await client.applyServerSide(boats, other, { fieldManager: 'you', force: true });
    expect(taken.spec).toEqual({ sails: 3 });
  });

  it('given no such object, then a status is notFound', async () => {
    const { client } = cluster;
    await expect(client.applyServerSide(boats, boat('absent', { status: {} }), controller)).rejects.toMatchObject({
      class: 'notFound',
    });
  });

  it('given an object that was deleted, when it is applied with its version, then it comes back, and with its UID too it does not', async () => {
    const { client, namespace } = cluster;
    const { metadata } = await client.create(boats, boat('ghost'));
    await client.delete(boats, { namespace, name: 'ghost' });
    const ghost = boat('ghost', { spec: { sails: 1 } }, metadata.resourceVersion);
    const withUid = { ...ghost, metadata: { ...ghost.metadata, uid: metadata.uid } };
    await expect(client.applyServerSide(boats, withUid, { fieldManager: 'me' })).rejects.toMatchObject({
      class: 'conflict',
    });
    await expect(client.get(boats, { namespace, name: 'ghost' })).rejects.toMatchObject({ class: 'notFound' });
    const revived = await client.applyServerSide(boats, ghost, { fieldManager: 'me' });
    expect(revived.metadata.uid).not.toBe(metadata.uid);
  });

  it('given an object that was deleted and made anew, when the status of the old one is applied, then it is a conflict', async () => {
    const { client, namespace } = cluster;
    const old = await client.create(boats, boat('reborn'));
    await client.delete(boats, { namespace, name: 'reborn' });
    await client.create(boats, boat('reborn'));
    const late = boat('reborn', { status: { phase: 'Old' } }, old.metadata.resourceVersion);
    await expect(client.applyServerSide(boats, late, controller)).rejects.toMatchObject({ class: 'conflict' });
  });

  it('given a value of the wrong type, then the error is invalid and names the field', async () => {
    const wrong = boat('wrong', { spec: { sails: 'many' as unknown as number } });
    await expect(cluster.client.create(boats, wrong)).rejects.toMatchObject({
      class: 'invalid',
      message: expect.stringContaining('spec.sails'),
    });
  });
});
