import { mkdir, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { listEntries } from './entries.ts';
import { evictEntry, pruneCache } from './prune.ts';
import { createWorld, type ServedRepository, type World } from './testing/world.ts';

let world: World;
beforeEach(async () => {
  world = await createWorld();
});
afterEach(() => world.close());

/** Repositories in the cache; the first one was used last, each other an hour before. */
async function cached(count: number): Promise<ServedRepository[]> {
  const all: ServedRepository[] = [];
  for (let index = 0; index < count; index++) {
    const of = await world.repository([{ files: { a: String(index) } }]);
    await world.run(of, 0);
    all.push(of);
  }
  for (const [index, of] of all.entries()) await age(of, index);
  return all;
}

async function age(of: ServedRepository, hours: number): Promise<void> {
  const then = new Date(Date.now() - hours * 3_600_000);
  const entry = world.entryOf(of);
  for (const name of ['.', ...(await readdir(entry, { recursive: true }))])
    await utimes(path.join(entry, name), then, then);
}

const prune = (maxBytes: number, maxAgeSeconds = 1_000_000) =>
  pruneCache({
    root: world.root,
    limits: { maxBytes, maxAgeSeconds },
    locks: world.locksOf('pruner'),
    now: new Date(),
  });
const urlsOf = (entries: readonly { url: { href: string } }[]) => entries.map(({ url }) => url.href);
const evictedOf = ({ evicted }: Awaited<ReturnType<typeof prune>>) => evicted.map(({ entry }) => entry.url.href);

describe('the list of entries', () => {
  test('given entries, then each has its address, size, use and generations', async () => {
    const [recent, old] = await cached(2);

    const entries = await listEntries(world.root);

    const found = entries.find(({ url }) => url.href === old!.url)!;
    expect(urlsOf(entries).sort()).toEqual([recent!.url, old!.url].sort());
    expect(found.directory).toBe(world.entryOf(old!));
    expect(found.bytes).toBeGreaterThan(500);
    expect(Date.now() - found.used.getTime()).toBeGreaterThan(3_500_000);
    expect(found.generations).toMatchObject([{ fence: 1, complete: true }]);
  });

  test('given an entry, then its size is the one that was published, which its Lease tells', async () => {
    const of = await world.repository([{ files: { a: '1' } }, { files: { a: '2' } }]);
    for (const commit of [0, 1]) {
      await world.run(of, commit);
      const [found] = await listEntries(world.root);
      expect(found?.generations).toHaveLength(1);
      expect(found?.bytes).toBe(world.lockState(of).published?.bytes);
    }
  });

  test('given files that two generations share, then they count once', async () => {
    const of = await world.repository([{ files: { a: 'x'.repeat(100) } }]);
    await world.run(of, 0);
    const [before] = await listEntries(world.root);
    const packs = (generation: string) => path.join(world.entryOf(of), generation, 'git/objects/pack');
    await mkdir(packs('tmp-2'), { recursive: true });
    const { link } = await import('node:fs/promises');
    for (const name of await readdir(packs('gen-1')))
      await link(`${packs('gen-1')}/${name}`, `${packs('tmp-2')}/${name}`);

    const [after] = await listEntries(world.root);

    expect(after?.bytes).toBe(before?.bytes);
    expect(after?.generations).toHaveLength(2);
  });

  test('given what is not ours on the volume, then it is left out', async () => {
    const [of] = await cached(1);
    await mkdir(`${world.root}/lost+found`);
    await writeFile(`${world.root}/file`, '');
    await mkdir(`${world.root}/host/other-directory`, { recursive: true });
    const foreign = `${world.root}/host/app-${'0'.repeat(32)}`;
    await mkdir(foreign);
    await writeFile(`${foreign}/url`, `${of!.url}\n`);
    await mkdir(`${world.root}/host/app-${'1'.repeat(32)}`);
    await mkdir(`${world.root}/host/app-${'2'.repeat(32)}`);
    await writeFile(`${world.root}/host/app-${'2'.repeat(32)}/url`, 'no address');

    expect(urlsOf(await listEntries(world.root))).toEqual([of!.url]);
  });

  test('given no volume, then there are none', async () => {
    expect(await listEntries(`${world.root}/absent`)).toEqual([]);
  });
});

describe('making room', () => {
  test('given too much, then the least recently used go, with all they had', async () => {
    const [first, second, third] = await cached(3);
    const bytes = (await listEntries(world.root)).map(entry => entry.bytes);

    const result = await prune(Math.max(...bytes) * 2);

    expect(evictedOf(result)).toEqual([third!.url]);
    expect(urlsOf(await listEntries(world.root)).sort()).toEqual([first!.url, second!.url].sort());
    expect(world.lockState(third!).published).toBeUndefined();
    expect(world.lockState(third!).holders).toEqual([]);
    expect(await readdir(path.dirname(world.entryOf(third!)))).not.toContain(path.basename(world.entryOf(third!)));
  });

  test('given an entry that is in use, then it stays, and the next run has a hit', async () => {
    const [of] = await cached(1);
    const reader = await world.locksOf('reader').acquire(of!.url, { mode: 'read' }, { seenFence: 0, wait: true });

    const { busy, evicted } = await prune(0);

    expect([busy.length, evicted.length]).toEqual([1, 0]);
    await reader?.release();
    expect((await world.run(of!, 0)).use.result).toBe('hit');
  });

  test('given an entry that was evicted, then the next run fetches it under a higher number', async () => {
    const [of] = await cached(1);
    await prune(0);

    expect((await world.run(of!, 0)).use.result).toBe('miss');
    expect(world.lockState(of!).published?.fence).toBe(3);
  });

  test('given a newer generation than the eviction saw, then it stays', async () => {
    const [of] = await cached(1);
    const lateNumber = `${world.entryOf(of!)}/gen-90`;
    const locks = world.locksOf('pruner');
    const acquire: typeof locks.acquire = async (...args) => {
      const lock = await locks.acquire(...args);
      // While this one slept, another has taken over and written.
      await mkdir(lateNumber);
      return lock;
    };

    await evictEntry({ directory: world.entryOf(of!), url: (await listEntries(world.root))[0]!.url }, { acquire });

    expect(await readdir(world.entryOf(of!))).toEqual(['gen-90', 'url', 'used']);
  });

  test('given a lock service without an answer, then a signal ends the eviction, and nothing is removed', async () => {
    const [of] = await cached(1);
    const [entry] = await listEntries(world.root);
    const locks = world.locksOf('pruner');
    const stop = new AbortController();
    const acquire: typeof locks.acquire = async (...args) => {
      const lock = (await locks.acquire(...args))!;
      const evict = () => {
        stop.abort(new Error('stopped'));
        return new Promise<void>(() => {});
      };
      return Object.assign(Object.create(lock), { evict }) as typeof lock;
    };

    await expect(evictEntry(entry!, { acquire }, stop.signal)).rejects.toThrow('stopped');

    expect((await world.run(of!, 0)).use.result).toBe('hit');
  });

  test('given an entry that nobody used for too long, then a run that adds another removes it', async () => {
    const [, old] = await cached(2);
    const of = await world.repository([{ files: { a: 'new' } }]);

    await world.run(of, 0, { cacheLimits: { maxBytes: 1024 ** 3, maxAgeSeconds: 1_800 } });

    expect(urlsOf(await listEntries(world.root))).not.toContain(old!.url);
    expect(urlsOf(await listEntries(world.root))).toContain(of.url);
    expect(world.logged).toEqual([{ message: 'evicted from the cache', fields: { url: old!.url, reason: 'age' } }]);
  });

  test('given a hit, then nothing is evicted, as nothing was added', async () => {
    const [of, old] = await cached(2);

    await world.run(of!, 0, { cacheLimits: { maxBytes: 0, maxAgeSeconds: 0 } });

    expect(urlsOf(await listEntries(world.root))).toContain(old!.url);
  });

  test('given a share that has to go, then as much goes whatever the limits', async () => {
    const all = await cached(4);

    const result = await pruneCache({
      root: world.root,
      limits: { maxBytes: 1024 ** 3, maxAgeSeconds: 1_000_000 },
      share: 0.25,
      locks: world.locksOf('pruner'),
      now: new Date(),
    });

    expect(evictedOf(result)).toContain(all[3]!.url);
    expect(result.evicted.length).toBeLessThanOrEqual(2);
  });

  test('given an entry that goes away meanwhile, then the rest is listed', async () => {
    const [first, second] = await cached(2);
    await rm(`${world.entryOf(first!)}/used`);
    await rm(world.entryOf(second!), { recursive: true });

    expect(urlsOf(await listEntries(world.root))).toEqual([first!.url]);
  });
});
