import { execFileSync } from 'node:child_process';
import { chmod, chown, lstat, mkdir, mkdtemp, readdir, readFile, readlink, rm, stat } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type GitServer, startGitServer } from '../../test/fixtures/git-server/git-server.mjs';
import {
  type CommitDescription,
  type CreatedRepository,
  createRepository,
  git,
} from '../../test/fixtures/git-server/repositories.mjs';
import { readBlob } from './blob.ts';
import { type CheckoutRequest, checkout } from './checkout.ts';
import type { TagDescription } from './tags.ts';
import { codeOf } from './testing/rejection.ts';
import { parseGitUrl } from './url.ts';

const ABSENT = '1234567890'.repeat(4);

let root: string;
let server: GitServer;
let base: string;
let workTree: string;
let gitDirectory: string;

beforeAll(async () => {
  root = await mkdtemp(path.join(os.tmpdir(), 'tako-checkout-'));
  server = await startGitServer({ root });
});
afterAll(async () => {
  await server.close();
  await rm(root, { recursive: true });
});
beforeEach(async () => {
  base = await mkdtemp(path.join(os.tmpdir(), 'tako-work-'));
  workTree = path.join(base, 'workspace');
  gitDirectory = path.join(base, 'git');
  await mkdir(workTree);
  server.requests.length = 0;
});
afterEach(async () => {
  server.setFault(undefined);
  await rm(base, { recursive: true, force: true });
});

let counter = 0;
async function repository(commits: CommitDescription[]): Promise<CreatedRepository & { name: string }> {
  const name = `acme/r${counter++}.git`;
  return { name, ...(await createRepository(path.join(root, name), { commits })) };
}

function check(
  of: { name: string },
  commit: string | undefined,
  more: Partial<CheckoutRequest> = {},
): Promise<TagDescription> {
  return checkout({
    url: parseGitUrl(`${server.url}/${of.name}`),
    commit: commit ?? '',
    gitDirectory,
    workTree,
    timeoutMs: 20_000,
    ...more,
  });
}

const chain = (length: number, from = 0): CommitDescription[] =>
  Array.from({ length }, (_, index) => ({ message: `c${from + index}`, files: { n: String(from + index) } }));

