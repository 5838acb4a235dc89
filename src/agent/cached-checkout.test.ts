import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type GitServer, startGitServer } from '../../test/fixtures/git-server/git-server.mjs';
import { createRepository } from '../../test/fixtures/git-server/repositories.mjs';
import { until } from '../../test/fixtures/until.ts';
import { DNS_NAME, type GatewayHarness, startGateway } from '../gateway/testing/gateway-harness.ts';
import type { CheckoutRequest } from '../git/checkout.ts';
import { parseGitUrl } from '../git/url.ts';
import { ApiError } from '../kube/errors.ts';
import { lockName } from '../locks/lease.ts';
import { checkoutWithCache } from './cached-checkout.ts';
import { createGatewayClient } from './gateway-client.ts';
import { tokenFile } from './testing/tls-server.ts';

let root: string;
let server: GitServer;
let commit: string;
beforeAll(async () => {
  root = mkdtempSync(path.join(tmpdir(), 'tako-agent-cache-'));
  const created = await createRepository(path.join(root, 'git/acme/core-lib.git'), {
    commits: [{ files: { 'README.md': 'hello\n' }, tags: ['v1.4.0'] }],
  });
  commit = created.commits[0]!;
  server = await startGitServer({ root: path.join(root, 'git') });
});
afterAll(async () => {
  await server.close();
  rmSync(root, { recursive: true });
});

interface Place {
  readonly gateway: GatewayHarness;
  /** The volume. */
  readonly cache: string;
  readonly url: string;
}

async function startPlace(): Promise<Place> {
  const gateway = await startGateway({ names: [DNS_NAME, 'localhost'] });
  const cache = mkdtempSync(path.join(root, 'cache-'));
  return { gateway, cache, url: `${server.url}/acme/core-lib.git` };
}

/** A run of its own that checks out, from its agent's start to its end. */
async function checkOut({ gateway, cache, url }: Place, { token = '', ...more }: Checkout = {}) {
  const base = mkdtempSync(path.join(root, 'pod-'));
  const workTree = path.join(base, 'workspace');
  mkdirSync(workTree);
  const client = createGatewayClient({
    url: `https://localhost:${gateway.port}`,
    ca: gateway.certificates.ca,
    tokenFile: tokenFile(token === '' ? await gateway.issuer.sign() : token),
  });
  onTestFinished(() => client.close());
  const log: { message: string; fields: Record<string, unknown> | undefined }[] = [];
  let close = async (_limitMs: number): Promise<void> => {};
  const request = { url: parseGitUrl(url), commit, gitDirectory: path.join(base, 'git'), workTree, timeoutMs: 60_000 };
  try {
    const facts = await checkoutWithCache(
      { ...request, ...more },
      {
        settings: { maxBytes: 1e9, maxAgeSeconds: 3_600, seconds: 1_800 },
        root: cache,
        gateway: client,
        log: (message, fields) => log.push({ message, fields }),
        onOpen: given => {
          close = given;
        },
      },
    );
    return { facts, log, workTree };
  } finally {
    await close(5_000);
  }
}
type Checkout = Partial<CheckoutRequest> & { readonly token?: string };

describe('a checkout where the namespace has a cache', () => {
  it('given two runs of one commit, then the first fetches it and the second has it from the cache, and both say so', async () => {
    const place = await startPlace();
    const first = await checkOut(place);
    const { result, fetchedBytes } = place.gateway.cacheUses[0]!;
    expect(result).toBe('miss');
    expect(fetchedBytes).toBeGreaterThan(0);
    expect(first.facts).toMatchObject({ tag: 'v1.4.0' });
    expect(first.log).toEqual([
      { message: 'cache', fields: { result, fetchedBytes, milliseconds: expect.any(Number) } },
    ]);
    expect(place.gateway.publishedBytes).toEqual([expect.any(Number)]);

    const second = await checkOut(place);
    expect(second.facts).toEqual(first.facts);
    expect(readFileSync(path.join(second.workTree, 'README.md'), 'utf8')).toBe('hello\n');
    expect(second.log).toMatchObject([{ message: 'cache', fields: { result: 'hit', fetchedBytes: 0 } }]);
    expect(place.gateway.cacheUses.map(use => use.result)).toEqual(['miss', 'hit']);
  });

  it('given the end of an agent, then all it had is given back', async () => {
    const place = await startPlace();
    await checkOut(place);
    const lease = place.gateway.leases.get(`team/${lockName(parseGitUrl(place.url).href)}`);
    expect(lease?.spec?.holderIdentity).toBe('');
  });

  it('given a gateway that gives no locks, then it goes without the cache, says why, and tells the operator', async () => {
    const place = await startPlace();
    place.gateway.leases.client.get = async () => {
      throw new ApiError({ class: 'forbidden', code: 403, reason: 'Forbidden', message: 'leases are forbidden' });
    };
    const { workTree, log } = await checkOut(place);
    expect(readFileSync(path.join(workTree, 'README.md'), 'utf8')).toBe('hello\n');
    expect(log).toMatchObject([
      {
        message: expect.stringContaining('without'),
        fields: { reason: expect.stringContaining('leases are forbidden') },
      },
      { message: 'cache', fields: { result: 'bypassed' } },
    ]);
    expect(place.gateway.cacheUses).toEqual([{ result: 'bypassed', fetchedBytes: 0 }]);
  });

  it('given a repository that is not there, then the error is that of a plain checkout, and the lock is free', async () => {
    const place = await startPlace();
    const url = `${server.url}/acme/nothing.git`;
    await expect(checkOut({ ...place, url })).rejects.toMatchObject({ code: 'RepositoryNotFound' });
    const key = `team/${lockName(parseGitUrl(url).href)}`;
    await until('the lock is free', () => place.gateway.leases.get(key)?.spec?.holderIdentity === '');
  });

  it('given a run that is stopped while it waits for the lock, then it ends with that, and leaves the queue', async () => {
    const place = await startPlace();
    const url = parseGitUrl(place.url).href;
    const body = { url, id: 'somebody-else-0001', want: { mode: 'write' }, waitSeconds: 0 };
    await place.gateway.call('POST', '/v1/locks/acquire', { body });
    const holder = () => place.gateway.leases.get(`team/${lockName(url)}`)?.spec?.holderIdentity;
    const stop = new AbortController();
    const stopped = expect(checkOut(place, { signal: stop.signal })).rejects.toThrow('the run was stopped');
    await until('it waits', () => holder()?.includes('waiting') === true);
    stop.abort(new Error('the run was stopped'));
    await stopped;
    await until('it has left the queue', () => holder()?.includes('waiting') === false);
  });
});
