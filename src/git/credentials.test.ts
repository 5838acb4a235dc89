import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type GitServer, startGitServer } from '../../test/fixtures/git-server/git-server.mjs';
import { createRepository } from '../../test/fixtures/git-server/repositories.mjs';
import { until } from '../../test/fixtures/until.ts';
import { checkout } from './checkout.ts';
import { type Credentials, withAccess } from './credentials.ts';
import type { GitError } from './errors.ts';
import { runGit } from './git.ts';
import { createGitDirectory } from './git-directory.ts';
import { resolveRef } from './remote.ts';
import { withRemote } from './session.ts';
import { rejectionOf } from './testing/rejection.ts';
import { type GitUrl, parseGitUrl } from './url.ts';

const PASSWORD = `it's "quoted" $HOME %s \\n \`x\` ;ä`;

let root: string;
let temporary: string;
let server: GitServer;
let url: GitUrl;

beforeAll(async () => {
  root = await mkdtemp(path.join(os.tmpdir(), 'tako-credentials-'));
  temporary = path.join(root, 'tmp');
  await mkdir(temporary);
  await createRepository(path.join(root, 'acme/repo.git'), { commits: [{ files: { a: '1' } }] });
  server = await startGitServer({ root, credentials: { username: 'robot', password: PASSWORD } });
  url = parseGitUrl(`${server.url}/acme/repo.git`);
});
afterAll(async () => {
  await server.close();
  await rm(root, { recursive: true });
});
afterEach(() => {
  server.setFault(undefined);
  server.setCredentials({ username: 'robot', password: PASSWORD });
  server.requests.length = 0;
});

async function failure(credentials: Credentials | undefined, of: GitUrl = url): Promise<GitError> {
  return rejectionOf(resolveRef(of, 'main', { credentials, temporaryDirectory: temporary }));
}