describe('checkout', () => {
  test('given a commit, then its files are there with their bits, without .git, and the steps may write', async () => {
    const of = await repository([
      {
        files: {
          'tako.yml': 'x\n',
          'src/deep/a.txt': 'a',
          'run.sh': { content: '#!/bin/sh\n', executable: true },
          link: { symlink: 'tako.yml' },
          outside: { symlink: '/etc/passwd' },
          sub: { submodule: ABSENT },
        },
      },
      { files: { later: '1' } },
    ]);
    if (process.getuid?.() === 0) await chown(workTree, 65_532, 2000);
    await chmod(workTree, 0o2775);

    await check(of, of.commits[0]);

    expect((await readdir(workTree)).sort()).toEqual(['link', 'outside', 'run.sh', 'src', 'sub', 'tako.yml']);
    expect((await stat(`${workTree}/tako.yml`)).mode & 0o7777).toBe(0o664);
    expect((await stat(`${workTree}/run.sh`)).mode & 0o7777).toBe(0o775);
    expect((await stat(`${workTree}/src/deep`)).mode & 0o7777).toBe(0o2775);
    expect((await stat(`${workTree}/src/deep/a.txt`)).gid).toBe((await stat(workTree)).gid);
    expect(await readlink(`${workTree}/link`)).toBe('tako.yml');
    expect((await lstat(`${workTree}/outside`)).isSymbolicLink()).toBe(true);
    expect((await stat(`${workTree}/sub`)).isDirectory()).toBe(true);
    expect((await readFile(path.join(gitDirectory, 'HEAD'), 'utf8')).trim()).toBe(of.commits[0]);
  });

  test('given a work tree with files of its own, then what is in the commit wins and the rest stays', async () => {
    const of = await repository([{ files: { a: 'new' } }]);
    await mkdir(`${workTree}/lost+found`);
    await mkdir(`${workTree}/a`);

    await check(of, of.commits[0]);

    expect(await readFile(`${workTree}/a`, 'utf8')).toBe('new');
    expect(await readdir(workTree)).toContain('lost+found');
  });

  test('given line-end attributes, then the blob that the digest is over still has its exact bytes', async () => {
    const of = await repository([{ files: { 'tako.yml': 'a\nb\n', '.gitattributes': '* text eol=crlf\n' } }]);
    const commit = of.commits[0] ?? '';

    await check(of, commit);

    expect(await readFile(`${workTree}/tako.yml`, 'utf8')).toBe('a\r\nb\r\n');
    const blob = await readBlob({ gitDirectory, commit, path: 'tako.yml', maxBytes: 100 });
    expect(blob.toString()).toBe('a\nb\n');
  });

  test('given the Git directory inside the work tree, then it is refused', async () => {
    const of = await repository([{ files: { a: '1' } }]);

    for (const inside of [workTree, `${workTree}/.git`, `${workTree}/../workspace/x`]) {
      await expect(check(of, of.commits[0], { gitDirectory: inside })).rejects.toThrow(/outside the work tree/);
    }
  });

  test.each([
    ['.git/config', '.git/config'],
    ['.GIT in a directory', 'sub/.GIT/hooks/post-checkout'],
    ['the short name of Windows', 'git~1/config'],
    ['.git with characters that macOS ignores', '.g\u200cit/config'],
  ])('given a tree with %s, then it is refused and nothing is written', async (_, file) => {
    const of = await repository([{ files: { [file]: 'x', a: '1' } }]);

    expect(await codeOf(check(of, of.commits[0]))).toBe('UnsafeRepository');
    expect(await readdir(workTree)).toEqual([]);
  });

  test('given a symbolic link where a directory of the same commit would be, then nothing is written through it', async () => {
    const victim = path.join(base, 'victim');
    await mkdir(victim);
    const of = await repository([{ files: { 'a/file': 'x', link: { symlink: victim } } }]);
    const directory = path.join(root, of.name);
    // A tree with both an entry `link` (a link) and entries below link/: git's own commands do not write such a thing.
    const blob = await git(directory, ['hash-object', '-w', '--stdin'], ['evil']);
    const target = await git(directory, ['hash-object', '-w', '--stdin'], [victim]);
    const below = await git(directory, ['mktree'], [`100644 blob ${blob}\tfile\n`]);
    const tree = await git(directory, ['mktree'], [`120000 blob ${target}\tlink\n040000 tree ${below}\tlink\n`]);
    const commit = await git(directory, ['-c', 'user.name=t', '-c', 'user.email=t@t', 'commit-tree', '-m', 'x', tree]);

    expect(await codeOf(check(of, commit))).toMatch(/UnsafeRepository|GitFailed/);
    expect(await readdir(victim)).toEqual([]);
  });

  test('given a commit that the server does not have, then it is not found', async () => {
    const of = await repository([{ files: { a: '1' } }]);

    expect(await codeOf(check(of, ABSENT))).toBe('CommitNotFound');
  });

  test('given a server that hangs, then the time limit holds', async () => {
    const of = await repository([{ files: { a: '1' } }]);
    server.setFault({ kind: 'hang' });

    expect(await codeOf(check(of, of.commits[0], { timeoutMs: 500 }))).toBe('TimedOut');
  });

  test('given a server that is down for a moment, then it is tried again', async () => {
    const of = await repository([{ files: { a: '1' } }]);
    server.setFault({ kind: 'status', status: 502, times: 2 });

    await check(of, of.commits[0]);

    expect(await readFile(`${workTree}/a`, 'utf8')).toBe('1');
  });

  test('given an abort, then its reason is thrown', async () => {
    const of = await repository([{ files: { a: '1' } }]);

    await expect(check(of, of.commits[0], { signal: AbortSignal.abort(new Error('stop')) })).rejects.toThrow('stop');
  });

  test('given a repository of SHA-256 names, then it is checked out', async () => {
    const of = await createRepository(path.join(root, 'acme/long.git'), {
      objectFormat: 'sha256',
      commits: [{ files: { a: 'long' }, tags: ['v1'] }, ...chain(1)],
    });

    expect(await check({ name: 'acme/long.git' }, of.commits[1])).toMatchObject({ tag: 'v1', commitsSinceTag: 1 });
    expect(await readFile(`${workTree}/a`, 'utf8')).toBe('long');
  });
});

