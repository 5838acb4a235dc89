import { randomBytes } from 'node:crypto';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { addCommits } from '../../test/fixtures/git-server/repositories.mjs';
import { readBlob } from '../git/blob.ts';
import { DEFAULT_TREE_LIMITS } from '../git/inspect-tree.ts';
import { formatManifest, parseManifest } from './manifest.ts';
import { createWorld, type ServedRepository, type World } from './testing/world.ts';
import { verifyGeneration } from './verify.ts';

let world: World;
beforeEach(async () => {
  world = await createWorld();
});
afterEach(() => world.close());

const published = (of: ServedRepository) => world.lockState(of).published;
const entries = async (of: ServedRepository) => (await readdir(world.entryOf(of))).sort();

async function manifestOf(of: ServedRepository) {
  const text = await readFile(`${world.entryOf(of)}/gen-${published(of)?.fence}/manifest.json`, 'utf8');
  return parseManifest(text)!;
}

async function problemsOf(of: ServedRepository): Promise<string[]> {
  const { fence } = published(of)!;
  return verifyGeneration(`${world.entryOf(of)}/gen-${fence}`, { url: of.url, fence });
}

/** All files of the volume, with their paths from its root. */
async function volumeFiles(): Promise<string[]> {
  const all = await readdir(world.root, { recursive: true, withFileTypes: true });
  return all.filter(entry => entry.isFile()).map(entry => path.join(entry.parentPath, entry.name));
}

