import { createHash } from 'node:crypto';
import path from 'node:path';
import type { GitUrl } from '../git/url.ts';
import { namesOf } from './files.ts';

/*
 * The volume:
 *
 *   <host>/<owner-repo>-<hash>/          an entry: one repository
 *     url                                its canonical URL
 *     used                               touched by whoever reads it
 *     gen-<fence>/manifest.json          a generation: what is in it, with checksums
 *     gen-<fence>/git/                   a bare Git directory with some commits, each without its history
 *     tmp-<fence>/                       a generation that is being written, or was when its writer died
 */

/** Longest readable part of a name; with the hash it stays far below NAME_MAX (255). */
const MAX_READABLE = 100;
const ENTRY_NAME = /^[a-z0-9._-]+-([0-9a-f]{32})$/;
/** Numbers that the lock service would not take for seen are not ours. */
const GENERATION_NAME = /^(gen|tmp)-([1-9][0-9]{0,8})$/;

/**
 * The directory of a repository's entry. The hash alone makes it this repository's: it keeps URLs apart that differ in scheme, user or
 * `.git` only, also on volumes that do not tell upper from lower case, and it is the one in the name of the repository's Lease. The
 * words are for people, and hold nothing but letters, digits, `.`, `_` and `-`, so that no URL leads out of the volume or into another entry.
 */
export function entryDirectory(root: string, url: GitUrl): string {
  const words = decodeURIComponent(url.path)
    .replace(/\.git$/, '')
    .split('/')
    .slice(-2)
    .join('-');
  return path.join(root, hostName(url), `${readable(words)}-${urlHash(url.href)}`);
}

/** The first 128 bits of the SHA-256 of a canonical URL, hexadecimal. */
export function urlHash(href: string): string {
  return createHash('sha256').update(href).digest('hex').slice(0, 32);
}

/** The hash in the name of an entry's directory; undefined when it is none. */
export function hashOfEntry(name: string): string | undefined {
  return ENTRY_NAME.exec(name)?.[1];
}

function hostName(url: GitUrl): string {
  return url.scheme === 'file' ? 'file' : readable(url.host);
}

function readable(text: string): string {
  const safe = text
    .toLowerCase()
    .replace(/[^a-z0-9._-]/g, '_')
    .slice(0, MAX_READABLE);
  return /^\.*$/.test(safe) ? `_${safe}` : safe;
}

export function generationDirectory(entry: string, fence: number): string {
  return path.join(entry, `gen-${fence}`);
}

/** Where the holder of a write lock builds its generation. */
export function temporaryDirectory(entry: string, fence: number): string {
  return path.join(entry, `tmp-${fence}`);
}

export interface NumberedDirectory {
  readonly path: string;
  readonly fence: number;
  /** Finished; whether it is the published one the lock service knows. */
  readonly complete: boolean;
}

/** The generations of an entry, finished or not; none when there is no such entry. */
export async function numberedDirectories(entry: string): Promise<NumberedDirectory[]> {
  return (await namesOf(entry)).flatMap(({ name }) => {
    const match = GENERATION_NAME.exec(name);
    return match ? [{ path: path.join(entry, name), fence: Number(match[2]), complete: match[1] === 'gen' }] : [];
  });
}

/** The highest number in an entry, 0 when there is none. */
export async function highestFence(entry: string): Promise<number> {
  return Math.max(0, ...(await numberedDirectories(entry)).map(({ fence }) => fence));
}
