import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type GitServer, startGitServer } from '../../test/fixtures/git-server/git-server.mjs';
import { createRepository } from '../../test/fixtures/git-server/repositories.mjs';
import { until } from '../../test/fixtures/until.ts';
import type { GitError } from './errors.ts';
import { resolveRef } from './remote.ts';
import { type RemoteOptions, withRemote } from './session.ts';
import { rejectionOf } from './testing/rejection.ts';
import { type GitUrl, parseGitUrl } from './url.ts';

let root: string;
let server: GitServer;
let url: GitUrl;

beforeAll(async () => {
  root = await mkdtemp(path.join(os.tmpdir(), 'tako-session-'));
  await createRepository(path.join(root, 'acme/repo.git'), { commits: [{ files: { a: '1' } }] });
  server = await startGitServer({ root });
  url = parseGitUrl(`${server.url}/acme/repo.git`);
});
afterAll(async () => {
  await server.close();
  await rm(root, { recursive: true });
});
afterEach(() => {
  server.setFault(undefined);
  server.requests.length = 0;
});

async function failure(options: RemoteOptions = {}, of: GitUrl = url): Promise<GitError> {
  return rejectionOf(resolveRef(of, 'main', options));
}

/** Takes connections and never says a word. */
async function silentServer(): Promise<{ server: Server; url: GitUrl }> {
  const silent = createServer(() => {});
  await new Promise<void>(resolve => silent.listen(0, '127.0.0.1', resolve));
  const address = silent.address();
  if (address === null || typeof address === 'string') throw new Error('no address');
  return { server: silent, url: parseGitUrl(`http://127.0.0.1:${address.port}/acme/repo.git`) };
}

describe('a session', () => {
  test('given a server that fails twice, then the third try succeeds', async () => {
    server.setFault({ kind: 'status', status: 503, times: 2 });

    await expect(resolveRef(url, 'main')).resolves.toMatchObject({ ref: 'refs/heads/main' });
    expect(server.requests.filter(request => request.status === 503)).toHaveLength(2);
  });

  test('given a server that drops connections, then it is tried again', async () => {
    server.setFault({ kind: 'reset', times: 1 });

    await expect(resolveRef(url, 'main')).resolves.toMatchObject({ ref: 'refs/heads/main' });
  });

  test('given a server that keeps failing, then there are three tries and the error names its answer', async () => {
    server.setFault({ kind: 'status', status: 500 });
    const start = performance.now();

    const error = await failure();

    expect(error).toMatchObject({ code: 'ServerError', class: 'transient' });
    expect(error.message).toContain('500');
    expect(server.requests).toHaveLength(3);
    // 100 and 200 ms, give or take 10 %, and the timers of Node may be a millisecond early.
    expect(performance.now() - start).toBeGreaterThan(268);
  });

  test.each([
    [404, 'RepositoryNotFound'],
    [403, 'AuthenticationFailed'],
  ])('given an answer of %i, then it is %s and not tried again', async (status, code) => {
    server.setFault({ kind: 'status', status });

    expect(await failure()).toMatchObject({ code });
    expect(server.requests).toHaveLength(1);
  });

  test('given a server that does not answer, then the error comes after the time limit and says how long it was tried', async () => {
    server.setFault({ kind: 'hang' });
    const start = performance.now();

    const error = await failure({ timeoutMs: 2000 });

    expect(error).toMatchObject({ code: 'TimedOut', class: 'transient' });
    expect(error.message).toContain('within 2 s');
    expect(performance.now() - start).toBeGreaterThan(1900);
  });

  test('given a connection that is swallowed, then the bound on one try leaves time for another', async () => {
    server.setFault({ kind: 'hang' });
    const asked = withRemote(url, { timeoutMs: 20_000 }, session =>
      session.git(['ls-remote', '--', url.href], { tryMs: 1_000 }),
    );
    await until('the first try', () => server.requests.length === 1);
    server.setFault(undefined);

    expect((await asked).stdout.toString()).toContain('refs/heads/main');
  });

  test('given a connection that stays silent, then git itself notices it by its speed', async () => {
    const silent = await silentServer();
    const config: [string, string][] = [['http.lowSpeedTime', '1']];

    const asked = withRemote(silent.url, { retries: 0 }, session =>
      session.git(['ls-remote', '--', silent.url.href], { config }),
    );

    await expect(asked).rejects.toMatchObject({ code: 'TimedOut', message: expect.stringContaining('too slow') });
    silent.server.close();
  });

  test('given a port where nobody listens, then it is unreachable', async () => {
    const silent = await silentServer();
    await new Promise(resolve => silent.server.close(resolve));

    expect(await failure({ retries: 0 }, silent.url)).toMatchObject({ code: 'Unreachable' });
  });

  test('given an abort between two tries, then its reason is thrown', async () => {
    server.setFault({ kind: 'hang' });
    const controller = new AbortController();
    const asked = resolveRef(url, 'main', { signal: controller.signal });
    const timer = setInterval(() => {
      if (server.requests.length > 0) controller.abort(new Error('stopped'));
    }, 5);

    await expect(asked).rejects.toThrow('stopped');
    clearInterval(timer);
  });

  test('given an abort beforehand, then nothing is asked', async () => {
    await expect(resolveRef(url, 'main', { signal: AbortSignal.abort(new Error('no')) })).rejects.toThrow('no');
    expect(server.requests).toHaveLength(0);
  });

  test('given a redirect, then it is not followed and the error says what to do', async () => {
    const other = await startGitServer({ root });
    server.setFault({ kind: 'redirect', to: other.url });

    const error = await failure();

    expect(error).toMatchObject({ code: 'Redirected' });
    expect(error.message).toContain('spec.url');
    expect(other.requests).toHaveLength(0);
    await other.close();
  });
});
