import { createHash } from 'node:crypto';
import { constants, type Dirent } from 'node:fs';
import { copyFile, type FileHandle, link, mkdir, open, readdir } from 'node:fs/promises';

/** Read and hashed at once: some milliseconds, after which an abort is seen. Bytes. */
const CHUNK_BYTES = 1024 * 1024;

export interface FileFacts {
  readonly bytes: number;
  /** Hexadecimal. */
  readonly sha256: string;
}

/** Size and checksum of a regular file; a symbolic link is not followed. */
export async function factsOf(file: string, signal?: AbortSignal): Promise<FileFacts> {
  const source = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    return await digest(source, undefined, signal);
  } finally {
    await source.close();
  }
}

/** Copies a regular file to one that does not exist yet. What is hashed is what is written. A symbolic link is not followed. */
export async function copyWithFacts(from: string, to: string, signal?: AbortSignal): Promise<FileFacts> {
  const source = await open(from, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const target = await open(to, 'wx', 0o444);
    try {
      return await digest(source, target, signal);
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}

async function digest(source: FileHandle, target: FileHandle | undefined, signal?: AbortSignal): Promise<FileFacts> {
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  for (let bytes = 0; ; ) {
    signal?.throwIfAborted();
    const { bytesRead } = await source.read(buffer, 0, CHUNK_BYTES);
    if (bytesRead === 0) return { bytes, sha256: hash.digest('hex') };
    const chunk = buffer.subarray(0, bytesRead);
    hash.update(chunk);
    await target?.writeFile(chunk);
    bytes += bytesRead;
  }
}

/**
 * Gives a file of the cache a second name in the cache, or a copy where the volume has no hard links. git never writes to a pack that
 * exists, and replaces its other files by new ones.
 */
export async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) throw error;
    await copyFile(from, to, constants.COPYFILE_EXCL);
  }
}

/** Writes what is in the page cache of a file, or of a directory's list of names, to the disk. */
export async function syncPath(name: string): Promise<void> {
  const handle = await open(name, 'r');
  try {
    await handle.sync();
  } catch (error) {
    // File systems that cannot sync a directory write its names with the files.
    if (!isErrno(error, 'EINVAL', 'ENOTSUP')) throw error;
  } finally {
    await handle.close();
  }
}

/** Makes a directory and those above it; only this user may enter. */
export async function makeDirectory(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
}

/** What is in a directory; nothing when it is not there. */
export async function namesOf(directory: string): Promise<Dirent[]> {
  return readdir(directory, { withFileTypes: true }).catch((error: unknown) => {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  });
}

/** Whether it is what the system gives, with one of these codes, such as `ENOENT`. */
export function isErrno(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && codes.includes((error as NodeJS.ErrnoException).code ?? '');
}
