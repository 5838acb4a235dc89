import { access } from 'node:fs/promises';
import path from 'node:path';
import { runGit } from './git.ts';

/** Where distributions have the programs of /usr/bin/git: Debian and its kin, Alpine and Fedora. */
const USUAL = ['/usr/lib/git-core', '/usr/libexec/git-core'];

/**
 * The file of a program that belongs to git, such as `git-remote-https`. git is asked for the place only when it is not a usual one: to start it
 * takes 3 ms of CPU, ours and its own.
 */
export async function programOfGit(name: string): Promise<string> {
  for (const directory of await usualPlaces()) {
    if (await exists(path.join(directory, name))) return path.join(directory, name);
  }
  const { stdout } = await runGit(['--exec-path']);
  return path.join(stdout.toString('utf8').trim(), name);
}

/** None unless git is the distribution's: another git has programs of its own version. */
async function usualPlaces(): Promise<readonly string[]> {
  for (const directory of (process.env.PATH ?? '').split(':')) {
    if (await exists(path.join(directory, 'git'))) return directory === '/usr/bin' ? USUAL : [];
  }
  return [];
}

function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
