import { chmod, readdir, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createWorld, type ServedRepository, type World } from '../../cache/testing/world.ts';
import { systemClock } from '../../kube/clock.ts';
import { EXIT } from '../exit.ts';
import { operationsOn } from '../maintenance/operations.ts';
import { run } from '../run.ts';
import { recordedIo } from '../testing/io.ts';
import type { Entry } from './entries.ts';
import { type CommandLocks, createCommandLocks } from './locks.ts';
import { planPrune } from './plan-prune.ts';
import { removeAll, volumeEntries } from './prune.ts';
import type { Session } from './session.ts';
import { verifyAll } from './verify.ts';

/** That of src/cache/testing/world.ts. */
const NAMESPACE = 'team';

let world: World;
let session: Session;
let locks: CommandLocks;
beforeEach(async () => {
  world = await createWorld();
  const { scan, verify, remove } = operationsOn(world.root);
  session = {
    scan: () => scan({ do: 'scan' }),
    verify: (url, fence, commits) => verify({ do: 'verify', url, fence, commits }),
    remove: (url, fence) => remove({ do: 'remove', url, fence }),
  };
  locks = createCommandLocks({
    keeper: world.keeper,
    namespace: NAMESPACE,
    holder: { run: 'tako cache test', runUid: '', pod: 'maintenance', podUid: 'maintenance' },
    clock: systemClock,
    signal: new AbortController().signal,
  });
});
afterEach(() => world.close());

async function cached(): Promise<ServedRepository> {
  const repository = await world.repository([{ files: { 'a.txt': 'one' } }]);
  await world.run(repository, 0);
  return repository;
}

const entryOf = (of: ServedRepository): Entry => ({ namespace: NAMESPACE, lease: '', state: world.lockState(of) });

async function breakPack(of: ServedRepository): Promise<void> {
  const packs = path.join(world.entryOf(of), 'gen-1/git/objects/pack');
  const pack = path.join(packs, (await readdir(packs)).find(name => name.endsWith('.pack'))!);
  await chmod(pack, 0o644);
  await writeFile(pack, 'x', { flag: 'a' });
}

const prune = async (entries?: readonly ServedRepository[]) => {
  const found = await volumeEntries(session);
  const urls = new Set(entries?.map(({ url }) => url));
  const planned = planPrune(found, { all: entries === undefined, repositories: urls }, new Date());
  return removeAll(planned, session, locks, recordedIo());
};

describe('checking entries', () => {
  test('given a good one and a broken one, then that is what is said, and both locks are free again', async () => {
    const [good, broken] = [await cached(), await cached()];
    await breakPack(broken);
    expect(await verifyAll([entryOf(good), entryOf(broken)], session, locks, recordedIo())).toMatchObject([
      { repository: good.url, generation: 1, commits: 1, result: 'good', reasons: [] },
      { repository: broken.url, result: 'broken', reasons: [expect.stringMatching(/\.pack has \d+ bytes instead of/)] },
    ]);
    expect(world.lockState(good).holders).toEqual([]);
    expect(world.lockState(broken).holders).toEqual([]);
  });

  test('given one that is being written, then it is skipped, and no place in its queue is kept', async () => {
    const one = await cached();
    const writer = await world.locksOf('writer').acquire(one.url, { mode: 'write' }, { seenFence: 1, wait: false });
    expect(await verifyAll([entryOf(one)], session, locks, recordedIo())).toMatchObject([
      { result: 'skipped', reasons: [expect.stringContaining('written by run writer')] },
    ]);
    expect(world.lockState(one)).toMatchObject({ queue: [], holders: [{ run: 'writer' }] });
    await writer?.release();
  });

  test('given a writer whose Pod is gone, then it is no reason to skip', async () => {
    const one = await cached();
    await world.locksOf('writer').acquire(one.url, { mode: 'write' }, { seenFence: 1, wait: false });
    world.endPod('writer');
    expect(await verifyAll([entryOf(one)], session, locks, recordedIo())).toMatchObject([{ result: 'good' }]);
  });

  test('given one that was removed since it was listed, then it is skipped', async () => {
    const one = await cached();
    const listed = entryOf(one);
    await prune();
    expect(await verifyAll([listed], session, locks, recordedIo())).toMatchObject([
      { result: 'skipped', reasons: ['it was removed meanwhile'] },
    ]);
  });

  test('given git may not have the memory to check one, then it is skipped, and the next one is checked', async () => {
    const large = await world.repository([{ files: { large: 'x'.repeat(7 * 1024 * 1024) } }]);
    await world.run(large, 0);
    const small = await cached();
    const { verify } = operationsOn(world.root, 6 * 1024 * 1024);
    const narrow: Session = {
      ...session,
      verify: (url, fence, commits) => verify({ do: 'verify', url, fence, commits }),
    };
    expect(await verifyAll([entryOf(large), entryOf(small)], narrow, locks, recordedIo())).toMatchObject([
      { result: 'skipped', reasons: [expect.stringMatching(/as it was written.*more than the 6 MiB of memory/)] },
      { result: 'good' },
    ]);
  });

  test('given the lock is lost under the check, then what it found is not believed', async () => {
    const one = await cached();
    const robbed: Session = {
      ...session,
      verify: async () => {
        world.endPod('maintenance');
        const thief = await world.locksOf('thief').acquire(one.url, { mode: 'write' }, { seenFence: 1, wait: true });
        await thief?.release();
        return { problems: ['a file is missing'] };
      },
    };
    expect(await verifyAll([entryOf(one)], robbed, locks, recordedIo())).toMatchObject([
      { result: 'skipped', reasons: ['the lock was lost meanwhile'] },
    ]);
  });
});

