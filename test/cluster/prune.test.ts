import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { pruneOldest } from './prune.ts';

test('given files and folders of several ages, then the newest that match stay, and what does not match', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tako-prune-'));
  try {
    await Promise.all(['kube-old', 'kube-new'].map(name => mkdir(join(folder, name))));
    await Promise.all(['kube-older', 'other'].map(name => writeFile(join(folder, name), '')));
    const ages = { 'kube-older': 1_000, 'kube-old': 2_000, 'kube-new': 3_000, other: 500 };
    for (const [name, time] of Object.entries(ages)) await utimes(join(folder, name), time, time);

    await pruneOldest(folder, entry => entry.startsWith('kube-'), 2);

    expect((await readdir(folder)).sort()).toEqual(['kube-new', 'kube-old', 'other']);
  } finally {
    await rm(folder, { recursive: true });
  }
});