describe('a checkout by way of the cache', () => {
  test('given a cold cache, then the commit is fetched, published and checked out', async () => {
    const of = await world.repository([{ files: { a: '1' }, tags: ['v1'] }]);

    const { use, description, workTree } = await world.run(of, 0);

    expect(use.result).toBe('miss');
    expect(use.fetchedBytes).toBeGreaterThan(0);
    expect(description).toEqual({ tag: 'v1', commitsSinceTag: 0, describe: 'v1' });
    expect(await readdir(workTree)).toEqual(['a']);
    expect(published(of)).toMatchObject({ fence: 1, commits: of.commits });
    expect(await entries(of)).toEqual(['gen-1', 'url', 'used']);
    expect(await problemsOf(of)).toEqual([]);
    expect((await manifestOf(of)).commits).toEqual([{ commit: of.commits[0], files: 1, bytes: 1 }]);
    expect(world.lockState(of).holders).toEqual([]);
    expect(world.logged).toEqual([]);
  });

  test('given the commit in the cache, then the server is asked for nothing but its tags', async () => {
    const of = await world.repository([{ files: { a: '1', 'tako.yml': 'x' }, tags: ['v1'] }]);
    await world.run(of, 0);
    world.server.requests.length = 0;

    const { use, description, workTree, gitDirectory } = await world.run(of, 0);

    expect(use).toEqual({ result: 'hit', fetchedBytes: 0 });
    expect(description).toMatchObject({ tag: 'v1' });
    expect(await readFile(`${workTree}/a`, 'utf8')).toBe('1');
    expect(world.server.requests).toHaveLength(2);
    expect(world.lockState(of).holders).toEqual([]);
    const blob = await readBlob({ gitDirectory, commit: of.commits[0]!, path: 'tako.yml', maxBytes: 10 });
    expect(blob.toString()).toBe('x');
  });

  test('given a later commit, then only what is new comes, and the generation before is gone', async () => {
    const large = randomBytes(500_000);
    const of = await world.repository([{ files: { large } }, { files: { b: '2' } }, { files: { b: '3' } }]);
    await world.run(of, 0);
    world.server.requests.length = 0;

    const second = await world.run(of, 1);
    const third = await world.run(of, 2);

    expect(second.use.result).toBe('miss');
    expect(second.use.fetchedBytes).toBeLessThan(50_000);
    expect(third.use.fetchedBytes).toBeLessThan(50_000);
    expect(world.server.requests.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThan(50_000);
    expect((await readFile(`${third.workTree}/large`)).equals(large)).toBe(true);
    expect(await readFile(`${third.workTree}/b`, 'utf8')).toBe('3');
    expect(published(of)).toMatchObject({ fence: 3, commits: of.commits });
    expect(await entries(of)).toEqual(['gen-3', 'url', 'used']);
    expect(await problemsOf(of)).toEqual([]);
    expect((await world.run(of, 0)).use.result).toBe('hit');
    expect((await world.run(of, 1)).use.result).toBe('hit');
  });

  test('given an earlier commit than the cached one, then both are there', async () => {
    const of = await world.repository([{ files: { a: '1' } }, { files: { a: '2' } }]);
    await world.run(of, 1);

    const { use, workTree } = await world.run(of, 0);

    expect(use.result).toBe('miss');
    expect(await readFile(`${workTree}/a`, 'utf8')).toBe('1');
    expect(published(of)?.commits).toEqual([of.commits[1], of.commits[0]]);
    expect(await problemsOf(of)).toEqual([]);
  });

  test('given twenty runs at once, then one of them fetches', async () => {
    const of = await world.repository([{ files: { a: '1' } }]);

    const all = await Promise.all(Array.from({ length: 20 }, () => world.run(of, 0)));

    expect(all.map(({ use }) => use.result).sort()).toEqual([...Array(19).fill('hit'), 'miss']);
    for (const { workTree } of all) expect(await readFile(`${workTree}/a`, 'utf8')).toBe('1');
    expect(new Set(all.map(({ workTree }) => workTree)).size).toBe(20);
  });

  test('given a tag some commits before, then a hit is described like a plain checkout', async () => {
    const of = await world.repository([
      { files: { a: '1' }, tags: ['v1.2.0'] },
      { files: { a: '2' } },
      { files: { a: '3' } },
    ]);
    const describe = `v1.2.0-2-g${of.commits[2]!.slice(0, 7)}`;
    await world.run(of, 0);

    expect((await world.run(of, 2)).description).toMatchObject({ describe });
    const hit = await world.run(of, 2);
    expect(hit.use.result).toBe('hit');
    expect(hit.description).toEqual({ tag: 'v1.2.0', commitsSinceTag: 2, describe });
  });

  test('given a description, then it comes back, and a hit asks the server all the same', async () => {
    const of = await world.repository([{ files: { a: '1' } }]);
    await world.run(of, 0);
    world.server.requests.length = 0;

    const { description, use } = await world.run(of, 0, { description: { tag: 'v9' } });

    expect(description).toEqual({ tag: 'v9' });
    expect(use.result).toBe('hit');
    expect(world.server.requests).toHaveLength(2);
  });

  test('given a repository of SHA-256 names, then it is cached as well', async () => {
    const of = await world.repository([{ files: { a: '1' } }, { files: { a: '2' } }], { objectFormat: 'sha256' });
    await world.run(of, 0);

    expect((await world.run(of, 1)).use.result).toBe('miss');
    expect((await world.run(of, 1)).use.result).toBe('hit');
    expect(await problemsOf(of)).toEqual([]);
  });

  test('given a server that only gives out what its references point to, then any commit is cached with its history', async () => {
    const old = await createWorld({ protocol: 0 });
    try {
      const of = await old.repository([
        { files: { a: '1' }, tags: ['v1'] },
        { files: { a: '2' } },
        { files: { a: '3' } },
      ]);
      const expected = { tag: 'v1', commitsSinceTag: 1 };

      expect((await old.run(of, 1)).description).toMatchObject(expected);
      const hit = await old.run(of, 1);
      expect(hit.use.result).toBe('hit');
      expect(hit.description).toMatchObject(expected);
      expect(await readFile(`${hit.workTree}/a`, 'utf8')).toBe('2');
      expect((await old.run(of, 2)).use.result).toBe('miss');
    } finally {
      await old.close();
    }
  });

  test('given as many commits as are kept, then the next one starts anew', async () => {
    const of = await world.repository([{ files: { a: '1' } }, { files: { a: '2' } }]);
    await world.run(of, 0);
    const manifest = await manifestOf(of);
    const commits = Array.from({ length: 50 }, () => manifest.commits[0]!);
    await writeFile(`${world.entryOf(of)}/gen-1/manifest.json`, formatManifest({ ...manifest, commits }));

    expect((await world.run(of, 1)).use.result).toBe('miss');

    expect(published(of)?.commits).toEqual([of.commits[1]]);
    const { files } = await manifestOf(of);
    expect(files.filter(({ path: name }) => name.endsWith('.pack'))).toHaveLength(1);
    expect(await problemsOf(of)).toEqual([]);
  });
});

describe('what is cached and what is a run of its own', () => {
  test('given a step that writes to its workspace, then nothing of the cache changes', async () => {
    const of = await world.repository([{ files: { a: 'clean', 'run.sh': { content: 'x', executable: true } } }]);
    await world.run(of, 0);
    const inodes = new Set(await Promise.all((await volumeFiles()).map(async file => (await stat(file)).ino)));

    const first = await world.run(of, 0);
    for (const directory of [first.workTree, first.gitDirectory]) {
      for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
        if (!entry.isFile()) continue;
        const file = path.join(entry.parentPath, entry.name);
        expect(inodes).not.toContain((await stat(file)).ino);
        expect((await stat(file)).nlink).toBe(1);
      }
    }
    await writeFile(`${first.workTree}/a`, 'dirty');
    await writeFile(`${first.workTree}/new`, 'dirty');

    const second = await world.run(of, 0);
    expect(second.use.result).toBe('hit');
    expect((await readdir(second.workTree)).sort()).toEqual(['a', 'run.sh']);
    expect(await readFile(`${second.workTree}/a`, 'utf8')).toBe('clean');
    expect(await problemsOf(of)).toEqual([]);
  });

  test('given a hit, then nothing on the volume changes but the time of use', async () => {
    const of = await world.repository([{ files: { a: '1' } }]);
    await world.run(of, 0);
    const facts = async () =>
      Promise.all(
        (await volumeFiles()).map(async file => {
          const { ino, size, mtimeMs } = await stat(file, { bigint: false });
          return [path.basename(file), ino, size, path.basename(file) === 'used' ? 0 : mtimeMs];
        }),
      );
    const before = await facts();
    const usedBefore = (await stat(`${world.entryOf(of)}/used`)).mtimeMs;

    await world.run(of, 0);

    expect(await facts()).toEqual(before);
    expect((await stat(`${world.entryOf(of)}/used`)).mtimeMs).toBeGreaterThan(usedBefore);
  });

  test('given credentials, then nothing of them is on the volume', async () => {
    const of = await world.repository([{ files: { a: '1' } }, { files: { a: '2' } }]);
    world.server.setCredentials({ username: 'robot', password: 'hunter2-hunter2' });
    const credentials = { values: { username: 'robot', password: 'hunter2-hunter2' } };

    await world.run(of, 0, { credentials });
    await world.run(of, 1, { credentials });
    await world.run(of, 1, { credentials });

    const secrets = ['hunter2', Buffer.from('robot:hunter2-hunter2').toString('base64').slice(0, 16), 'robot'];
    for (const file of await volumeFiles()) {
      const content = (await readFile(file)).toString('latin1');
      for (const secret of secrets) expect(content.includes(secret), file).toBe(false);
    }
    expect(JSON.stringify(world.lockState(of))).not.toContain('hunter2');
  });

  test('given a cached commit and credentials that are not good, then it is refused', async () => {
    const of = await world.repository([{ files: { a: '1' } }]);
    await world.run(of, 0);
    world.server.setCredentials({ username: 'robot', password: 'new' });

    for (const credentials of [undefined, { values: { username: 'robot', password: 'old' } }]) {
      const refused = world.run(of, 0, { credentials });
      await expect(refused).rejects.toMatchObject({ name: 'GitError', code: 'AuthenticationFailed' });
    }
    expect(world.lockState(of).holders).toEqual([]);
  });

  test('given a cached commit of a repository that is gone, then it is refused', async () => {
    const of = await world.repository([{ files: { a: '1' } }]);
    await world.run(of, 0);
    world.server.setFault({ kind: 'status', status: 404 });

    await expect(world.run(of, 0)).rejects.toMatchObject({ code: 'RepositoryNotFound' });
  });

  test('given two spellings of an address, then they share nothing', async () => {
    const of = await world.repository([{ files: { a: '1' } }]);
    await world.run(of, 0);
    const other = { ...of, url: `${of.url}/` };

    expect(world.entryOf(other)).toBe(world.entryOf(of));
    expect(world.entryOf({ url: of.url.replace(/\.git$/, '') })).not.toBe(world.entryOf(of));
  });
});

