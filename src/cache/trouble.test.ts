import { chmod, cp, mkdir, open, readdir, readFile, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { until } from '../../test/fixtures/until.ts';
import { type CacheLock, type CacheLocks, LockLostError } from './locks.ts';
import { formatManifest, parseManifest } from './manifest.ts';
import { createWorld, type ServedRepository, type World } from './testing/world.ts';
import { verifyGeneration } from './verify.ts';

let world: World;
let of: ServedRepository;
beforeEach(async () => {
  world = await createWorld();
  of = await world.repository([{ files: { a: 'first' } }, { files: { a: 'second' } }, { files: { a: 'third' } }]);
});
afterEach(() => world.close());

const CONTENT = ['first', 'second', 'third'];
const generation = (fence: number) => `${world.entryOf(of)}/gen-${fence}`;
const published = () => world.lockState(of).published;
const generations = async () => (await readdir(world.entryOf(of))).filter(name => /^(gen|tmp)-/.test(name)).sort();

async function packOf(fence: number, extension: string): Promise<string> {
  const packs = `${generation(fence)}/git/objects/pack`;
  const name = (await readdir(packs)).find(file => file.endsWith(extension))!;
  return path.join(packs, name);
}

/** A run, whose work tree must be right however it came about. */
async function run(commit: number, options?: Parameters<World['run']>[2]) {
  const result = await world.run(of, commit, options);
  expect(await readFile(`${result.workTree}/a`, 'utf8')).toBe(CONTENT[commit]);
  expect(world.lockState(of).holders).toEqual([]);
  return result;
}

const DAMAGE: [string, () => Promise<void>][] = [
  [
    'a bit that flipped in a pack',
    async () => {
      const file = await packOf(1, '.pack');
      await chmod(file, 0o644);
      const handle = await open(file, 'r+');
      const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, 20);
      await handle.write(Buffer.from([buffer[0]! ^ 1]), 0, 1, 20);
      await handle.close();
    },
  ],
  ['a pack that was cut off', async () => truncate(await packOf(1, '.pack'), 30)],
  ['an index that is empty', async () => truncate(await packOf(1, '.idx'), 0)],
  ['a pack that is missing', async () => rm(await packOf(1, '.pack'))],
  ['a directory in place of a pack', async () => replace(await packOf(1, '.pack'), file => mkdir(file))],
  [
    'a symbolic link in place of a pack',
    async () => replace(await packOf(1, '.pack'), file => symlink('/etc/passwd', file)),
  ],
  ['a manifest that is missing', () => rm(`${generation(1)}/manifest.json`)],
  ['a manifest that is empty', () => truncate(`${generation(1)}/manifest.json`)],
  ['a manifest that is no JSON', () => writeFile(`${generation(1)}/manifest.json`, 'x')],
  ['a manifest of many bytes', () => writeFile(`${generation(1)}/manifest.json`, Buffer.alloc(2 * 1024 * 1024, ' '))],
  ['the manifest of another generation', () => changeManifest({ fence: 7 })],
  ['the manifest of another repository', () => changeManifest({ url: 'https://git.example.com/other/app.git' })],
  ['a manifest without the commit', () => changeManifest({ commits: [] })],
  ['a generation that is missing', () => rm(generation(1), { recursive: true })],
  ['an entry that is missing', () => rm(world.entryOf(of), { recursive: true })],
];

async function replace(file: string, make: (file: string) => Promise<unknown>): Promise<void> {
  await rm(file);
  await make(file);
}

async function changeManifest(part: object): Promise<void> {
  const file = `${generation(1)}/manifest.json`;
  const manifest = parseManifest(await readFile(file, 'utf8'))!;
  await writeFile(file, formatManifest({ ...manifest, ...part }));
}

