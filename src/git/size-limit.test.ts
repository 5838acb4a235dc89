import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { watchSize } from './size-limit.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(path.join(os.tmpdir(), 'tako-size-'));
});
afterEach(() => rm(directory, { recursive: true }));

/** Keeps the event loop alive meanwhile: the watch itself does not. */
async function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const keep = createServer().listen(0);
  await once(signal, 'abort');
  keep.close();
}

describe('watchSize', () => {
  test('given files that grow past the bound together, then the signal is aborted', async () => {
    await writeFile(path.join(directory, 'a'), 'x'.repeat(600));
    const watch = watchSize(directory, 1000, 5);
    expect(watch.signal.aborted).toBe(false);

    await writeFile(path.join(directory, 'b'), 'x'.repeat(600));
    await untilAborted(watch.signal);

    expect(watch.signal.reason).toMatchObject({ message: expect.stringContaining('1000 bytes') });
  });

  test('given a watch that was stopped, then it stays silent', async () => {
    const watch = watchSize(directory, 1, 1);
    expect(await watch.stop()).toBe(false);
    await writeFile(path.join(directory, 'a'), 'xx');
    const other = watchSize(directory, 1, 5);
    await untilAborted(other.signal);

    expect(watch.signal.aborted).toBe(false);
  });

  test('given files that passed the bound before they were measured, then the last look finds it', async () => {
    const watch = watchSize(directory, 1, 60_000);
    await writeFile(path.join(directory, 'a'), 'xx');

    expect(await watch.stop()).toBe(true);
  });

  test('given a directory that does not exist, then its size is nothing', async () => {
    expect(await watchSize(path.join(directory, 'none'), 1).stop()).toBe(false);
  });
});