describe('removing entries', () => {
  test('given entries, then they are gone from the volume and from the Leases, and the bytes are counted', async () => {
    const [one, other] = [await cached(), await cached()];
    const outcomes = await prune([one]);
    expect(outcomes).toMatchObject([{ repository: one.url, result: 'removed', reason: '--repository' }]);
    expect(outcomes[0]?.freedBytes).toBe(outcomes[0]?.bytes);
    expect(world.lockState(one).published).toBeUndefined();
    expect(world.lockState(one).holders).toEqual([]);
    expect((await session.scan()).entries.map(({ url }) => url)).toEqual([other.url]);
    expect(await readdir(path.dirname(world.entryOf(one)))).toHaveLength(1);
  });

  test('given the next run, then it fetches anew, under a higher number', async () => {
    const one = await cached();
    await prune();
    expect((await world.run(one, 0)).use.result).toBe('miss');
    expect(world.lockState(one).published?.fence).toBe(3);
  });

  test('given a reader, then its entry is skipped and stays whole', async () => {
    const one = await cached();
    const reader = await world.locksOf('docs').acquire(one.url, { mode: 'read' }, { seenFence: 1, wait: false });
    expect(await prune()).toMatchObject([
      { result: 'skipped', reason: expect.stringContaining('read by run docs'), freedBytes: 0 },
    ]);
    expect(await session.verify(one.url, 1, one.commits)).toEqual({ problems: [] });
    expect(world.lockState(one).published?.fence).toBe(1);
    await reader?.release();
  });

  test('given a volume whose Leases somebody has deleted, then its entries are found and removed', async () => {
    const one = await cached();
    world.deleteLease(one);
    expect(await prune()).toMatchObject([{ repository: one.url, result: 'removed' }]);
    expect((await session.scan()).entries).toEqual([]);
    expect(world.lockState(one).fence).toBe(2);
  });

  test('given the command dies after it has evicted, then no run reads what is left, and the next prune removes it', async () => {
    const one = await cached();
    await locks.with({ url: one.url, mode: 'write', seenFence: 1 }, ({ evict }) => evict());
    expect(world.lockState(one).published).toBeUndefined();
    expect(await prune()).toMatchObject([{ result: 'removed' }]);
    expect((await session.scan()).entries).toEqual([]);
  });

  test('given the volume cannot be written, then the error comes through, and the lock is given back', async () => {
    const one = await cached();
    const refusing: Session = { ...session, remove: () => Promise.reject(new Error('EROFS')) };
    const planned = planPrune(await volumeEntries(session), { all: true, repositories: new Set() }, new Date());
    await expect(removeAll(planned, refusing, locks, recordedIo())).rejects.toThrow('EROFS');
    expect(world.lockState(one).holders).toEqual([]);
  });

  test('given a check, then it does not count as a use', async () => {
    const one = await cached();
    const longAgo = new Date(Date.now() - 10 * 86_400_000);
    const names = await readdir(world.entryOf(one), { recursive: true });
    for (const name of names) await utimes(path.join(world.entryOf(one), name), longAgo, longAgo);
    expect(await verifyAll([entryOf(one)], session, locks, recordedIo())).toMatchObject([{ result: 'good' }]);
    const policy = { all: false, repositories: new Set<string>(), olderThanMs: 7 * 86_400_000 };
    expect(planPrune(await volumeEntries(session), policy, new Date())).toHaveLength(1);
  });
});

describe('the command lines', () => {
  test.each([
    [['prune'], 'say what to remove: --older-than, --max-size, --repository or --all'],
    [['prune', '--older-than', 'soon'], '--older-than: expected an age'],
    [['prune', '--repository', 'acme/core-lib'], '--repository: the repository URL "acme/core-lib" cannot be used'],
    [['verify', '--repository', 'https://u:p@git.example.com/a/b'], 'put no credentials into the URL'],
  ])('given `tako cache %s`, then nothing is asked of a cluster', async (args, message) => {
    const io = recordedIo();
    expect(await run(['cache', ...args, '--kubeconfig', '/nowhere'], io)).toBe(EXIT.usage);
    expect(io.stderr()).toContain(message);
  });
});