describe('a generation that is broken', () => {
  test.each(DAMAGE)('given %s, then it is found, and built anew', async (_, damage) => {
    await run(0);
    await damage();
    expect(await verifyGeneration(generation(1), { url: of.url, ...published()! })).not.toEqual([]);

    expect((await run(0)).use.result).toBe('rebuilt');

    expect(published()?.fence).toBeGreaterThan(1);
    expect(await generations()).toEqual([`gen-${published()?.fence}`]);
    expect(await verifyGeneration(generation(published()!.fence), { url: of.url, ...published()! })).toEqual([]);
    expect((await run(0)).use.result).toBe('hit');
  });

  test.each(DAMAGE.slice(0, 4))('given %s, then a later commit is not put on top of it', async (_, damage) => {
    await run(0);
    await damage();

    expect((await run(1)).use.result).toBe('rebuilt');

    expect(await verifyGeneration(generation(2), { url: of.url, ...published()! })).toEqual([]);
  });

  test('given ten runs that find it broken at once, then one builds it anew', async () => {
    await run(0);
    await truncate(await packOf(1, '.pack'), 30);

    const results = await Promise.all(Array.from({ length: 10 }, () => world.run(of, 0)));

    const counts = Object.groupBy(results, ({ use }) => use.result);
    expect(counts.rebuilt).toHaveLength(1);
    expect(counts.hit).toHaveLength(9);
  });

  test('given objects that are damaged under checksums that are right, then the run goes without the cache and fsck says so', async () => {
    await run(0);
    const file = await packOf(1, '.pack');
    await chmod(file, 0o644);
    await writeFile(file, 'no pack');
    const { factsOf } = await import('./files.ts');
    const facts = await factsOf(file);
    const manifest = parseManifest(await readFile(`${generation(1)}/manifest.json`, 'utf8'))!;
    await changeManifest({
      files: manifest.files.map(one => (one.path.endsWith('.pack') ? { ...one, ...facts } : one)),
    });

    expect((await run(0)).use.result).toBe('bypassed');
    expect(await verifyGeneration(generation(1), { url: of.url, fence: 1 })).not.toEqual([]);
  });
});

describe('a check that cannot be finished', () => {
  test('given git may not have the memory for it, then that is no fault of the copy', async () => {
    const large = await world.repository([{ files: { large: 'x'.repeat(7 * 1024 * 1024) } }]);
    await world.run(large, 0);
    const directory = `${world.entryOf(large)}/gen-1`;

    const checked = verifyGeneration(directory, { url: large.url, fence: 1 }, { memoryBytes: 6 * 1024 * 1024 });

    await expect(checked).rejects.toMatchObject({ code: 'RepositoryTooLarge' });
    expect(await verifyGeneration(directory, { url: large.url, fence: 1 })).toEqual([]);
  });
});

describe('a volume that cannot be used', () => {
  test.each([
    ['a file in its place', async (root: string) => writeFile(root, '')],
    ['a link to itself in its place', async (root: string) => symlink(root, root)],
  ])('given %s, then the run goes without, and says so', async (_, make) => {
    await rm(world.root, { recursive: true });
    await make(world.root);

    expect((await run(0)).use).toEqual({ result: 'bypassed', fetchedBytes: 0 });
    expect(world.logged.map(({ message }) => message)).toEqual(['the cache cannot be used: checking out without it']);
  });

  test('given a volume that went away, then it is made anew', async () => {
    await rm(world.root, { recursive: true });

    expect((await run(0)).use.result).toBe('miss');
  });
});

/** Locks whose holder is told when it has one, and may be stopped there. */
function watched(
  locks: CacheLocks,
  onLock: (lock: CacheLock, lose: () => void) => Partial<CacheLock> | undefined,
): CacheLocks {
  return {
    async acquire(...args) {
      const lock = (await locks.acquire(...args))!;
      const lost = new AbortController();
      const changed = onLock(lock, () => lost.abort(new LockLostError('taken away')));
      const properties = Object.entries({ lost: lost.signal, ...changed }).map(([name, value]) => [name, { value }]);
      const own = { mode: { get: () => lock.mode }, published: { get: () => lock.published } };
      return Object.create(lock, { ...own, ...Object.fromEntries(properties) }) as CacheLock;
    },
  };
}

