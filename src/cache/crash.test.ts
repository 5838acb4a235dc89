import { readdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
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
