import { lstat, mkdir, mkdtemp, readdir, readlink, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { type CheckoutRequest, checkout } from '../checkout.ts';
import { GitError } from '../errors.ts';
import { parseGitUrl } from '../url.ts';

/** A place to check hostile commits out in, with things around it that must not change. */
export interface Arena {
  /** Directory outside of the workspace that links lead to; `../victim` from the workspace. */
  readonly victim: string;
  /** File that whatever is run from a repository would make. */
  readonly canary: string;
  readonly workTree: string;
  /** Checks a commit out and says what came of it. */
  checkout(url: string, commit: string, more?: Partial<CheckoutRequest>): Promise<Outcome>;
  remove(): Promise<void>;
}

export interface Outcome {
  /** Absent when the commit was taken. */
  readonly error: GitError | undefined;
  /** What is in the workspace: path to kind and mode, or to the target of a link. */
  readonly files: Readonly<Record<string, string>>;
  /** What is beside the workspace, such as a canary. In an arena where nothing got out it is `ONLY_VICTIM`. */
  readonly outside: readonly string[];
}

/** The one thing that is beside the workspace before and after. */
export const ONLY_VICTIM = ['victim', 'victim/kept'];

export async function createArena(): Promise<Arena> {
  const base = await mkdtemp(path.join(os.tmpdir(), 'tako-arena-'));
  const [victim, workTree, gitDirectory] = ['victim', 'workspace', 'git'].map(name => path.join(base, name)) as [
    string,
    string,
    string,
  ];
  await mkdir(victim);
  await mkdir(workTree);
  await writeFile(path.join(victim, 'kept'), 'as it was');
  return {
    victim,
    canary: path.join(base, 'canary'),
    workTree,
    async checkout(url, commit, more = {}) {
      const request = { url: parseGitUrl(url), commit, gitDirectory, workTree, timeoutMs: 60_000, description: {} };
      const error = await checkout({ ...request, ...more }).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      if (error !== undefined && !(error instanceof GitError)) throw error;
      const outside = (await readdir(base, { recursive: true })).filter(name => !/^(git|workspace)(\/|$)/.test(name));
      return { error, files: await describeFiles(Buffer.from(workTree)), outside: outside.sort() };
    },
    remove: () => rm(base, { recursive: true, force: true }),
  };
}

/** Not `readdir` with `recursive`: that follows links. Names are as bytes, each as a character. */
async function describeFiles(directory: Buffer, prefix = ''): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const name of (await readdir(directory, { encoding: 'latin1' })).sort()) {
    const file = Buffer.concat([directory, Buffer.from(`/${name}`, 'latin1')]);
    const stats = await lstat(file);
    if (stats.isSymbolicLink()) found[prefix + name] = `-> ${await readlink(file)}`;
    else {
      const kind = stats.isDirectory() ? 'directory' : stats.isFile() ? 'file' : 'special';
      found[prefix + name] = `${kind} ${(stats.mode & 0o7777).toString(8)}`;
    }
    if (stats.isDirectory()) Object.assign(found, await describeFiles(file, `${prefix}${name}/`));
  }
  return found;
}
