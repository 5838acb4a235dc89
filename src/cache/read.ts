import { open } from 'node:fs/promises';
import path from 'node:path';
import { createGitDirectory } from '../git/git-directory.ts';
import { copyWithFacts, type FileFacts, factsOf, isErrno } from './files.ts';
import { isObjectFile, MAX_MANIFEST_BYTES, type Manifest, type ManifestFile, parseManifest } from './manifest.ts';

/** A generation is not what its manifest says, or has none: it is built anew. */
export class BrokenGenerationError extends Error {
  override readonly name = 'BrokenGenerationError';
}

/** What reading gives when files are gone, replaced or on a bad disk. Others, such as EACCES, are the volume's trouble. */
const BROKEN_CODES = ['ENOENT', 'ENOTDIR', 'EISDIR', 'ELOOP', 'ESTALE', 'EIO'];

/** Reads a generation's manifest. Throws BrokenGenerationError, or what the volume gives. */
export async function readManifest(
  generation: string,
  expected: { readonly url: string; readonly fence: number },
): Promise<Manifest> {
  const manifest = parseManifest(await readBounded(path.join(generation, 'manifest.json')));
  if (manifest === undefined) throw new BrokenGenerationError(`${generation} has no valid manifest`);
  if (manifest.url !== expected.url || manifest.fence !== expected.fence) {
    throw new BrokenGenerationError(`${generation} has the manifest of another generation`);
  }
  return manifest;
}

async function readBounded(file: string): Promise<string> {
  return asBroken(file, async () => {
    const handle = await open(file, 'r');
    try {
      if ((await handle.stat()).size > MAX_MANIFEST_BYTES) throw new BrokenGenerationError(`${file} is too large`);
      return await handle.readFile('utf8');
    } finally {
      await handle.close();
    }
  });
}

/**
 * Makes a Git directory of one's own from a generation: its objects are copied, each file checked while it is. What was copied needs
 * neither the generation nor its lock any more. Throws BrokenGenerationError, and what either volume gives.
 *
 * @param gitDirectory does not exist yet
 */
export async function copyGeneration(
  generation: string,
  manifest: Manifest,
  gitDirectory: string,
  { commit, signal }: { readonly commit: string; readonly signal?: AbortSignal | undefined },
): Promise<void> {
  if (!manifest.commits.some(cached => cached.commit === commit)) {
    throw new BrokenGenerationError(`${generation} does not have the commit ${commit}`);
  }
  await createGitDirectory(gitDirectory, commit);
  for (const file of manifest.files.filter(({ path: name }) => isObjectFile(name))) {
    const from = path.join(generation, 'git', file.path);
    const to = path.join(gitDirectory, file.path);
    requireSame(from, file, await asBroken(from, () => copyWithFacts(from, to, signal)));
  }
}

/** Holds a file of a generation against the manifest. Throws BrokenGenerationError. */
export async function checkFile(directory: string, file: ManifestFile, signal?: AbortSignal): Promise<void> {
  const name = path.join(directory, file.path);
  requireSame(name, file, await asBroken(name, () => factsOf(name, signal)));
}

function requireSame(name: string, expected: FileFacts, actual: FileFacts): void {
  if (actual.bytes === expected.bytes && actual.sha256 === expected.sha256) return;
  throw new BrokenGenerationError(
    actual.bytes === expected.bytes
      ? `${name} has changed since it was written`
      : `${name} has ${actual.bytes} bytes instead of ${expected.bytes}`,
  );
}

/** Turns what a damaged or vanished file gives into a BrokenGenerationError. */
export async function asBroken<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isErrno(error, ...BROKEN_CODES)) throw error;
    throw new BrokenGenerationError(`${name} cannot be read: ${(error as Error).message}`, { cause: error });
  }
}