describe('the nearest tag', () => {
  test('given a tag on the commit, then it is exact and two round trips each for objects and tags were enough', async () => {
    const of = await repository([{ files: { a: '1' }, tags: ['v1.0.0-rc.1', { name: 'v1.0.0' }] }, ...chain(2)]);

    expect(await check(of, of.commits[0])).toEqual({ tag: 'v1.0.0', commitsSinceTag: 0, describe: 'v1.0.0' });
    expect(server.requests).toHaveLength(4);
  });

  test('given no tags at all, then there is none and no history was fetched', async () => {
    const of = await repository(chain(3));

    expect(await check(of, of.commits[2])).toEqual({});
    expect(server.requests).toHaveLength(4);
  });

  test.each([{}, { tag: 'v1.0.0', describe: 'v1.0.0-2-gabcdef0' }])(
    'given the description %j, then it comes back and the server is not asked for tags',
    async description => {
      const of = await repository([{ files: { a: '1' }, tags: ['v1.2.0'] }, ...chain(3)]);

      expect(await check(of, of.commits[3], { description })).toEqual(description);
      expect(await readFile(`${workTree}/n`, 'utf8')).toBe('2');
      expect(server.requests).toHaveLength(2);
    },
  );

  test('given a tag some commits before, then it is described as git does', async () => {
    const of = await repository([{ files: { a: '1' }, tags: ['v1.2.0'] }, ...chain(3)]);

    const result = await check(of, of.commits[3]);

    expect(result).toEqual({
      tag: 'v1.2.0',
      commitsSinceTag: 3,
      describe: `v1.2.0-3-g${(of.commits[3] ?? '').slice(0, 7)}`,
    });
  });

  test('given a tag that is further back than the first look, then a deeper one finds it', async () => {
    const of = await repository([{ files: { a: '1' }, tags: ['v1.2.0'] }, ...chain(150)]);

    expect(await check(of, of.commits[150])).toMatchObject({ tag: 'v1.2.0', commitsSinceTag: 150 });
  });

  test('given a bound on the history, then nothing beyond it is found', async () => {
    const of = await repository([{ files: { a: '1' }, tags: ['v1.2.0'] }, ...chain(20)]);

    expect(await check(of, of.commits[20], { maxHistory: 10 })).toEqual({});
  });

  test('given a history of 0, then only the commit itself counts', async () => {
    const of = await repository([{ files: { a: '1' }, tags: ['v1.2.0'] }, ...chain(1)]);

    expect(await check(of, of.commits[1], { maxHistory: 0 })).toEqual({});
    expect(server.requests).toHaveLength(4);
  });

  test('given tags on other branches only, then there is none', async () => {
    const of = await repository([...chain(2), { branch: 'side', from: 0, files: { b: '1' }, tags: ['v9.0.0'] }]);

    expect(await check(of, of.commits[1])).toEqual({});
  });

  test.each([
    ['filters', { filter: false }],
    ['the new protocol', { protocol: 0 as const }],
  ])('given a server without %s, then commits that are no tips are checked out and described', async (_, options) => {
    const of = await repository([{ files: { a: '1' }, tags: ['v1.2.0'] }, ...chain(5)]);
    const other = await startGitServer({ root, ...options });

    const result = await check(of, of.commits[3], { url: parseGitUrl(`${other.url}/${of.name}`) });

    expect(result).toMatchObject({ tag: 'v1.2.0', commitsSinceTag: 3 });
    expect(await readFile(`${workTree}/n`, 'utf8')).toBe('2');
    await other.close();
  });

  test('given any history with merges, then the answer is that of git describe in a full clone', async () => {
    const histories = fc.array(
      fc.record({
        branch: fc.constantFrom('main', 'side'),
        merge: fc.boolean(),
        tag: fc.option(fc.constantFrom('v1.0.0', 'v1.1.0', 'v2.0.0', 'v2.0.0-rc.1'), { nil: undefined }),
      }),
      { minLength: 2, maxLength: 10 },
    );
    await fc.assert(
      fc.asyncProperty(histories, async entries => {
        const used = new Set<string>();
        const last = new Map<string, number>();
        const commits = entries.map((entry, index): CommitDescription => {
          const other = last.get(entry.branch === 'main' ? 'side' : 'main');
          const own = last.get(entry.branch);
          const fresh = entry.tag !== undefined && !used.has(entry.tag) ? entry.tag : undefined;
          if (fresh) used.add(fresh);
          last.set(entry.branch, index);
          return {
            branch: entry.branch,
            message: `c${index}`,
            files: { n: String(index) },
            ...(own === undefined && index > 0 ? { from: 0 } : {}),
            ...(entry.merge && other !== undefined && own !== undefined ? { merge: [other] } : {}),
            ...(fresh ? { tags: [fresh] } : {}),
          };
        });
        const of = await repository(commits);
        const commit = of.commits.at(-1) ?? '';
        await rm(base, { recursive: true, force: true });
        await mkdir(workTree, { recursive: true });

        const result = await check(of, commit);

        let expected: string | undefined;
        try {
          const options = {
            cwd: path.join(root, of.name),
            stdio: ['ignore', 'pipe', 'ignore'] as ('ignore' | 'pipe')[],
          };
          expected = execFileSync('git', ['describe', '--tags', '--abbrev=7', commit], options).toString().trim();
        } catch {
          expected = undefined;
        }
        expect(result.describe).toBe(expected);
      }),
      { numRuns: 12 },
    );
  });
});
