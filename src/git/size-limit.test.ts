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

describe('watchSize', () => {
  test('given files that grow past the bound together, then the signal is aborted', async () => {
    await writeFile(path.join(directory, 'a'), 'x'.repeat(600));
    const watch = watchSize(directory, 1000, 5);
    expect(watch.signal.aborted).toBe(false);

    await writeFile(path.join(directory, 'b'), 'x'.repeat(600));
    if (!watch.signal.aborted) {
      // Keeps the event loop alive: the watch itself does not.
      const keep = createServer().listen(0);
      await once(watch.signal, 'abort');
      keep.close();
    }

    expect(watch.signal.reason).toMatchObject({ message: expect.stringContaining('1000 bytes') });
  });

  test('given a watch that was stopped, then it stays silent', async () => {
    const watch = watchSize(directory, 1, 1);
    watch.stop();
    await writeFile(path.join(directory, 'a'), 'xx');
    const other = watchSize(directory, 1, 5);
    if (!other.signal.aborted) await once(other.signal, 'abort');

    expect(watch.signal.aborted).toBe(false);
  });
});
