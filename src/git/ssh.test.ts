import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CreatedRepository, createRepository } from '../../test/fixtures/git-server/repositories.mjs';
import { type SshServer, startSshServer } from '../../test/fixtures/git-server/ssh-server.ts';
import { checkout } from './checkout.ts';
import type { GitError } from './errors.ts';
import { readFileAt, resolveRef } from './remote.ts';
import { rejectionOf } from './testing/rejection.ts';
import { type GitUrl, parseGitUrl } from './url.ts';

let root: string;
let temporary: string;
let repository: CreatedRepository;
let server: SshServer;
let url: GitUrl;

beforeAll(async () => {
  root = await mkdtemp(path.join(os.tmpdir(), 'tako-ssh-'));
  temporary = path.join(root, 'tmp');
  await mkdir(temporary);
  repository = await createRepository(path.join(root, 'acme/repo.git'), {
    commits: [{ files: { 'tako.yml': 'by ssh\n' }, tags: ['v1.0.0'] }, { files: { later: '1' } }],
  });
  server = await startSshServer();
  url = parseGitUrl(`ssh://${server.user}@127.0.0.1:${server.port}${root}/acme/repo.git`);
});
afterAll(async () => {
  await server?.close();
  await rm(root, { recursive: true });
});

const good = () => ({ values: { identity: server.identity, known_hosts: server.knownHosts } });

async function failure(values: Record<string, string>): Promise<GitError> {
  const options = { credentials: { values }, temporaryDirectory: temporary, retries: 0 };
  return rejectionOf(resolveRef(url, 'main', options));
}

describe('a repository over ssh', () => {
  test('given the right key and host key, then references, files and trees are read, and no key is left behind', async () => {
    const commit = repository.commits[0] ?? '';
    const options = { credentials: good(), temporaryDirectory: temporary };

    expect(await resolveRef(url, { tag: 'v1.0.0' }, options)).toMatchObject({ commit, ref: 'refs/tags/v1.0.0' });
    const file = await readFileAt({ url, commit, path: 'tako.yml', maxBytes: 100, ...options });
    expect(file.toString()).toBe('by ssh\n');
    const workTree = path.join(root, 'work');
    await mkdir(workTree);
    const request = { url, commit, gitDirectory: path.join(root, 'git'), workTree, timeoutMs: 20_000 };
    expect(await checkout({ ...request, credentials: good() })).toMatchObject({ tag: 'v1.0.0' });
    expect(await readFile(path.join(workTree, 'tako.yml'), 'utf8')).toBe('by ssh\n');
    expect(await readdir(temporary)).toEqual([]);
  });

  test("given another server's key in known_hosts, then the host is not trusted", async () => {
    const error = await failure({ identity: server.identity, known_hosts: server.wrongKnownHosts });

    expect(error).toMatchObject({ code: 'HostKeyRejected', class: 'auth' });
    expect(error.message).toContain('known_hosts');
  });

  test('given known_hosts without the host, then the host is not trusted', async () => {
    expect(await failure({ identity: server.identity, known_hosts: '# nobody' })).toMatchObject({
      code: 'HostKeyRejected',
    });
  });

  test('given a key that the server does not know, then access is refused', async () => {
    expect(await failure({ identity: server.otherIdentity, known_hosts: server.knownHosts })).toMatchObject({
      code: 'AuthenticationFailed',
      class: 'auth',
    });
  });

  test('given something that is no key, then the message says what a key must be', async () => {
    const error = await failure({ identity: 'not a key', known_hosts: server.knownHosts });

    expect(error.code).toBe('InvalidCredentials');
    expect(error.message).toContain('OpenSSH or PEM');
  });

  test('given a repository that is not there, then it is not found', async () => {
    const none = parseGitUrl(url.href.replace('repo.git', 'none.git'));

    await expect(resolveRef(none, 'main', { credentials: good(), retries: 0 })).rejects.toMatchObject({
      code: 'RepositoryNotFound',
    });
  });
});
