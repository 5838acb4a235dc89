import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type GitServer, type GitServerOptions, startGitServer } from '../../test/fixtures/git-server/git-server.mjs';
import { type CreatedRepository, createRepository } from '../../test/fixtures/git-server/repositories.mjs';
import { parseRefs, type ReadFileRequest, readFileAt, resolveRef } from './remote.ts';
import { codeOf } from './testing/rejection.ts';
import { checkGitUrl, type GitUrl, parseGitUrl } from './url.ts';

const MIB = 1024 * 1024;
const ABSENT = '1234567890'.repeat(4);

let root: string;
let temporary: string;
let repository: CreatedRepository;
let server: GitServer;
let url: GitUrl;

beforeAll(async () => {
  root = await mkdtemp(path.join(os.tmpdir(), 'tako-remote-'));
  temporary = await mkdtemp(path.join(os.tmpdir(), 'tako-remote-tmp-'));
  repository = await createRepository(path.join(root, 'acme/repo.git'), {
    commits: [
      {
        message: 'first',
        files: {
          'tako.yml': 'first\n',
          'ci/tako/tako.yml': 'nested\n',
          'a/copy.yml': 'twice\n',
          'twice.yml': 'twice\n',
          'large.yml': Buffer.alloc(10 * MIB, 'x'),
          'limit.yml': Buffer.alloc(MIB, 'x'),
          'over.yml': Buffer.alloc(MIB + 1, 'x'),
          'empty.yml': '',
          'run.sh': { content: '#!/bin/sh\n', executable: true },
          'link.yml': { symlink: 'tako.yml' },
          'passwd.yml': { symlink: '/etc/passwd' },
          'linked-dir': { symlink: 'ci' },
          'sub.yml': { submodule: ABSENT },
          '.gitattributes': '* text eol=crlf\n',
        },
        tags: ['light', { name: 'annotated' }, 'both'],
      },
      { message: 'second', files: { 'tako.yml': 'second\n' } },
      { message: 'side', branch: 'feature/x', from: 0, files: { 'tako.yml': 'side\n' } },
      { message: 'ambiguous', branch: 'both', from: 0, files: { 'tako.yml': 'branch both\n' } },
      { message: 'newest', files: { 'tako.yml': 'newest\n' } },
    ],
  });
  server = await startGitServer({ root });
  url = parseGitUrl(`${server.url}/acme/repo.git`);
});
afterAll(async () => {
  await server.close();
  await rm(root, { recursive: true });
  await rm(temporary, { recursive: true });
});
afterEach(() => {
  server.requests.length = 0;
});

const commit = (index: number) => repository.commits[index] ?? '';

async function withServer<T>(options: Partial<GitServerOptions>, work: (of: GitUrl) => Promise<T>): Promise<T> {
  const other = await startGitServer({ root, ...options });
  try {
    return await work(parseGitUrl(`${other.url}/acme/repo.git`));
  } finally {
    await other.close();
  }
}

