import { rmSync, writeFileSync } from 'node:fs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { until } from '../../test/fixtures/until.ts';
import { issueCertificates } from '../gateway/certificates.ts';
import { startGateway } from '../gateway/testing/gateway-harness.ts';
import { createGatewayClient, GatewayCallError, type GatewayClientOptions } from './gateway-client.ts';
import { startTlsServer, type TlsServer, tokenFile } from './testing/tls-server.ts';

const request = { type: 'library_built', artifact: 'core', waitForChildren: true } as const;
const state = { run: 'release-emit', finished: false };
const soon = () => AbortSignal.timeout(5_000);
const refused = (status: number, retry: boolean, reason = 'Busy') => ({
  status,
  body: { reason, message: `${reason} it said`, retry },
});

function clientOf(server: Pick<TlsServer, 'url' | 'ca'>, changes: Partial<GatewayClientOptions> = {}) {
  const backoff = { initialMs: 5, maximumMs: 20 };
  const client = createGatewayClient({
    url: server.url,
    ca: server.ca,
    tokenFile: tokenFile('token-1\n'),
    backoff,
    ...changes,
  });
  onTestFinished(() => client.close());
  return client;
}

describe("the agent's client of the gateway", () => {
  it('given a gateway, then a fan-out is put with token, version and body', async () => {
    const server = await startTlsServer();
    server.answers = [{ status: 201, body: state }];
    expect(await clientOf(server).fanOut('emit', request, soon())).toEqual(state);
    expect(server.seen).toMatchObject([
      {
        method: 'PUT',
        url: '/v1/fan-outs/emit',
        headers: { authorization: 'Bearer token-1', 'tako-protocol': '1', 'content-type': 'application/json' },
        body: JSON.stringify(request),
      },
    ]);
  });

  it.each([
    ['503', refused(503, true)],
    ['an error page of a proxy', { status: 502, body: '<html>' }],
    ['429 without a body', { status: 429, body: '' }],
    ['a broken connection', 'reset'],
    ['half an answer', 'cut'],
    ['an answer that is no JSON', { status: 200, body: 'ok' }],
    ['an answer that is too long', { status: 200, body: 'x'.repeat(300 * 1_024) }],
  ] as const)('given %s, then it asks again', async (_, answer) => {
    const server = await startTlsServer();
    server.answers = [answer, { status: 200, body: state }];
    expect(await clientOf(server).fanOut('emit', request, soon())).toEqual(state);
    expect(server.seen).toHaveLength(2);
  });

  it('given a refusal that will not change, then that is thrown, with its reason', async () => {
    const server = await startTlsServer();
    server.answers = [refused(422, false, 'UnknownArtifact')];
    const call = clientOf(server).fanOut('emit', request, soon());
    await expect(call).rejects.toBeInstanceOf(GatewayCallError);
    await expect(call).rejects.toMatchObject({ reason: 'UnknownArtifact', message: 'UnknownArtifact it said' });
    expect(server.seen).toHaveLength(1);
  });

  it('given a 404 of somebody else, then it does not ask for ever', async () => {
    const server = await startTlsServer();
    server.answers = [{ status: 404, body: 'not here' }];
    await expect(clientOf(server).fanOut('emit', request, soon())).rejects.toMatchObject({
      reason: 'GatewayUnreachable',
    });
  });

  it('given a token that the kubelet renewed, then the next request has it', async () => {
    const server = await startTlsServer();
    server.answers = [{ status: 200, body: state }];
    const file = tokenFile('token-1');
    const client = clientOf(server, { tokenFile: file });
    await client.fanOut('emit', request, soon());
    writeFileSync(file, 'token-2');
    await client.fanOut('emit', request, soon());
    expect(server.seen.map(({ headers }) => headers.authorization)).toEqual(['Bearer token-1', 'Bearer token-2']);
  });

  it('given no token yet, then it waits for one', async () => {
    const server = await startTlsServer();
    server.answers = [{ status: 200, body: state }];
    const file = tokenFile('x');
    rmSync(file);
    const call = clientOf(server, { tokenFile: file }).fanOut('emit', request, soon());
    setImmediate(() => writeFileSync(file, 'token-1'));
    expect(await call).toEqual(state);
  });

  it('given a gateway that never accepts, when the time is over, then it says what the last answer was', async () => {
    const server = await startTlsServer();
    server.answers = [refused(503, true)];
    const time = new AbortController();
    const call = clientOf(server).fanOut('emit', request, time.signal);
    const refusal = expect(call).rejects.toMatchObject({
      reason: 'GatewayUnreachable',
      message: 'the gateway did not accept the request in time: Busy it said',
    });
    await until('it asks again and again', () => server.seen.length > 2);
    time.abort();
    await refusal;
  });

  it('given a gateway that hangs, when the run is stopped, then the call ends at once', async () => {
    const server = await startTlsServer();
    server.answers = ['hang'];
    const stop = new AbortController();
    const call = clientOf(server).fanOut('emit', request, stop.signal);
    const start = performance.now();
    setTimeout(() => stop.abort(), 50);
    await expect(call).rejects.toMatchObject({ reason: 'GatewayUnreachable' });
    expect(performance.now() - start).toBeLessThan(2_000);
  });

  it('given a gateway that was busy and then hangs, when the time is over, then it says that it was busy', async () => {
    const server = await startTlsServer();
    server.answers = [refused(503, true), 'hang'];
    const stop = new AbortController();
    const call = clientOf(server).fanOut('emit', request, stop.signal);
    const said = expect(call).rejects.toMatchObject({
      message: 'the gateway did not accept the request in time: Busy it said',
    });
    await until('the second request', () => server.seen.length === 2);
    stop.abort();
    await said;
  });

  it('given a signal that is aborted already, then nothing is sent', async () => {
    const server = await startTlsServer();
    await expect(clientOf(server).fanOut('emit', request, AbortSignal.abort())).rejects.toBeInstanceOf(
      GatewayCallError,
    );
    expect(server.seen).toEqual([]);
  });

  it('given a server of another authority, then nothing is told to it, not even the token', async () => {
    const server = await startTlsServer();
    server.answers = [{ status: 200, body: state }];
    const { ca } = await issueCertificates({ dnsNames: ['localhost'], now: new Date() });
    const stop = new AbortController();
    const call = clientOf({ url: server.url, ca }).fanOut('emit', request, stop.signal);
    const said = expect(call).rejects.toMatchObject({
      reason: 'GatewayUnreachable',
      message: expect.stringMatching(/certificate/),
    });
    // That it tries again proves that it could not do with the first one.
    await until('the second connection', () => server.connections() >= 2);
    stop.abort();
    await said;
    expect(server.seen).toEqual([]);
  });

  it('given a server of another name, then nothing is told to it', async () => {
    const server = await startTlsServer();
    server.answers = [{ status: 200, body: state }];
    const url = server.url.replace('localhost', '127.0.0.1');
    await expect(clientOf({ ...server, url }).fanOut('emit', request, AbortSignal.timeout(200))).rejects.toMatchObject({
      reason: 'GatewayUnreachable',
    });
    expect(server.seen).toEqual([]);
  });

  it('given a fan-out that goes on, then it asks until it has ended', async () => {
    const server = await startTlsServer();
    const ended = { ...state, finished: true, phase: 'Succeeded' };
    server.answers = [
      { status: 200, body: state },
      refused(503, true),
      { status: 200, body: state },
      { status: 200, body: ended },
    ];
    expect(await clientOf(server).waitForFanOut('emit', 'run-emit', soon())).toEqual(ended);
    expect(server.seen.map(({ method, url }) => `${method} ${url}`)).toEqual(
      Array.from({ length: 4 }, () => 'GET /v1/fan-outs/emit?waitSeconds=30&run=run-emit'),
    );
  });

  it('given a gateway that answers at once though the fan-out goes on, then it is not asked without a pause', async () => {
    const server = await startTlsServer();
    server.answers = [{ status: 200, body: state }];
    const backoff = { initialMs: 50, maximumMs: 50 };
    const call = clientOf(server, { backoff }).waitForFanOut('emit', 'run-emit', AbortSignal.timeout(500));
    await expect(call).rejects.toBeInstanceOf(GatewayCallError);
    expect(server.seen.length).toBeLessThan(13);
  });

  it('given the real gateway, then fan-out, wait and result go through', async () => {
    const gateway = await startGateway({ names: ['localhost'] });
    const client = clientOf(
      { url: `https://localhost:${gateway.port}`, ca: gateway.certificates.ca },
      { tokenFile: tokenFile(await gateway.issuer.sign()) },
    );
    const started = await client.fanOut('emit', request, soon());
    expect(started).toMatchObject({ finished: false });
    expect(await client.fanOut('emit', request, soon())).toEqual(started);
    const waiting = client.waitForFanOut('emit', started.run, soon());
    gateway.runs.report({ namespace: 'team', name: started.run }, { phase: 'Succeeded' });
    expect(await waiting).toMatchObject({ finished: true, phase: 'Succeeded' });
    const stored = await client.storeResult({ steps: [{ id: 'a', phase: 'Succeeded' }] }, soon());
    expect(stored).toEqual({ name: expect.any(String), digest: expect.stringMatching(/^[0-9a-f]{64}$/) });
  });
});
