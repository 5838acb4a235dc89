import { constants } from 'node:fs';
import { type FileHandle, open, realpath } from 'node:fs/promises';
import path from 'node:path';
import { requireRelativePath } from './blob.ts';

export interface ReadWorkTreeFileRequest {
  readonly workTree: string;
  /** Relative to the work tree, as `requireRelativePath` takes it. */
  readonly path: string;
  /** A larger file is not read. */
  readonly maxBytes: number;
}

/**
 * Reads a regular file of a checked-out work tree, without the processes that `readBlob` needs. Undefined when there is none of at most
 * `maxBytes`, or a symbolic link is on the way. The bytes are not always those of the commit (.gitattributes may change line
 * ends): compare digests. Only for a tree that nobody else can change meanwhile.
 * Throws GitError `InvalidPath`.
 */
export async function readWorkTreeFile(request: ReadWorkTreeFileRequest): Promise<Buffer | undefined> {
  const name = requireRelativePath(request.path);
  let file: FileHandle | undefined;
  try {
    const root = await realpath(request.workTree);
    const directory = path.join(root, path.dirname(name));
    if ((await realpath(directory)) !== directory) return undefined;
    // Not to wait for the writer of a FIFO, should there be one.
    file = await open(path.join(root, name), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const facts = await file.stat();
    return facts.isFile() && facts.size <= request.maxBytes ? await file.readFile() : undefined;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  } finally {
    await file?.close();
  }
}
