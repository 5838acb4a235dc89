import { readdir, readFile, realpath, rm } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { GitError } from '../git/errors.ts';
import type { CacheLocks } from './locks.ts';
import { createWorld, type RunOptions, type ServedRepository, type World } from './testing/world.ts';
import { verifyGeneration } from './verify.ts';
import { removeOlder } from './write.ts';

/** Called before each change of a file or directory; what it throws, the change gives. */
const changes = vi.hoisted(() => ({ before: (_call: string, _file: string): void => {} }));

vi.mock('node:fs/promises', async importOriginal => {
  const real = await importOriginal<Record<string, (...args: unknown[]) => Promise<unknown>>>();
  const wrap = (call: string) => [
    call,
    async (...args: unknown[]) => {
      // Of two names the second is the one that comes to be.
      changes.before(call, String(['link', 'copyFile', 'rename'].includes(call) ? args[1] : args[0]));
      return real[call]!(...args);
    },
  ];
  const calls = ['mkdir', 'writeFile', 'rename', 'link', 'copyFile', 'rm', 'rmdir', 'utimes'];
  return { ...real, ...Object.fromEntries(calls.map(wrap)) };
});

let world: World;
let of: ServedRepository;
beforeEach(async () => {
  world = await createWorld();
  of = await world.repository([{ files: { a: 'first' } }, { files: { a: 'second', b: '1' } }]);
});
afterEach(async () => {
  changes.before = () => {};
  await world.close();
});

const CONTENT = ['first', 'second'];

/** An empty cache, or one that has the first commit. */
async function reset(commit: number): Promise<void> {
  changes.before = () => {};
  world.deleteLease(of);
  await rm(world.root, { recursive: true });
  for (let before = 0; before < commit; before++) await world.run(of, before);
}

/** Counts the changes of the volume and the publications, and calls `act` with the number and the name of each. */
function onStep(act: (step: number, name: string) => void): (locks: CacheLocks) => CacheLocks {
  let step = 0;
  changes.before = (call, file) => {
    if (file.startsWith(world.root)) act(++step, `${call} ${path.relative(world.entryOf(of), file)}`);
  };
  return locks => ({
    async acquire(...args) {
      const lock = (await locks.acquire(...args))!;
      return Object.create(lock, {
        mode: { get: () => lock.mode },
        published: { get: () => lock.published },
        publish: {
          value: async (generation: Parameters<typeof lock.publish>[0]) => {
            act(++step, 'publish');
            const published = await lock.publish(generation);
            act(++step, 'published');
            return published;
          },
        },
      }) as typeof lock;
    },
  });
}

/** The steps of a run that nothing happens to. Those that make the parts of an empty Git directory are alike: the first stands for all. */
async function stepsOf(commit: number): Promise<{ step: number; name: string }[]> {
  const steps: { step: number; name: string }[] = [];
  await reset(commit);
  const count = onStep((step, name) => steps.push({ step, name }));
  await world.run(of, commit, { locks: count(world.locksOf('undisturbed')) });
  return steps.filter(({ name }) => !/git\/(refs|objects\/info|HEAD|config)/.test(name));
}

async function run(commit: number, options: RunOptions = {}): Promise<void> {
  const { workTree } = await world.run(of, commit, options);
  expect(await readFile(`${workTree}/a`, 'utf8')).toBe(CONTENT[commit]);
  expect(await readdir(workTree)).toHaveLength(commit + 1);
}

async function expectWhole(): Promise<void> {
  await world.sweep(of);
  const { published, holders } = world.lockState(of);
  expect(holders).toEqual([]);
  const entry = world.entryOf(of);
  expect(await verifyGeneration(`${entry}/gen-${published?.fence}`, { url: of.url, fence: published!.fence })).toEqual(
    [],
  );
  // As after the next publication.
  await removeOlder(entry, published!.fence);
  expect((await readdir(entry)).filter(name => /^(gen|tmp)/.test(name))).toEqual([`gen-${published?.fence}`]);
}

