import { get } from 'node:https';
import { connect } from 'node:tls';
import { request } from 'undici';
import { describe, expect, it } from 'vitest';
import { until } from '../../test/fixtures/until.ts';
import { createLockKeeper } from '../locks/keeper.ts';
import { issueCertificates } from './certificates.ts';
import { createGateway } from './server.ts';
import { agentFor, DNS_NAME, startGateway } from './testing/gateway-harness.ts';

describe('gateway', () => {
  it('given no token at all, then /healthz says that it lives', async () => {
    const { call } = await startGateway();
    expect(await call('GET', '/healthz', { token: null, headers: {} })).toMatchObject({ status: 200, body: 'ok' });
  });

  it('given a client that trusts another authority or asks for another name, then it gets no answer', async () => {
    const { port, certificates } = await startGateway();
    const stranger = await issueCertificates({ dnsNames: [DNS_NAME], now: new Date() });
    const url = `https://127.0.0.1:${port}/healthz`;
    await expect(request(url, { dispatcher: agentFor(stranger) })).rejects.toThrow();
    await expect(request(url, { dispatcher: agentFor(certificates, 'other.svc') })).rejects.toThrow();
  });

  it('given a client that speaks nothing newer than TLS 1.2, then it is refused', async () => {
    const { port, certificates } = await startGateway();
    const code = await new Promise<string>(resolve => {
      const options = {
        host: '127.0.0.1',
        port,
        ca: certificates.ca,
        servername: DNS_NAME,
        maxVersion: 'TLSv1.2',
      } as const;
      connect(options, () => resolve('connected')).once('error', error =>
        resolve((error as NodeJS.ErrnoException).code ?? ''),
      );
    });
    expect(code).toMatch(/PROTOCOL_VERSION/);
  });

  it('given renewed certificates, then new connections get them, without a restart', async () => {
    const { port, certificates, replaceCertificates } = await startGateway();
    const renewed = await issueCertificates({ dnsNames: [DNS_NAME], now: new Date(), previous: certificates });
    const serial = (): Promise<string> =>
      new Promise((resolve, reject) => {
        const options = {
          host: '127.0.0.1',
          port,
          path: '/healthz',
          ca: certificates.ca,
          servername: DNS_NAME,
          agent: false,
        } as const;
        get(options, response => {
          resolve((response.socket as import('node:tls').TLSSocket).getPeerCertificate().serialNumber);
          response.destroy();
        }).once('error', reject);
      });
    const before = await serial();
    replaceCertificates(renewed);
    expect(await serial()).not.toBe(before);
  });

  it.each([
    ['none', {}],
    ['an unknown one', { 'tako-protocol': '2' }],
    ['nonsense', { 'tako-protocol': 'one' }],
  ])('given %s as version of the contract, then it says which it speaks', async (_what, headers) => {
    const { port, certificates } = await startGateway();
    const dispatcher = agentFor(certificates);
    const answer = await request(`https://127.0.0.1:${port}/v1/fan-outs/publish`, { dispatcher, headers });
    expect(answer.statusCode).toBe(400);
    expect(await answer.body.json()).toEqual({
      reason: 'UnsupportedProtocol',
      message: expect.stringContaining('the header tako-protocol must be 1, got '),
      retry: false,
    });
    await dispatcher.destroy();
  });

  it.each([
    ['no token', null, {}],
    ['another scheme', null, { authorization: 'Basic dXNlcjpwYXNz' }],
    ['an empty token', null, { authorization: 'Bearer ' }],
  ])('given %s, then it asks for one', async (_what, token, headers) => {
    const { call } = await startGateway();
    expect(await call('GET', '/v1/fan-outs/publish', { token, headers })).toMatchObject({
      status: 401,
      body: { reason: 'Unauthorized', retry: false },
    });
  });

  it('given a Pod that no run names yet, then the agent may come again', async () => {
    const { call, issuer } = await startGateway();
    const token = await issuer.sign({ podUid: 'pod-2' });
    expect(await call('PUT', '/v1/result', { token, body: { steps: [] } })).toMatchObject({
      status: 409,
      body: { reason: 'PodNotRecorded', retry: true },
    });
  });

  it('given a run that asks too often, then it is told when to come back, and another run is not held up', async () => {
    const { call, clock } = await startGateway({ rateLimit: { perSecond: 0.5, burst: 2 } });
    const ask = () => call('GET', '/v1/fan-outs/publish');
    expect((await ask()).status).toBe(404);
    expect((await ask()).status).toBe(404);
    expect(await ask()).toMatchObject({
      status: 429,
      headers: { 'retry-after': '2' },
      body: { reason: 'TooManyRequests', retry: true },
    });
    clock.advanceSync(2_000);
    expect((await ask()).status).toBe(404);
  });

  it.each([
    ['GET', '/v1/nothing'],
    ['POST', '/v1/result'],
    ['GET', '/'],
  ] as const)('given %s %s, then there is no such thing', async (method, path) => {
    const { call } = await startGateway();
    expect(await call(method, path, { headers: { secret: 'x' } })).toMatchObject({
      status: 404,
      body: { reason: 'NotFound', message: `the gateway has no ${method} ${path}`, retry: false },
    });
  });

  it.each([
    ['no JSON', '{"steps":', 400, 'BadRequest'],
    ['JSON that would change a prototype', '{"__proto__":{}}', 400, 'BadRequest'],
    ['more than 600 KiB', JSON.stringify({ steps: [], x: 'x'.repeat(620_000) }), 413, 'BodyTooLarge'],
  ])('given a body that is %s, then it is refused for good', async (_what, body, status, reason) => {
    const { call } = await startGateway();
    expect(await call('PUT', '/v1/result', { body })).toMatchObject({ status, body: { reason, retry: false } });
  });

  it('given a body of another type, then it is refused', async () => {
    const { call } = await startGateway();
    const headers = { 'content-type': 'text/plain' };
    expect(await call('PUT', '/v1/result', { body: '{}', headers })).toMatchObject({
      status: 415,
      body: { reason: 'BadRequest' },
    });
  });

  it('given an error that nobody foresaw, then the agent learns nothing of it, the log all', async () => {
    const { call, runs, log } = await startGateway();
    runs.beforeCall = () => {
      throw new Error('internal detail');
    };
    const answer = await call('PUT', '/v1/result', { body: { steps: [] } });
    expect(answer).toMatchObject({ status: 500, body: { reason: 'Internal', retry: true } });
    expect(JSON.stringify(answer.body)).not.toContain('internal detail');
    await until('it was logged', () => log.some(({ level }) => level === 'error'));
    expect(log.find(({ level }) => level === 'error')).toMatchObject({
      route: '/v1/result',
      run: 'team/core-lib-release',
      status: 500,
      err: expect.objectContaining({ message: 'internal detail' }),
    });
  });

  it('given requests of every kind, then no token, header, query or body is logged', async () => {
    const { call, issuer, log } = await startGateway();
    const token = await issuer.sign();
    await call('PUT', '/v1/result', { token, body: { steps: [], outputs: { 'build.key': 'confidential' } } });
    await call('GET', '/v1/fan-outs/confidential?confidential=1', { token, headers: { cookie: 'confidential' } });
    await call('GET', '/confidential', { token: `${token}confidential` });
    await until('all are logged', () => log.length === 3);
    const text = JSON.stringify(log);
    expect(text).not.toContain('confidential');
    expect(text).not.toContain(token);
    expect(log[0]).toMatchObject({ method: 'PUT', route: '/v1/result', status: 201, run: 'team/core-lib-release' });
  });

  it('given a long poll, when the gateway closes, then it is answered before the gateway is gone', async () => {
    const { gateway, call, runs, run, port, certificates } = await startGateway();
    await call('PUT', '/v1/fan-outs/publish', {
      body: { type: 'library_built', artifact: 'core', waitForChildren: true },
    });
    const polled = call('GET', '/v1/fan-outs/publish?waitSeconds=60');
    await until('it waits', () => runs.waiting === 1);
    await gateway.close();
    expect(await polled).toMatchObject({ status: 200, body: { finished: false } });
    expect(runs.list().filter(({ metadata }) => metadata.uid !== run.metadata.uid)).toHaveLength(1);
    const dispatcher = agentFor(certificates);
    await expect(request(`https://127.0.0.1:${port}/healthz`, { dispatcher })).rejects.toThrow();
  });

  it('given a request that hangs, when the gateway closes, then it is cut off after the drain time', async () => {
    const { gateway, call, runs, clock } = await startGateway({ drainMs: 5_000 });
    let entered = false;
    runs.createConfigMap = () => {
      entered = true;
      return new Promise(() => {});
    };
    const hanging = call('PUT', '/v1/result', { body: { steps: [] } });
    const failed = expect(hanging).rejects.toThrow();
    await until('it hangs', () => entered);
    const closed = gateway.close();
    await until('the drain time runs beside that of the request', () => clock.pending === 2);
    await clock.advance(5_000);
    await closed;
    await failed;
  });

  it('given a request that takes too long, then it is answered as one that may be repeated', async () => {
    const { call, runs, clock } = await startGateway({ requestTimeoutMs: 20_000 });
    let entered = false;
    runs.createConfigMap = (_configMap, signal) => {
      entered = true;
      return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    };
    const answer = call('PUT', '/v1/result', { body: { steps: [] } });
    await until('it hangs', () => entered);
    await clock.advance(20_000);
    expect(await answer).toMatchObject({ status: 503, body: { reason: 'Timeout', retry: true } });
    await until('no timer is left', () => clock.pending === 0);
  });

  it('given no certificates yet, then it can be created but not serve', async () => {
    const { runs, clock, leases } = await startGateway();
    const certificates = {
      current: () => {
        throw new Error('no certificates yet');
      },
      subscribe: () => () => {},
    };
    const authenticate = async () => ({ namespace: 'team', pod: { name: 'p', uid: 'u' } });
    const logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
    const locks = createLockKeeper({ client: leases.client, isGone: async () => false });
    const cacheMetrics = { used: () => {} };
    const earlyResults = { tell: () => false };
    const gateway = createGateway({
      certificates,
      authenticate,
      runs,
      earlyResults,
      locks,
      cacheMetrics,
      clock,
      logger,
    });
    await expect(gateway.listen({ port: 0, host: '127.0.0.1' })).rejects.toThrow('no certificates yet');
    await gateway.close();
  });
});