describe('resolveRef', () => {
  test.each([
    ['nothing', undefined, 4, 'refs/heads/main'],
    ['a branch', { branch: 'feature/x' }, 2, 'refs/heads/feature/x'],
    ['a lightweight tag', { tag: 'light' }, 0, 'refs/tags/light'],
    ['an annotated tag', { tag: 'annotated' }, 0, 'refs/tags/annotated'],
    ['a text that is a branch', 'main', 4, 'refs/heads/main'],
    ['a text that is a tag', 'annotated', 0, 'refs/tags/annotated'],
    ['a text that is both', 'both', 0, 'refs/tags/both'],
    ['a branch with the name of a tag', { branch: 'both' }, 3, 'refs/heads/both'],
    ['a full name', 'refs/heads/main', 4, 'refs/heads/main'],
  ] as const)('given %s, then it is its commit', async (_, ref, index, name) => {
    expect(await resolveRef(url, ref)).toMatchObject({ commit: commit(index), ref: name });
  });

  test.each([
    ['a commit with tags', { tag: 'light' }, { tag: 'annotated', commitsSinceTag: 0, describe: 'annotated' }],
    ['a commit after tagged ones, whose history it would take', { branch: 'main' }, undefined],
    ['a default branch after tagged commits', undefined, undefined],
  ])('given %s, then the description is %3$j', async (_, ref, expected) => {
    expect((await resolveRef(url, ref)).description).toEqual(expected);
  });

  test.each([
    ['the default branch', undefined],
    ['a branch', 'main'],
  ])(
    'given %s of a repository without tags, then it is known that there is none, with the same two requests',
    async (_, ref) => {
      const name = `acme/untagged-${ref ?? 'head'}.git`;
      await createRepository(path.join(root, name), { commits: [{ files: { a: '1' } }] });

      expect((await resolveRef(parseGitUrl(`${server.url}/${name}`), ref)).description).toEqual({});
      expect(server.requests).toHaveLength(2);
    },
  );

  test('given a commit, then it comes back without a request', async () => {
    expect(await resolveRef(url, { commit: ABSENT })).toEqual({ commit: ABSENT });
    expect(await resolveRef(url, ABSENT)).toEqual({ commit: ABSENT });
    expect(server.requests).toEqual([]);
  });

  test.each([{ branch: 'none' }, { tag: 'main' }, 'none', 'refs/heads/mai'])(
    'given %j, then there is no such reference',
    async ref => {
      expect(await codeOf(resolveRef(url, ref))).toBe('RefNotFound');
    },
  );

  test.each([
    [{ branch: 'none' }, / spec\.ref/],
    ['none', /spec\.workflow\.ref/],
  ])('given %j, which is not there, then the message names the field that it comes from', async (ref, field) => {
    await expect(resolveRef(url, ref)).rejects.toThrow(field);
  });

  test('given an empty repository, then the error says that it has no commit', async () => {
    await createRepository(path.join(root, 'acme/empty.git'));

    await expect(resolveRef(parseGitUrl(`${server.url}/acme/empty.git`), undefined)).rejects.toThrow(/default branch/);
  });

  test('given a repository that does not exist, then it is not found', async () => {
    expect(await codeOf(resolveRef(parseGitUrl(`${server.url}/acme/none.git`), 'main'))).toBe('RepositoryNotFound');
  });

  test('given a repository of SHA-256 names, then they are found and read', async () => {
    const long = await createRepository(path.join(root, 'acme/long.git'), {
      objectFormat: 'sha256',
      commits: [{ files: { 'tako.yml': 'long\n' } }],
    });
    const of = parseGitUrl(`${server.url}/acme/long.git`);

    const resolved = await resolveRef(of, undefined);
    const text = await readFileAt({ url: of, commit: resolved.commit, path: 'tako.yml', maxBytes: MIB });

    expect(resolved.commit).toBe(long.commits[0]);
    expect(resolved.commit).toHaveLength(64);
    expect(text.toString()).toBe('long\n');
  });

  test('given a server of the old protocol, then references are found as well', async () => {
    await withServer({ protocol: 0 }, async of => {
      expect(await resolveRef(of, undefined)).toEqual({ commit: commit(4), ref: 'refs/heads/main' });
      expect(await resolveRef(of, { tag: 'annotated' })).toMatchObject({ commit: commit(0) });
    });
  });

  test('given a file URL below the root, then it is read, whoever owns it', async () => {
    const local = await checkGitUrl(`file://${root}/acme/repo.git`, { schemes: ['file'], fileRoot: root });

    expect(await resolveRef(local, 'main')).toMatchObject({ commit: commit(4) });
    const file = await readFileAt({ url: local, commit: commit(0), path: 'tako.yml', maxBytes: MIB });
    expect(file.toString()).toBe('first\n');
  });
});

describe('parseRefs', () => {
  test('given lines of other forms, then they are left out', () => {
    const { commits, head } = parseRefs(`ref: refs/heads/x\tHEAD\n${ABSENT}\tHEAD\nrubbish\nshort\trefs/heads/y\n`);

    expect(head).toBe('refs/heads/x');
    expect([...commits.keys()]).toEqual(['HEAD']);
  });
});

