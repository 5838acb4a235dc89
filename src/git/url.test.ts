import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { GitError } from './errors.ts';
import { rejectionOf } from './testing/rejection.ts';
import { checkGitUrl, type GitUrlPolicy, isSlug, parseGitUrl } from './url.ts';

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof GitError) return error.code;
    throw error;
  }
  return 'none';
}

describe('parseGitUrl', () => {
  test.each([
    ['https://github.com/acme/core-lib', 'https://github.com/acme/core-lib', 'acme/core-lib'],
    ['https://GitHub.com:443/acme/core-lib.git/', 'https://github.com/acme/core-lib.git', 'acme/core-lib'],
    ['http://git.svc:8080/acme/core-lib.git', 'http://git.svc:8080/acme/core-lib.git', 'acme/core-lib'],
    ['ssh://git@host:22/group/sub/repo.git', 'ssh://git@host/group/sub/repo.git', 'sub/repo'],
    ['ssh://host/~user/repo', 'ssh://host/~user/repo', undefined],
    ['file:///srv/git/acme/repo.git', 'file:///srv/git/acme/repo.git', 'acme/repo'],
    ['https://[::1]:8443/a/b', 'https://[::1]:8443/a/b', 'a/b'],
    ['https://host/repo', 'https://host/repo', undefined],
    ['https://host/a%20b/repo', 'https://host/a%20b/repo', undefined],
  ])('given %s, then it is %s with slug %s', (text, href, slug) => {
    const url = parseGitUrl(text);

    expect(url.href).toBe(href);
    expect(url.slug).toBe(slug);
  });

  test.each([
    ['a URL without a scheme', 'github.com/acme/repo'],
    ['the scp form', 'git@github.com:acme/repo.git'],
    ['another transport', 'ext::sh -c touch% /tmp/x'],
    ['the git transport', 'git://host/acme/repo'],
    ['an upper-case scheme', 'HTTPS://host/a/b'],
    ['credentials', 'https://user:secret@host/acme/repo'],
    ['a token', 'https://secret@host/acme/repo'],
    ['a password for ssh', 'ssh://git:secret@host/acme/repo'],
    ['a host that looks like an option', 'ssh://-oProxyCommand=x/acme/repo'],
    ['a user that looks like an option', 'ssh://-oProxyCommand=x@host/acme/repo'],
    ['no host', 'https:///acme/repo'],
    ['a host with two dots', 'https://a..b/acme/repo'],
    ['a port that is too large', 'https://host:70000/acme/repo'],
    ['no path', 'https://host'],
    ['an empty path', 'https://host/'],
    ['a dot-dot segment', 'https://host/acme/../repo'],
    ['a dot segment', 'https://host/./repo'],
    ['an empty segment', 'https://host/acme//repo'],
    ['an encoded slash', 'https://host/acme%2frepo'],
    ['an encoded dot', 'https://host/acme/%2E%2E/repo'],
    ['an encoded backslash', 'https://host/acme%5crepo'],
    ['an encoded NUL', 'https://host/acme/repo%00'],
    ['an encoded line break', 'https://host/acme/repo%0a'],
    ['a half escape', 'https://host/acme/repo%4'],
    ['an escape that is no UTF-8', 'https://host/acme/repo%ff'],
    ['a NUL', 'https://host/acme/repo\0'],
    ['a backslash', 'https://host/acme\\repo'],
    ['a blank', 'https://host/acme/re po'],
    ['a query', 'https://host/acme/repo?x=1'],
    ['a fragment', 'https://host/acme/repo#x'],
    ['a file on another host', 'file://host/srv/repo'],
    ['something too long', `https://host/${'a'.repeat(3000)}`],
  ])('given %s, then it is refused', (_, text) => {
    expect(codeOf(() => parseGitUrl(text))).toBe('InvalidUrl');
  });

  test('given credentials in the URL, then the message says where they belong and does not repeat them', () => {
    expect(() => parseGitUrl('https://user:hunter2@host/acme/repo')).toThrow(/secretRef/);
    expect(() => parseGitUrl('https://user:hunter2@host/acme/repo')).not.toThrow(/hunter2/);
  });

  test('given any text, then it is either refused or stable, without a way up and without credentials', () => {
    const piece = fc.oneof(
      fc.constantFrom(
        '..',
        '.',
        '%2e',
        '%2F',
        '\0',
        '//',
        '@',
        ':',
        '-',
        '~',
        'a',
        '.git',
        '?',
        '#',
        '\\',
        ' ',
        'ä',
        '%41',
      ),
      fc.string({ maxLength: 4 }),
    );
    const text = fc
      .tuple(
        fc.constantFrom('https://', 'http://', 'ssh://', 'file://', 'ext::', '', 'ssh://git@'),
        fc.constantFrom('host', 'HOST:443', 'a.b:8080', '', '-x', '[::1]'),
        fc.array(piece, { maxLength: 6 }),
      )
      .map(([scheme, host, parts]) => `${scheme}${host}/${parts.join('/')}`);
    fc.assert(
      fc.property(text, candidate => {
        let url: ReturnType<typeof parseGitUrl>;
        try {
          url = parseGitUrl(candidate);
        } catch (error) {
          expect(error).toBeInstanceOf(GitError);
          return;
        }
        expect(parseGitUrl(url.href)).toEqual(url);
        expect(url.href).toMatch(/^(https?|ssh|file):\/\/[\x21-\x7e]+$/);
        expect(decodeURIComponent(url.path).split('/')).not.toContain('..');
        expect(decodeURIComponent(url.path)).not.toMatch(/[\0\\\n]/);
        expect(url.href).not.toMatch(/^https?:\/\/[^/]*@/);
        expect(url.host).not.toMatch(/^-/);
        if (url.slug !== undefined) expect(isSlug(url.slug)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('isSlug', () => {
  test.each(['acme/core-lib', 'a/b', 'A.b_c/d-e'])('given %s, then it is one', text => {
    expect(isSlug(text)).toBe(true);
  });

  test.each(['', 'a', 'a/', '/a', 'a/b/c', '../a', 'a/..', './a', 'a b/c', 'a/b\0', 'a%2fb/c', `a/${'b'.repeat(300)}`])(
    'given %j, then it is none',
    text => {
      expect(isSlug(text)).toBe(false);
    },
  );
});

describe('checkGitUrl', () => {
  let root: string;
  let outside: string;

  beforeAll(async () => {
    const base = await mkdtemp(path.join(os.tmpdir(), 'tako-url-'));
    root = path.join(base, 'root');
    outside = path.join(base, 'root-outside');
    await mkdir(path.join(root, 'acme/repo.git/objects'), { recursive: true });
    await mkdir(path.join(outside, 'secret.git'), { recursive: true });
    await symlink(path.join(outside, 'secret.git'), path.join(root, 'acme/link.git'));
    await symlink('repo.git', path.join(root, 'acme/alias.git'));
  });
  afterAll(() => rm(path.dirname(root), { recursive: true }));

  test.each([
    ['git.example.com', 'https://git.example.com/a/b', true],
    ['git.example.com', 'https://git.example.com:8443/a/b', false],
    ['git.example.com:8443', 'https://git.example.com:8443/a/b', true],
    ['git.example.com:443', 'https://git.example.com/a/b', true],
    ['git.example.com:*', 'https://git.example.com:8443/a/b', true],
    ['*.example.com', 'https://git.example.com/a/b', true],
    ['*.example.com', 'https://a.git.example.com/a/b', true],
    ['*.example.com', 'https://example.com/a/b', false],
    ['*.example.com', 'https://evilexample.com/a/b', false],
    ['example.com', 'https://example.com.evil.org/a/b', false],
    ['GIT.example.com', 'https://git.EXAMPLE.com/a/b', true],
    ['*', 'https://anything:99/a/b', true],
    ['[::1]', 'https://[::1]/a/b', true],
    ['[::1]:*', 'https://[::1]:8443/a/b', true],
  ])('given the pattern %s and %s, then allowed is %s', async (pattern, text, allowed) => {
    const checked = checkGitUrl(text, { hosts: [pattern] });

    if (allowed) expect((await checked).scheme).toBe('https');
    else expect((await rejectionOf(checked)).code).toBe('UrlNotAllowed');
  });

  test('given no policy, then https and ssh to any host are allowed, http and file are not', async () => {
    await expect(checkGitUrl('https://host/a/b', {})).resolves.toMatchObject({ host: 'host' });
    await expect(checkGitUrl('ssh://host/a/b', {})).resolves.toMatchObject({ host: 'host' });
    expect((await rejectionOf(checkGitUrl('http://host/a/b', {}))).code).toBe('UrlNotAllowed');
    expect((await rejectionOf(checkGitUrl(`file://${root}/acme/repo.git`, {}))).code).toBe('UrlNotAllowed');
  });

  test('given a URL that a setting does not allow, then the message names the setting', async () => {
    const messageOf = async (url: string, policy: GitUrlPolicy) =>
      (await rejectionOf(checkGitUrl(url, policy))).message;

    expect(await messageOf('http://host/a/b', {})).toContain('TAKO_GIT_SCHEMES');
    expect(await messageOf('https://host/a/b', { hosts: ['git.example.com'] })).toContain('TAKO_GIT_HOSTS');
    expect(await messageOf('file:///a/b', { schemes: ['file'] })).toContain('TAKO_GIT_FILE_ROOT');
  });

  test('given an empty list of hosts, then none is allowed', async () => {
    expect((await rejectionOf(checkGitUrl('https://host/a/b', { hosts: [] }))).message).toContain('none');
  });

  test('given file repositories without a root, then they are refused', async () => {
    const error = await rejectionOf(checkGitUrl(`file://${root}/acme/repo.git`, { schemes: ['file'] }));

    expect(error.code).toBe('UrlNotAllowed');
  });

  test('given a root that is not there, then the error names it', async () => {
    const policy = { schemes: ['file'] as const, fileRoot: `${root}/none` };

    expect((await rejectionOf(checkGitUrl(`file://${root}/acme/repo.git`, policy))).message).toContain('/none');
  });

  test('given a repository below the root, then it comes back with its real path', async () => {
    const policy = { schemes: ['file'] as const, fileRoot: root };

    const direct = await checkGitUrl(`file://${root}/acme/repo.git`, policy);
    const alias = await checkGitUrl(`file://${root}/acme/alias.git`, policy);

    expect(alias.href).toBe(direct.href);
    expect(alias.slug).toBe('acme/alias');
  });

  test.each([
    ['the root itself', () => root],
    ['a directory beside it with the same start', () => `${outside}/secret.git`],
    ['a symbolic link that leads out', () => `${root}/acme/link.git`],
    ['another directory', () => '/etc'],
  ])('given %s, then it is refused', async (_, file) => {
    const error = await rejectionOf(checkGitUrl(`file://${file()}`, { schemes: ['file'], fileRoot: root }));

    expect(error.code).toBe('UrlNotAllowed');
  });

  test.each([
    ['a .git file', async (dir: string) => writeFile(path.join(dir, '.git'), `gitdir: ${outside}`)],
    ['linked objects', async (dir: string) => symlink(outside, path.join(dir, 'objects'))],
    [
      'alternates',
      async (dir: string) => {
        await mkdir(path.join(dir, 'objects/info'), { recursive: true });
        await writeFile(path.join(dir, 'objects/info/alternates'), outside);
      },
    ],
    ['a common directory', async (dir: string) => writeFile(path.join(dir, 'commondir'), outside)],
  ])('given a repository below the root with %s, then it is refused', async (_, spoil) => {
    const directory = await mkdtemp(path.join(root, 'acme', 'spoilt-'));
    await spoil(directory);

    const error = await rejectionOf(checkGitUrl(`file://${directory}`, { schemes: ['file'], fileRoot: root }));

    expect(error.code).toBe('UrlNotAllowed');
  });

  test('given a directory that does not exist, then it is not found', async () => {
    const error = await rejectionOf(checkGitUrl(`file://${root}/acme/none.git`, { schemes: ['file'], fileRoot: root }));

    expect(error.code).toBe('RepositoryNotFound');
  });
});