describe.each([
  ['the first generation', 0],
  ['a generation on top of another', 1],
])('a writer of %s', (_, commit) => {
  test('given it dies at any step, then the next run takes over, and the cache is whole', {
    timeout: 180_000,
  }, async () => {
    const steps = await stepsOf(commit);
    expect(steps.map(({ name }) => name)).toContain(`rename gen-${commit + 1}`);
    for (const { step: last, name } of steps) {
      await reset(commit);
      const death = new AbortController();
      const dies = onStep(step => {
        // A dead process changes nothing any more, and gives back no lock.
        if (step >= last) death.abort(new Error(`died before: ${name}`));
        death.signal.throwIfAborted();
      });
      const mortal = dies(world.locksOf(`writer-${last}`));
      const locks: CacheLocks = {
        async acquire(...args) {
          const lock = (await mortal.acquire(...args))!;
          const release = async () => (death.signal.aborted ? undefined : lock.release());
          return Object.create(lock, {
            mode: { get: () => lock.mode },
            published: { get: () => lock.published },
            publish: { value: lock.publish },
            release: { value: release },
          }) as typeof lock;
        },
      };
      await expect(world.run(of, commit, { locks, signal: death.signal }), name).rejects.toThrow('died before');
      changes.before = () => {};
      world.endPod(`writer-${last}`);

      await run(commit);
      await expectWhole();
    }
  });

  test('given a change that fails, whichever, then the run goes on and leaves nothing half done', {
    timeout: 180_000,
  }, async () => {
    const steps = await stepsOf(commit);
    for (const { step: failing, name } of steps) {
      if (name.startsWith('publish')) continue;
      await reset(commit);
      onStep(step => {
        if (step === failing) throw Object.assign(new Error(`EIO: ${name}`), { code: 'EIO' });
      });

      await run(commit);

      expect(world.lockState(of).holders, name).toEqual([]);
      const left = await readdir(world.entryOf(of)).catch(() => []);
      expect(
        left.filter(file => file.startsWith('tmp-')),
        name,
      ).toEqual([]);
      changes.before = () => {};
      await run(commit);
      await expectWhole();
    }
  });
});

describe('a volume that is full', () => {
  test('given a repository that does not fit, then the run goes without, and what was used least recently makes room', async () => {
    const old: ServedRepository[] = [];
    for (let index = 0; index < 4; index++) {
      old.push(await world.repository([{ files: { a: String(index) } }]));
      await world.run(old[index]!, 0);
    }
    const entries = await Promise.all(old.map(one => realpath(world.entryOf(one))));
    onStep((_, name) => {
      if (name.startsWith('mkdir tmp-')) throw Object.assign(new Error('ENOSPC: no space left'), { code: 'ENOSPC' });
    });

    await run(0);

    const [said, ...evicted] = world.logged;
    expect(said?.fields).toEqual({ reason: 'ENOSPC: no space left' });
    // A quarter of the bytes, which is more than one of four entries when there is a little else.
    expect(evicted.map(({ fields }) => fields?.url)).toEqual(old.slice(0, 2).map(({ url }) => url));
    expect(await readdir(path.dirname(entries[0]!))).not.toContain(path.basename(entries[0]!));
    changes.before = () => {};
    expect((await world.run(of, 0)).use.result).toBe('miss');
  });

  test('given a git that says that there is no room, then that counts as well', async () => {
    const locks = world.locksOf('unlucky');
    const full: CacheLocks = {
      acquire: async () => {
        throw new GitError('GitFailed', 'git fetch failed: write error: No space left on device');
      },
    };
    const other = await world.repository([{ files: { a: '1' } }]);
    await world.run(other, 0);

    expect(
      (
        await world.run(of, 0, {
          locks: { acquire: (...args) => (args[0] === of.url ? full : locks).acquire(...args) },
        })
      ).use.result,
    ).toBe('bypassed');

    expect(world.lockState(other).published).toBeUndefined();
  });

  test('given a volume that cannot be listed for it either, then the run has its checkout all the same', async () => {
    onStep(() => {
      throw Object.assign(new Error('EROFS: read-only'), { code: 'EROFS' });
    });

    expect((await world.run(of, 0)).use.result).toBe('bypassed');
  });
});