describe('http credentials', () => {
  test('given username and password, then the server accepts them, whatever characters they have', async () => {
    const values = { username: 'robot', password: PASSWORD };

    await expect(resolveRef(url, 'main', { credentials: { values } })).resolves.toHaveProperty('commit');
  });

  test('given a directory as a Secret is mounted, then final newlines do not matter', async () => {
    const directory = await mkdtemp(path.join(root, 'secret-'));
    await writeFile(path.join(directory, 'username'), 'robot\n');
    await writeFile(path.join(directory, 'password'), `${PASSWORD}\n`);

    await expect(resolveRef(url, 'main', { credentials: { directory } })).resolves.toHaveProperty('commit');
  });

  test('given a token alone, then it is the password of a user name that servers accept', async () => {
    server.setCredentials({ username: 'x-access-token', password: 'token-1' });

    await expect(resolveRef(url, 'main', { credentials: { values: { token: 'token-1' } } })).resolves.toHaveProperty(
      'commit',
    );
  });

  test('given no credentials, then access is refused and the message names secretRef', async () => {
    const error = await failure(undefined);

    expect(error).toMatchObject({ code: 'AuthenticationFailed', class: 'auth' });
    expect(error.message).toContain('secretRef');
  });

  test('given a wrong password that the server repeats in its answer, then the message does not hold it', async () => {
    const wrong = 'hunter2-hunter2';
    server.setFault({ kind: 'status', status: 403, body: `remote says ${wrong}` });

    const error = await failure({ values: { username: 'robot', password: wrong } });

    expect(error.code).toBe('AuthenticationFailed');
    expect(error.message).not.toContain(wrong);
    expect(JSON.stringify(error)).not.toContain(wrong);
  });

  test.each([
    ['ls-remote', (href: string) => ['ls-remote', '--', href]],
    ['fetch', (href: string) => ['fetch', '--quiet', '--', href, 'main']],
  ])('given git %s under way, then the password is in no process arguments', async (command, args) => {
    const gitDirectory = await mkdtemp(path.join(root, 'git-'));
    await createGitDirectory(path.join(gitDirectory, 'x'), 'a'.repeat(40));
    const seen: string[] = [];
    const isSeen = (name: string) => seen.some(line => line.includes(`${name}\0`) && line.includes(url.href));
    // It stays until it is ended, so that there is time to look.
    server.setFault({ kind: 'hang' });
    const stop = new AbortController();
    const options = { credentials: { values: { username: 'robot', password: PASSWORD } }, signal: stop.signal };
    await withRemote(url, options, async session => {
      const running = session
        .git(args(url.href), { gitDirectory: path.join(gitDirectory, 'x') })
        .catch(() => undefined);
      await until('git, and the program that it talks HTTP with, to have asked the server', async () => {
        for (const pid of (await readdir('/proc')).filter(name => /^[0-9]+$/.test(name))) {
          seen.push(await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => ''));
        }
        return isSeen(command) && isSeen('remote-http') && server.requests.length > 0;
      });
      stop.abort();
      await running;
    });

    expect(seen.filter(line => line.includes('$HOME %s'))).toEqual([]);
  });

  test('given a checkout with credentials, then they are in no file afterwards', async () => {
    const base = await mkdtemp(path.join(root, 'checkout-'));
    await mkdir(path.join(base, 'tree'));
    const { commit } = await resolveRef(url, 'main', {
      credentials: { values: { username: 'robot', password: PASSWORD } },
    });

    await checkout({
      url,
      commit,
      gitDirectory: path.join(base, 'git'),
      workTree: path.join(base, 'tree'),
      credentials: { values: { username: 'robot', password: PASSWORD } },
      timeoutMs: 20_000,
    });

    const files = (await readdir(base, { recursive: true, withFileTypes: true })).filter(entry => entry.isFile());
    expect(files.map(({ name }) => name)).toEqual(expect.arrayContaining(['a', 'config', 'HEAD']));
    for (const { parentPath, name } of files) {
      const content = (await readFile(path.join(parentPath, name))).toString('latin1');
      expect(content, name).not.toMatch(/robot|quoted|credential|TAKO_GIT/);
    }
  });

  test('given another host, port or scheme, then the helper gives nothing', async () => {
    const values = { username: 'robot', password: PASSWORD };
    await withAccess(url, { values }, temporary, async access => {
      const ask = async (protocol: string, host: string) => {
        const { stdout } = await runGit(['credential', 'fill'], {
          config: [...access.config, ['core.askPass', 'true']],
          variables: access.variables,
          input: `protocol=${protocol}\nhost=${host}\n\n`,
        });
        return stdout.toString();
      };

      expect(await ask('http', url.host)).toContain(`password=${PASSWORD}\n`);
      for (const [protocol, host] of [
        ['https', url.host],
        ['http', '127.0.0.1'],
        ['http', `evil.${url.host}`],
        ['http', 'evil.example.com'],
      ] as const) {
        expect(await ask(protocol, host), `${protocol}://${host}`).not.toContain('quoted');
      }
    });
  });

  test('given a redirect to another server, then that one never hears of the credentials', async () => {
    const other = await startGitServer({ root, credentials: { username: 'robot', password: PASSWORD } });
    server.setFault({ kind: 'redirect', to: other.url });

    expect(await failure({ values: { username: 'robot', password: PASSWORD } })).toMatchObject({ code: 'Redirected' });
    expect(other.requests).toEqual([]);
    await other.close();
  });

  test.each([
    ['an ssh key only', { identity: 'x', known_hosts: 'y' }],
    ['nothing', {}],
    ['a user name only', { username: 'robot', 'ca.crt': 'x' }],
    ['a password of two lines', { password: 'a\nb' }],
    ['a password with a NUL', { password: 'a\0b' }],
    ['a huge password', { password: 'x'.repeat(100_000) }],
  ])('given %s, then the error names the key that is wrong before anything is sent', async (_, values) => {
    const error = await failure({ values });

    expect(error.code).toBe('InvalidCredentials');
    expect(error.message).toMatch(/password|username/);
    expect(server.requests).toEqual([]);
  });

  test('given a directory that cannot be read, then that is an error of the credentials', async () => {
    const directory = await mkdtemp(path.join(root, 'secret-'));
    await mkdir(path.join(directory, 'password'));

    expect(await failure({ directory })).toMatchObject({ code: 'InvalidCredentials' });
  });

  test('given an authority, then it is in a private file that is gone afterwards', async () => {
    const https = parseGitUrl('https://host/a/b');
    await withAccess(https, { values: { 'ca.crt': 'PEM' } }, temporary, async access => {
      const file = access.config.find(([key]) => key === 'http.sslCAInfo')?.[1] ?? '';
      expect(await readFile(file, 'utf8')).toBe('PEM');
      expect((await stat(file)).mode & 0o777).toBe(0o600);
      expect((await stat(path.dirname(file))).mode & 0o777).toBe(0o700);
    });

    expect(await readdir(temporary)).toEqual([]);
  });

  test('given work that fails, then the private files are gone as well', async () => {
    const https = parseGitUrl('https://host/a/b');
    const failing = withAccess(https, { values: { 'ca.crt': 'PEM' } }, temporary, async () => {
      throw new Error('failed');
    });

    await expect(failing).rejects.toThrow('failed');
    expect(await readdir(temporary)).toEqual([]);
  });
});

describe('ssh credentials', () => {
  const ssh = parseGitUrl('ssh://git@127.0.0.1:1/acme/repo.git');

  test.each([
    ['no Secret', undefined, 'secretRef'],
    ['no key', { values: { known_hosts: 'x' } }, 'identity'],
    ['no known_hosts', { values: { identity: 'x' } }, 'known_hosts'],
  ])('given %s, then the error says what is missing', async (_, credentials, missing) => {
    const error = await failure(credentials, ssh);

    expect(error.code).toBe('InvalidCredentials');
    expect(error.message).toContain(missing);
  });

  test('given key and known_hosts, then ssh uses these files and nothing else', async () => {
    const values = { identity: 'KEY\r\nKEY', known_hosts: 'HOST' };
    await withAccess(ssh, { values }, temporary, async access => {
      const command = access.variables.GIT_SSH_COMMAND ?? '';
      const identity = /IdentityFile="([^"]+)"/.exec(command)?.[1] ?? '';

      expect(await readFile(identity, 'utf8')).toBe('KEY\nKEY\n');
      expect((await stat(identity)).mode & 0o777).toBe(0o600);
      expect(command).toContain('-F /dev/null');
      expect(command).toContain('StrictHostKeyChecking=yes');
      expect(command).toContain('IdentitiesOnly=yes');
    });
    expect(await readdir(temporary)).toEqual([]);
  });

  test('given a temporary directory whose name a shell could misread, then it is refused', async () => {
    const odd = path.join(root, "it's");
    await mkdir(odd);
    const values = { identity: 'x', known_hosts: 'y' };

    await expect(withAccess(ssh, { values }, odd, async () => {})).rejects.toThrow('cannot be quoted');
  });
});
