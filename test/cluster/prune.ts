import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Removes all but the `keep` newest entries of `folder` that `matches` picks, so that a cache does not grow for ever. */
export async function pruneOldest(folder: string, matches: (entry: string) => boolean, keep: number): Promise<void> {
  const entries = (await readdir(folder)).filter(matches).map(entry => join(folder, entry));
  const dated = await Promise.all(entries.map(async path => ({ path, time: (await stat(path)).mtimeMs })));
  const old = dated.sort((a, b) => b.time - a.time).slice(keep);
  await Promise.all(old.map(({ path }) => rm(path, { recursive: true, force: true })));
}