describe('a lock that is lost', () => {
  test('given a writer that sleeps until another has taken over, then nothing of it is ever read, and it removes nothing of the other', async () => {
    await run(0);
    const asleep = Promise.withResolvers<void>();
    const awake = Promise.withResolvers<void>();
    const locks = watched(world.locksOf('sleeper'), lock => ({
      publish: async generation => {
        asleep.resolve();
        await awake.promise;
        return lock.publish(generation);
      },
    }));
    const sleeper = world.run(of, 1, { locks });
    await asleep.promise;
    expect(await generations()).toEqual(['gen-1', 'gen-2']);
    world.endPod('sleeper');

    const readers = await Promise.all([world.run(of, 0), world.run(of, 0)]);
    expect(readers.map(({ use }) => use.result)).toEqual(['hit', 'hit']);
    expect((await run(2)).use.result).toBe('miss');
    expect(published()).toMatchObject({ fence: 3, commits: [of.commits[0], of.commits[2]] });
    expect(await generations()).toEqual(['gen-3']);
    awake.resolve();

    const { use, workTree } = await sleeper;
    expect(use.result).toBe('bypassed');
    expect(await readFile(`${workTree}/a`, 'utf8')).toBe('second');
    expect(published()).toMatchObject({ fence: 3 });
    expect(await generations()).toEqual(['gen-3']);
    expect((await run(2)).use.result).toBe('hit');
    expect((await run(1)).use.result).toBe('miss');
  });

  test('given a writer that is refused, then it leaves nothing behind', async () => {
    const locks = watched(world.locksOf('refused'), () => ({
      publish: async () => {
        throw new LockLostError('taken away');
      },
    }));

    expect((await run(0, { locks })).use.result).toBe('bypassed');
    expect(await generations()).toEqual([]);
  });

  test('given an answer to the publication that got lost, then what was published stays', async () => {
    const locks = watched(world.locksOf('unlucky'), lock => ({
      publish: async generation => {
        await lock.publish(generation);
        throw new Error('no answer');
      },
    }));

    expect((await run(0, { locks })).use.result).toBe('bypassed');
    expect((await run(0)).use.result).toBe('hit');
  });

  test('given a writer that learns of it in the middle of its fetch, then it ends that and goes without the cache', async () => {
    world.server.setFault({ kind: 'hang' });
    let lose = (): void => {};
    const locks = watched(world.locksOf('loser'), (_, given) => {
      lose = given;
      return undefined;
    });
    const slow = run(0, { locks });
    await until('the fetch is on its way', () => world.server.requests.length > 0);
    world.server.setFault(undefined);
    lose();

    expect((await slow).use.result).toBe('bypassed');
    expect(await generations()).toEqual([]);
  });

  test('given a reader whose generation goes away because it lost its lock, then it starts over', async () => {
    await run(0);
    let times = 0;
    const locks = watched(world.locksOf('late'), (_, lose) => {
      if (times++ === 0) {
        lose();
        // What another's eviction does to one who has lost the lock.
        return { published: { fence: 9, commits: [...of.commits], bytes: 1, at: '' } };
      }
      return undefined;
    });

    expect((await run(0, { locks })).use.result).toBe('hit');
    expect(times).toBe(2);
  });

  test('given a Lease that was deleted, then its old numbers do not come back', async () => {
    await run(0);
    await run(1);
    world.deleteLease(of);

    expect((await run(2)).use.result).toBe('miss');

    expect(published()?.fence).toBe(3);
    expect(await generations()).toEqual(['gen-3']);
  });

  test('given a Lease that was deleted while a run waited for it, then a number below what is there is not used', async () => {
    await run(0);
    await run(1);
    world.deleteLease(of);
    const locks = world.locksOf('patient');
    let asked = 0;
    const result = await run(2, {
      locks: {
        // It had asked before there was anything on the volume.
        acquire: (url, want, options) =>
          locks.acquire(url, want, { ...options, seenFence: asked++ === 0 ? 0 : options.seenFence }),
      },
    });

    expect(result.use.result).toBe('miss');
    expect(published()?.fence).toBe(3);
    expect(await generations()).toEqual(['gen-3']);
  });

  test('given what a dead writer left, then it goes with the next publication, and what a newer one writes stays', async () => {
    await run(0);
    await mkdir(`${world.entryOf(of)}/tmp-1/git`, { recursive: true });
    await cp(generation(1), generation(8), { recursive: true });
    await rename(generation(8), `${world.entryOf(of)}/tmp-8`);

    await run(1);

    expect(await generations()).toEqual(['gen-9']);
    await mkdir(`${world.entryOf(of)}/tmp-20`);
    await run(1);
    expect(await generations()).toEqual(['gen-9', 'tmp-20']);
  });
});

