import { mkdtemp, readdir, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type GitServer, startGitServer } from '../../../test/fixtures/git-server/git-server.mjs';
import { type HostileServer, startHostileServer } from '../../../test/fixtures/hostile/hostile-server.ts';
import { deepTree, deltaBomb, endless, hugeTree, zeros } from '../../../test/fixtures/hostile/packs.ts';
import {
  createHostileRepository,
  file,
  folder,
  link,
  submodule,
  type Tree,
  treeBomb,
  wideTree,
} from '../../../test/fixtures/hostile/trees.ts';
import { createRepositoryReader, type RepositoryReader } from './reader.ts';

const MIB = 1024 * 1024;
const GOOD: Tree = [['tako.yml', file('version: 1\nworkflows:\n  release: {steps: [echo hi]}\n')]];

let root: string;
let temporaryDirectory: string;
let server: GitServer;
let hostile: HostileServer | undefined;
let reader: RepositoryReader;

beforeAll(async () => {
  root = await mkdtemp(path.join(os.tmpdir(), 'tako-reader-hostile-'));
  temporaryDirectory = await mkdtemp(path.join(os.tmpdir(), 'tako-reader-tmp-'));
  server = await startGitServer({ root });
  reader = createRepositoryReader({ policy: { schemes: ['http'] }, temporaryDirectory });
});
afterAll(async () => {
  await server.close();
  await Promise.all([root, temporaryDirectory].map(directory => rm(directory, { recursive: true })));
});
afterEach(async () => {
  await hostile?.close();
  hostile = undefined;
  // Nothing of a hostile repository is left, and the reader goes on.
  expect(await readdir(temporaryDirectory)).toEqual([]);
});

let counter = 0;
async function load(make: (directory: string) => Promise<string>, filter = true) {
  const name = `acme/r${counter++}.git`;
  const commit = await make(path.join(root, name));
  if (filter) return reader.loadWorkflowFile({ repository: { url: `${server.url}/${name}` }, commit });
  const other = await startGitServer({ root, filter });
  const loaded = reader.loadWorkflowFile({ repository: { url: `${other.url}/${name}` }, commit });
  return loaded.finally(() => other.close());
}

const loadTree = (tree: Tree) => load(directory => createHostileRepository(directory, tree));

describe('a tako.yml', () => {
  test.each([
    ['is a link to a file of the machine', [['tako.yml', link('/etc/passwd')]], 'NotAFile'],
    [
      'is a link to another file',
      [
        ['other.yml', file()],
        ['tako.yml', link('other.yml')],
      ],
      'NotAFile',
    ],
    ['is a link to itself', [['tako.yml', link('tako.yml')]], 'NotAFile'],
    ['is a directory', [['tako.yml', folder([['x', file()]])]], 'NotAFile'],
    ['is a submodule', [['tako.yml', submodule()]], 'NotAFile'],
    ['is a device', [['tako.yml', file('', '60000')]], 'NotAFile'],
    ['has 10 MiB', [['tako.yml', file(Buffer.alloc(10 * MIB))]], 'FileTooLarge'],
    ['has another case', [['TAKO.YML', file()]], 'FileNotFound'],
  ] satisfies [string, Tree, string][])('given one that %s, then it is refused', async (_, tree, code) => {
    await expect(loadTree(tree)).rejects.toMatchObject({ code, message: expect.stringContaining('tako.yml') });
  });

  test('given one of 256 MiB from a server that cannot leave files out, then it is refused without being held in memory', async () => {
    const pack = zeros(256 * MIB, 'tako.yml');
    hostile = await startHostileServer({ pack });

    const loading = reader.loadWorkflowFile({ repository: { url: hostile.url }, commit: pack.commit });

    await expect(loading).rejects.toMatchObject({ code: 'FileTooLarge' });
  });
});

describe('a repository around it', () => {
  // A server of git 2.39 that filters by depth and by size walks such a bomb itself, for ever: the time limit ends that.
  test('given ten thousand million files and no tako.yml, then that is said', async () => {
    await expect(load(directory => treeBomb(directory), false)).rejects.toMatchObject({ code: 'FileNotFound' });
  });

  test('given a directory of 250,000 files and no tako.yml, with filters and without, then that is said', async () => {
    const make = (directory: string) => wideTree(directory, 250_000);
    await expect(load(make)).rejects.toMatchObject({ code: 'FileNotFound' });
    await expect(load(make, false)).rejects.toMatchObject({ code: 'FileNotFound' });
  });

  test.each([
    ['a delta that makes 2 GiB', deltaBomb(128)],
    ['a tree that says it has 2 TiB', hugeTree()],
  ])('given %s, then git stops at the memory that it may have', async (_, pack) => {
    hostile = await startHostileServer({ pack });

    const loading = reader.loadWorkflowFile({ repository: { url: hostile.url }, commit: pack.commit });

    await expect(loading).rejects.toMatchObject({
      code: 'RepositoryTooLarge',
      class: 'invalid',
      message: expect.stringContaining('48 MiB of memory'),
    });
  });

  test('given 10,000 directories in one another, then there is no tako.yml', async () => {
    const pack = deepTree(10_000);
    hostile = await startHostileServer({ pack });

    const loading = reader.loadWorkflowFile({ repository: { url: hostile.url }, commit: pack.commit });

    await expect(loading).rejects.toMatchObject({ code: 'FileNotFound' });
  });

  test('given servers that send for ever, more than are read at once, then a good repository is read all the same', async () => {
    const pack = endless({ compressed: true });
    hostile = await startHostileServer({ pack });
    const { url } = hostile;
    const hasty = createRepositoryReader({ policy: { schemes: ['http'] }, temporaryDirectory, timeoutMs: 6_000 });
    const commit = await createHostileRepository(path.join(root, 'acme/good.git'), GOOD);

    const endlessReads = Array.from({ length: 20 }, (_, index) =>
      hasty.loadWorkflowFile({ repository: { url, path: `${index}.yml` }, commit: pack.commit }),
    );
    const good = hasty.loadWorkflowFile({ repository: { url: `${server.url}/acme/good.git` }, commit });

    const ended = await Promise.allSettled(endlessReads);
    expect(new Set(ended.map(result => (result.status === 'rejected' ? result.reason.code : 'read')))).toEqual(
      new Set(['TimedOut']),
    );
    await expect(good).resolves.toHaveProperty('digest');
  });
});
