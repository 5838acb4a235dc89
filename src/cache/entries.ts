import type { Stats } from 'node:fs';
import { lstat, readFile } from 'node:fs/promises';
import path from 'node:path';
import { GitError } from '../git/errors.ts';
import { type GitUrl, parseGitUrl } from '../git/url.ts';
import { isErrno, namesOf } from './files.ts';
import { hashOfEntry, type NumberedDirectory, numberedDirectories, urlHash } from './layout.ts';

/** One repository in the cache, as its files say. */
export interface CacheEntry {
  readonly url: GitUrl;
  readonly directory: string;
  /** What its generations take on the volume, unfinished and old ones with them. A file with several names counts once. */
  readonly bytes: number;
  /** When it was last read or written. */
  readonly used: Date;
  /** Lowest number first. Which one is published, the Lease knows. */
  readonly generations: readonly NumberedDirectory[];
}

/**
 * All entries of a cache volume, in no order. What is not an entry of ours is left out; what goes away meanwhile too.
 * Rejects when the volume cannot be read.
 */
export async function listEntries(root: string, signal?: AbortSignal): Promise<CacheEntry[]> {
  const entries: CacheEntry[] = [];
  for (const host of await directoriesOf(root)) {
    for (const name of await directoriesOf(path.join(root, host))) {
      signal?.throwIfAborted();
      const directory = path.join(root, host, name);
      const url = await urlOf(directory, hashOfEntry(name));
      if (url !== undefined) entries.push(await readEntry(directory, url));
    }
  }
  return entries;
}

/** The URL that an entry was made for; undefined when the name of its directory says otherwise. */
async function urlOf(directory: string, hash: string | undefined): Promise<GitUrl | undefined> {
  if (hash === undefined) return undefined;
  try {
    const url = parseGitUrl((await readFile(path.join(directory, 'url'), 'utf8')).trim());
    return urlHash(url.href) === hash ? url : undefined;
  } catch (error) {
    if (error instanceof GitError || isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}

/** What one entry takes; nothing when it is not there. */
export async function readEntry(directory: string, url: GitUrl): Promise<CacheEntry> {
  const files = await factsBelow(directory);
  const used = files.reduce((latest, { stats }) => Math.max(latest, stats.mtimeMs), 0);
  const generations = (await numberedDirectories(directory)).sort((left, right) => left.fence - right.fence);
  const bytes = sizeOf(files.filter(({ name }) => path.dirname(name) !== directory));
  return { url, directory, bytes, used: new Date(used), generations };
}

/** What one generation takes on the volume, bytes: its Git directory and its manifest. */
export async function generationBytes(generation: string): Promise<number> {
  return sizeOf(await factsBelow(generation));
}

interface FileFacts {
  readonly name: string;
  readonly stats: Stats;
}

/** All files below a directory but those that go away meanwhile. */
async function factsBelow(directory: string): Promise<FileFacts[]> {
  const facts: FileFacts[] = [];
  for (const name of await namesBelow(directory)) {
    const stats = await lstat(name).catch(() => undefined);
    if (stats !== undefined) facts.push({ name, stats });
  }
  return facts;
}

/** A file with several names counts once. */
function sizeOf(files: readonly FileFacts[]): number {
  const sizes = new Map(files.filter(({ stats }) => stats.isFile()).map(({ stats }) => [stats.ino, stats.size]));
  return [...sizes.values()].reduce((sum, size) => sum + size, 0);
}

async function namesBelow(directory: string): Promise<string[]> {
  const names = await namesOf(directory);
  const below = await Promise.all(
    names.map(entry => {
      const name = path.join(directory, entry.name);
      return entry.isDirectory() ? namesBelow(name) : [name];
    }),
  );
  return below.flat();
}

async function directoriesOf(directory: string): Promise<string[]> {
  return (await namesOf(directory)).filter(entry => entry.isDirectory()).map(({ name }) => name);
}
