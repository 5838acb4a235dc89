import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { withLock } from './lock.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tako-lock-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe.runIf(process.platform === 'linux')('withLock', () => {
  test('given several at once, then never two are inside', async () => {
    let inside = 0;
    const seen: number[] = [];
    const enter = (): Promise<void> =>
      withLock(join(folder, 'shared'), async () => {
        seen.push(++inside);
        await new Promise(resolve => setImmediate(resolve));
        inside--;
      });
    await Promise.all([enter(), enter(), enter(), enter()]);
    expect(seen).toEqual([1, 1, 1, 1]);
  });

  test('given work that throws, then the error comes through and the lock is free', async () => {
    const path = join(folder, 'throwing');
    await expect(withLock(path, () => Promise.reject(new Error('inside')))).rejects.toThrow('inside');
    expect(await withLock(path, async () => 'free')).toBe('free');
  });

  test('given a holder that is killed, then the next one gets the lock', async () => {
    const path = join(folder, 'killed');
    const script = `import { withLock } from ${JSON.stringify(new URL('lock.ts', import.meta.url).href)};
      await withLock(${JSON.stringify(path)}, () => { console.log('held'); return new Promise(() => setInterval(() => {}, 1000)); });`;
    const holder = spawn(process.execPath, ['--input-type=module', '--eval', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(holder.stdout, 'data');
    let waited = false;
    const next = withLock(
      path,
      async () => 'mine',
      () => {
        waited = true;
        holder.kill('SIGKILL');
      },
    );
    expect(await next).toBe('mine');
    expect(waited).toBe(true);
  });
});