describe('readFileAt', () => {
  const read = (request: Partial<ReadFileRequest>) =>
    readFileAt({ url, commit: commit(0), path: 'tako.yml', maxBytes: MIB, temporaryDirectory: temporary, ...request });

  test.each([
    ['a file', {}, 'first\n'],
    ['a file in a directory', { path: 'ci/tako/tako.yml' }, 'nested\n'],
    ['a file whose content also stands deeper in the tree', { path: 'twice.yml' }, 'twice\n'],
    ['an empty file', { path: 'empty.yml' }, ''],
    ['an executable file', { path: 'run.sh' }, '#!/bin/sh\n'],
    ['a file of exactly the bound', { path: 'limit.yml' }, 'x'.repeat(MIB)],
  ])('given %s, then its exact bytes come back', async (_, request, expected) => {
    expect((await read(request)).toString() === expected).toBe(true);
  });

  test('given a commit that is no tip, then it is read as well', async () => {
    expect((await read({ commit: commit(1) })).toString()).toBe('second\n');
    expect((await read({ commit: commit(0) })).toString()).toBe('first\n');
  });

  test.each([
    ['an absent file', 'FileNotFound', { path: 'none.yml' }],
    ['a file in an absent directory', 'FileNotFound', { path: 'none/tako.yml' }],
    ['a file below a file', 'FileNotFound', { path: 'tako.yml/x' }],
    ['a directory', 'NotAFile', { path: 'ci' }],
    ['a symbolic link', 'NotAFile', { path: 'link.yml' }],
    ['a symbolic link that leads out', 'NotAFile', { path: 'passwd.yml' }],
    ['a file below a symbolic link', 'FileNotFound', { path: 'linked-dir/tako/tako.yml' }],
    ['a submodule', 'NotAFile', { path: 'sub.yml' }],
    ['a file of 10 MiB', 'FileTooLarge', { path: 'large.yml' }],
    ['a file of one byte more than the bound', 'FileTooLarge', { path: 'over.yml' }],
    ['a commit that is not there', 'CommitNotFound', { commit: ABSENT }],
    ['a short commit', 'InvalidRef', { commit: 'abcdef' }],
    ['a path up', 'InvalidPath', { path: '../tako.yml' }],
    ['an absolute path', 'InvalidPath', { path: '/etc/passwd' }],
    ['a path with a NUL', 'InvalidPath', { path: 'a\0b' }],
    ['a path into .git', 'InvalidPath', { path: '.git/config' }],
    ['an option', 'InvalidPath', { path: 'a b --x' }],
  ] as const)('given %s, then it is %s', async (_, code, request) => {
    expect(await codeOf(read(request))).toBe(code);
  });

  test('given a read that ended well or badly, then nothing is left behind', async () => {
    await read({});
    await codeOf(read({ path: 'none.yml' }));
    await codeOf(read({ commit: ABSENT }));

    expect(await readdir(temporary)).toEqual([]);
  });

  test.each([
    ['no filters', { filter: false }],
    ['no tree filters', { config: { 'uploadpackfilter.tree.allow': 'false' } }],
    ['no filters of any kind, but says it has', { config: { 'uploadpackfilter.allow': 'false' } }],
    ['the old protocol', { protocol: 0 }],
    ['the old protocol and no filters', { protocol: 0, filter: false }],
  ] satisfies [string, Partial<GitServerOptions>][])(
    'given a server with %s, then commits, tips or not, are read and bounds hold',
    async (_, options) => {
      await withServer(options, async of => {
        expect((await read({ url: of, commit: commit(4) })).toString()).toBe('newest\n');
        expect((await read({ url: of, commit: commit(2) })).toString()).toBe('side\n');
        expect((await read({ url: of, commit: commit(1) })).toString()).toBe('second\n');
        expect(await codeOf(read({ url: of, path: 'large.yml' }))).toBe('FileTooLarge');
        expect(await codeOf(read({ url: of, commit: ABSENT }))).toBe('CommitNotFound');
      });
    },
  );

  test('given a server that sends more than the bound, then it is cut off', async () => {
    await createRepository(path.join(root, 'acme/huge.git'), {
      commits: [{ files: { 'tako.yml': 'x', noise: randomBytes(4 * MIB) } }],
    });
    await withServer({ filter: false }, async of => {
      const huge = parseGitUrl(of.href.replace('repo.git', 'huge.git'));
      const { commit: head } = await resolveRef(huge, 'main');

      expect(await codeOf(read({ url: huge, commit: head, maxFetchBytes: MIB }))).toBe('RepositoryTooLarge');
    });
  });

  test('given many reads at once, then each gets its own', async () => {
    const texts = await Promise.all(
      Array.from({ length: 6 }, (_, index) => read({ commit: commit(index % 3) }).then(String)),
    );

    expect(texts).toEqual(['first\n', 'second\n', 'side\n', 'first\n', 'second\n', 'side\n']);
  });
});
