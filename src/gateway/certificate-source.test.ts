import { describe, expect, it, onTestFinished } from 'vitest';
import { type ApiServer, startApiServer } from '../../test/fixtures/api-server/server.ts';
import { createFakeClock } from '../../test/fixtures/fake-clock.ts';
import { until } from '../../test/fixtures/until.ts';
import { createKubeClient } from '../kube/client.ts';
import { silentLogger } from '../kube/logger.ts';
import type { Secret } from '../kube/objects.ts';
import { createCertificateSource } from './certificate-source.ts';
import { secretCertificateStore } from './certificate-store.ts';
import { certificateProblem } from './certificates.ts';

const ref = { namespace: 'tako-system', name: 'tako-gateway-tls' };
const dnsNames = ['tako-gateway.tako-system.svc'];
const key = 'tako-system/tako-gateway-tls';
const never = new AbortController().signal;

async function startCluster() {
  const server = await startApiServer();
  const client = createKubeClient(server.config);
  onTestFinished(async () => {
    await client.close();
    await server.close();
  });
  const clock = createFakeClock();
  const createReplica = () =>
    createCertificateSource({ store: secretCertificateStore(client, ref), dnsNames, logger: silentLogger, clock });
  return { server, clock, createReplica };
}

function storedSecret(server: ApiServer): Secret {
  return server.storage.get('/secrets', key) as unknown as Secret;
}

describe('certificate source', () => {
  it('given no Secret, when a replica starts, then it makes one that holds all four parts', async () => {
    const { server, clock, createReplica } = await startCluster();
    const replica = createReplica();
    expect(() => replica.current()).toThrow('call ensure first');
    const certificates = await replica.ensure(never);
    expect(replica.current()).toBe(certificates);
    expect(certificateProblem(certificates, { dnsNames, now: clock.now() })).toBeUndefined();
    const secret = storedSecret(server);
    expect(secret.type).toBe('kubernetes.io/tls');
    expect(secret.metadata.labels).toEqual({ 'app.kubernetes.io/managed-by': 'tako' });
    expect(Object.keys(secret.data ?? {}).sort()).toEqual(['ca.crt', 'ca.key', 'tls.crt', 'tls.key']);
    expect(Buffer.from(secret.data?.['ca.crt'] ?? '', 'base64').toString()).toBe(certificates.ca);
  });

  it('given a Secret of an earlier start, then it is used as it is', async () => {
    const { server, createReplica } = await startCluster();
    const first = await createReplica().ensure(never);
    const version = server.storage.version;
    expect(await createReplica().ensure(never)).toEqual(first);
    expect(server.storage.version).toBe(version);
  });

  it('given two replicas that start at once, then both use the same', async () => {
    const { createReplica } = await startCluster();
    const replicas = [createReplica(), createReplica(), createReplica()];
    const [first, ...others] = await Promise.all(replicas.map(replica => replica.ensure(never)));
    for (const other of others) expect(other).toEqual(first);
  });

  it('given a certificate near its end, when two replicas renew it at once, then both use the same, and the authority stays', async () => {
    const { clock, createReplica } = await startCluster();
    const replicas = [createReplica(), createReplica()];
    const [old] = await Promise.all(replicas.map(replica => replica.ensure(never)));
    await clock.advance(340 * 24 * 3_600_000);
    const [one, other] = await Promise.all(replicas.map(replica => replica.ensure(never)));
    expect(one).toEqual(other);
    expect(one?.certificate).not.toBe(old?.certificate);
    expect(one?.ca).toBe(old?.ca);
  });

  it.each([
    ['an empty Secret', {}],
    ['a damaged one', { 'ca.crt': 'eA==', 'ca.key': 'eA==', 'tls.crt': 'eA==', 'tls.key': 'eA==' }],
  ])('given %s, then it is filled', async (_what, data) => {
    const { server, clock, createReplica } = await startCluster();
    server.storage.put('/secrets', key, { apiVersion: 'v1', kind: 'Secret', metadata: ref, data } as never);
    const certificates = await createReplica().ensure(never);
    expect(certificateProblem(certificates, { dnsNames, now: clock.now() })).toBeUndefined();
    expect(Buffer.from(storedSecret(server).data?.['tls.key'] ?? '', 'base64').toString()).toBe(certificates.key);
  });

  it('given somebody who always writes first, then it gives up with a message', async () => {
    const { server, createReplica } = await startCluster();
    server.storage.put('/secrets', key, { apiVersion: 'v1', kind: 'Secret', metadata: ref } as never);
    server.faults = ({ method }) => (method === 'PUT' ? { kind: 'status', code: 409, reason: 'Conflict' } : undefined);
    await expect(createReplica().ensure(never)).rejects.toThrow('changed 5 times while they were being renewed');
  });

  it.each(['GET', 'POST'])('given an API server that forbids %s, then that error passes through', async method => {
    const { server, createReplica } = await startCluster();
    server.faults = request =>
      request.method === method ? { kind: 'status', code: 403, reason: 'Forbidden' } : undefined;
    await expect(createReplica().ensure(never)).rejects.toMatchObject({ class: 'forbidden' });
  });

  it('given a renewal by another replica, when this one looks again, then its listeners are told once', async () => {
    const { server, clock, createReplica } = await startCluster();
    const replica = createReplica();
    const first = await replica.ensure(never);
    const told: string[] = [];
    const unsubscribe = replica.subscribe(({ certificate }) => told.push(certificate));
    const stop = new AbortController();
    const running = replica.run(stop.signal);
    const look = async (): Promise<void> => {
      const before = server.requests.length;
      await clock.advance(3_600_000);
      await until('the replica looked', () => server.requests.length > before && clock.pending > 0);
    };
    await look();
    expect(told).toEqual([]);
    server.storage.delete('/secrets', key);
    const renewed = await createReplica().ensure(never);
    await look();
    await until('the listener was told', () => told.length > 0);
    expect(told).toEqual([renewed.certificate]);
    expect(first.certificate).not.toBe(renewed.certificate);

    unsubscribe();
    server.storage.delete('/secrets', key);
    await look();
    await until('another one was adopted', () => replica.current().certificate !== renewed.certificate);
    expect(told).toHaveLength(1);
    stop.abort();
    await running;
  });

  it('given an API server that is away, when it looks again, then it goes on with what it has', async () => {
    const { server, clock, createReplica } = await startCluster();
    const replica = createReplica();
    const certificates = await replica.ensure(never);
    server.faults = () => ({ kind: 'status', code: 403, reason: 'Forbidden' });
    const stop = new AbortController();
    const running = replica.run(stop.signal);
    for (const look of [1, 2]) {
      const before = server.requests.length;
      await clock.advance(3_600_000);
      await until(`look ${look}`, () => server.requests.length > before && clock.pending > 0);
    }
    expect(replica.current()).toBe(certificates);
    stop.abort();
    await running;
  });
});