describe('a lock service that cannot be used', () => {
  test.each<[string, CacheLocks['acquire']]>([
    ['fails', () => Promise.reject(new Error('the gateway is away'))],
    ['gives none', async () => undefined],
  ])('given one that %s, then the run goes without', async (_, acquire) => {
    expect((await run(0, { locks: { acquire } })).use.result).toBe('bypassed');
    expect(world.logged).toHaveLength(1);
  });

  test('given a lock that is not to be had, then the run goes without after half of its time', async () => {
    const holder = await world.locksOf('holder').acquire(of.url, { mode: 'write' }, { seenFence: 0, wait: true });

    const { use } = await world.run(of, 0, { timeoutMs: 10_000 });

    expect(use.result).toBe('bypassed');
    expect(world.logged[0]?.fields).toEqual({ reason: 'its lock was not to be had in time' });
    await holder?.release();
    expect(world.lockState(of)).toMatchObject({ holders: [], queue: [] });
  });

  test('given a publication without an answer, then the run goes without, and an abort ends the wait', async () => {
    const mute = (podUid: string, onPublish = () => {}) =>
      watched(world.locksOf(podUid), () => ({
        publish: () => {
          onPublish();
          return new Promise(() => {});
        },
      }));
    expect((await run(0, { locks: mute('first'), timeoutMs: 10_000 })).use.result).toBe('bypassed');
    expect(world.logged[0]?.fields).toEqual({ reason: 'the lock service did not publish it in time' });

    const stop = new AbortController();
    const locks = mute('second', () => stop.abort(new Error('stopped')));
    await expect(world.run(of, 1, { locks, signal: stop.signal })).rejects.toThrow('stopped');

    expect((await run(1)).use.result).toBe('miss');
    expect(await generations()).toEqual([`gen-${published()?.fence}`]);
  });

  test('given a read lock for a commit that is not there, then the run goes without', async () => {
    await run(0);
    const locks = watched(world.locksOf('confused'), () => ({ published: undefined }));

    expect((await run(0, { locks })).use.result).toBe('bypassed');
  });

  test('given a lock that cannot be given back, then the run is none the worse', async () => {
    const locks = watched(world.locksOf('stuck'), lock => ({
      release: async () => {
        await lock.release();
        throw new Error('no answer');
      },
    }));

    expect((await run(0, { locks })).use.result).toBe('miss');
  });
});

describe('the network and the run itself', () => {
  test('given a commit that the server does not have, then it is not found, as without a cache', async () => {
    const absent = { ...of, commits: ['1234567890'.repeat(4)] };

    for (const _ of [1, 2]) {
      await expect(world.run(absent, 0)).rejects.toMatchObject({ code: 'CommitNotFound' });
      await run(0);
    }
    expect(published()?.commits).toEqual([of.commits[0]]);
  });

  test('given a server that is away, then a cached commit is not to be had either', async () => {
    await run(0);
    world.server.setFault({ kind: 'status', status: 503 });

    await expect(world.run(of, 0)).rejects.toMatchObject({ code: 'ServerError' });
    await expect(world.run(of, 1)).rejects.toMatchObject({ code: 'ServerError' });
    expect(await generations()).toEqual(['gen-1']);
    expect(world.lockState(of).holders).toEqual([]);
  });

  test('given a server that is away for a moment, then it is tried again', async () => {
    world.server.setFault({ kind: 'status', status: 502, times: 2 });

    expect((await run(0)).use.result).toBe('miss');
  });

  test('given an abort while it waits, then it has left the queue', async () => {
    const holder = await world.locksOf('holder').acquire(of.url, { mode: 'write' }, { seenFence: 0, wait: true });
    const stop = new AbortController();
    const waiting = world.run(of, 0, { signal: stop.signal });
    await until('it waits', () => world.lockState(of).queue.length === 1);
    stop.abort(new Error('stopped'));

    await expect(waiting).rejects.toThrow('stopped');
    expect(world.lockState(of).queue).toEqual([]);
    await holder?.release();
  });

  test('given an abort while it fetches, then its lock is free and nothing is left', async () => {
    world.server.setFault({ kind: 'hang' });
    const stop = new AbortController();
    const fetching = world.run(of, 0, { signal: stop.signal });
    await until('the fetch is on its way', () => world.server.requests.length > 0);
    stop.abort(new Error('stopped'));

    await expect(fetching).rejects.toThrow('stopped');
    expect(await generations()).toEqual([]);
    expect(world.lockState(of).holders).toEqual([]);
  });
});
