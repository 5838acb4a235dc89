import { access, mkdir, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';

/** Configuration of a repository of ours. Written by hand, which saves the process that `git init` is. */
function configuration(commit: string): string {
  // A name of 64 digits is SHA-256, which a repository has to say.
  return commit.length === 64
    ? '[core]\n\trepositoryformatversion = 1\n\tbare = true\n[extensions]\n\tobjectFormat = sha256\n'
    : '[core]\n\trepositoryformatversion = 0\n\tbare = true\n';
}

/** Makes an empty Git directory for objects named like `commit`. The directory may exist, its content may not. */
export async function createGitDirectory(directory: string, commit: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await mkdir(path.join(directory, 'refs'));
  await mkdir(path.join(directory, 'objects', 'pack'), { recursive: true });
  await mkdir(path.join(directory, 'objects', 'info'));
  await writeFile(path.join(directory, 'HEAD'), 'ref: refs/heads/none\n');
  await resetConfiguration(directory, commit);
}

/** Forgets the remote that a filtered fetch leaves in the configuration: missing objects stay missing, nothing asks for them. */
export async function resetConfiguration(directory: string, commit: string): Promise<void> {
  const file = path.join(directory, 'config');
  // Another git may be reading it.
  await writeFile(`${file}.new`, configuration(commit));
  await rename(`${file}.new`, file);
}

/** Whether history was cut off somewhere. */
export async function isShallow(directory: string): Promise<boolean> {
  return access(path.join(directory, 'shallow')).then(
    () => true,
    () => false,
  );
}

/** Lets HEAD be the commit itself, not a branch. */
export async function detachHead(directory: string, commit: string): Promise<void> {
  await writeFile(path.join(directory, 'HEAD'), `${commit}\n`);
}