describe('a commit beyond the limits of a tree', () => {
  test('given it is not cached, then it is refused as without a cache, and not cached either', async () => {
    const of = await world.repository([{ files: { a: 'x'.repeat(1000) } }]);

    const refused = world.run(of, 0, { limits: { bytes: 999 } });

    await expect(refused).rejects.toMatchObject({ code: 'RepositoryTooLarge' });
    expect(published(of)).toBeUndefined();
    expect(await entries(of)).toEqual(['url']);
    expect(world.lockState(of).holders).toEqual([]);
  });

  test('given it is cached and the limit is lower now, then it is refused', async () => {
    const of = await world.repository([{ files: { a: 'x'.repeat(1000) } }]);
    await world.run(of, 0, { limits: DEFAULT_TREE_LIMITS });

    await expect(world.run(of, 0, { limits: { bytes: 999 } })).rejects.toMatchObject({ code: 'RepositoryTooLarge' });
  });

  test('given what a server sends is refused by fsck, then nothing of it is cached', async () => {
    const of = await world.repository([{ files: { a: '1' } }, { files: { '.git/config': 'x' } }]);
    await world.run(of, 0);

    await expect(world.run(of, 1)).rejects.toMatchObject({ code: 'UnsafeRepository' });

    expect(published(of)?.commits).toEqual([of.commits[0]]);
    expect(await entries(of)).toEqual(['gen-1', 'url', 'used']);
  });

  test('given later commits on the branch, then each run has its own', async () => {
    const of = await world.repository([{ files: { a: '1' } }]);
    await world.run(of, 0);
    const more = await addCommits(path.join(path.dirname(world.root), 'served', of.name), [{ files: { a: '2' } }]);

    const { workTree } = await world.run({ ...of, commits: more.commits }, 0);

    expect(await readFile(`${workTree}/a`, 'utf8')).toBe('2');
  });
});
