import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { until } from '../../test/fixtures/until.ts';
import type { FanOutRequest } from '../agent/contract.ts';
import { createGatewayClient } from '../agent/gateway-client.ts';
import { fanOutRunName } from '../fanout/names.ts';
import { DNS_NAME, startGateway } from './testing/gateway-harness.ts';

const request: FanOutRequest = {
  type: 'library_built',
  artifact: 'core',
  payload: { version: '1.4.0' },
  waitForChildren: true,
};
const signal = AbortSignal.timeout(20_000);

/** The client as it runs in a Pod; only the address differs, for loopback has no Service. */
async function startAgent() {
  const harness = await startGateway({ names: [DNS_NAME, 'localhost'] });
  const directory = await mkdtemp(path.join(tmpdir(), 'tako-agent-client-'));
  const tokenFile = path.join(directory, 'token');
  await writeFile(tokenFile, await harness.issuer.sign());
  const url = `https://localhost:${harness.port}`;
  const client = createGatewayClient({
    url,
    ca: harness.certificates.ca,
    tokenFile,
    backoff: { initialMs: 5, maximumMs: 20 },
  });
  onTestFinished(async () => {
    client.close();
    await rm(directory, { recursive: true, force: true });
  });
  return { ...harness, client, tokenFile };
}

describe('the agent and the gateway', () => {
  it('given a fan-out, then the agent starts it, waits for its end and stores a result', async () => {
    const { client, runs, run } = await startAgent();
    const name = fanOutRunName(run.metadata, 'publish');
    expect(await client.fanOut('publish', request, signal)).toEqual({ run: name, finished: false });
    const ended = client.waitForFanOut('publish', name, signal);
    await until('the agent waits', () => runs.waiting === 1);
    runs.report({ namespace: 'team', name }, { phase: 'Failed', message: '1 of 2 children failed' });
    expect(await ended).toEqual({ run: name, phase: 'Failed', finished: true, message: '1 of 2 children failed' });
    expect(await client.storeResult({ steps: [] }, signal)).toMatchObject({
      digest: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
  });

  it('given an agent that is faster than the status of its run, then it asks until it is known', async () => {
    const { client, runs, run, log } = await startAgent();
    runs.report(run.metadata, { attempts: [] });
    const stored = client.storeResult({ steps: [] }, signal);
    await until('it was refused', () => log.some(({ reason }) => reason === 'PodNotRecorded'));
    runs.report(run.metadata, run.status ?? {});
    expect(await stored).toMatchObject({ name: expect.any(String) });
  });

  it('given a token that expired, then the agent goes on with the one that the kubelet wrote', async () => {
    const { client, issuer, clock, log, tokenFile } = await startAgent();
    clock.advanceSync(4_000_000);
    const stored = client.storeResult({ steps: [] }, signal);
    await until('it was refused', () => log.some(({ status }) => status === 401));
    // As a kubelet does: nobody sees half of it.
    await writeFile(`${tokenFile}.new`, await issuer.sign({ issuedAt: clock.now().getTime() / 1_000 }));
    await rename(`${tokenFile}.new`, tokenFile);
    expect(await stored).toMatchObject({ name: expect.any(String) });
  });

  it('given a refusal for good, then the agent gives up and says why', async () => {
    const { client } = await startAgent();
    await client.fanOut('publish', request, signal);
    await expect(client.fanOut('publish', { ...request, payload: {} }, signal)).rejects.toMatchObject({
      reason: 'FanOutConflict',
      message: expect.stringContaining('another event'),
    });
  });
});
