import { GitError, hasGitCode } from './errors.ts';
import { type GitOutput, type RunGitOptions, runGit } from './git.ts';
import { requireCommit } from './ref.ts';

export interface ReadBlobRequest {
  readonly gitDirectory: string;
  /** Full name of a commit that the Git directory has. */
  readonly commit: string;
  /** Relative to the tree's root, as `requireRelativePath` takes it. */
  readonly path: string;
  /** A larger file is refused without being read. */
  readonly maxBytes: number;
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
  /** Bound of the memory of each process of git, bytes. Default 128 MiB. */
  readonly memoryBytes?: number | undefined;
}

const MAX_PATH_LENGTH = 1024;
const REGULAR = new Set(['100644', '100755', '100664']);
/** `<oid> blob <size>\n` before the content, and a newline behind it. */
const MAX_HEADER_BYTES = 128;

/**
 * Checks a path inside a repository: relative, segments of letters, digits and `._-` (as in the CRD), none of them `.`, `..` or
 * `.git`. Throws GitError `InvalidPath`.
 */
export function requireRelativePath(path: string): string {
  const good =
    path.length <= MAX_PATH_LENGTH &&
    path.split('/').every(part => /^[A-Za-z0-9._-]+$/.test(part) && !/^(\.\.?|\.git)$/i.test(part));
  if (!good) {
    const shown = path.replace(/[^\x20-\x7e]/g, '?').slice(0, 100);
    throw new GitError(
      'InvalidPath',
      `the path "${shown}" cannot be used: it must be relative, without "." and ".." segments`,
    );
  }
  return path;
}

/**
 * Reads a regular file of a commit: the blob's exact bytes, whatever .gitattributes says about line ends.
 * Throws GitError `FileNotFound`, `NotAFile`, `FileTooLarge`, `CommitNotFound`, `InvalidPath`, `InvalidRef`.
 */
export async function readBlob(request: ReadBlobRequest): Promise<Buffer> {
  const bytes = await readBlobIfPresent(request);
  if (bytes !== undefined) return bytes;
  throw new GitError('GitFailed', `the content of ${request.path} is missing in ${request.gitDirectory}`);
}

/** As readBlob, but undefined when the tree has the file and the Git directory lacks its content, as after a filtered fetch. */
export async function readBlobIfPresent(request: ReadBlobRequest): Promise<Buffer | undefined> {
  const path = requireRelativePath(request.path);
  const commit = requireCommit(request.commit);
  const options: RunGitOptions = {
    gitDirectory: request.gitDirectory,
    signal: request.signal,
    timeoutMs: request.timeoutMs,
    memoryBytes: request.memoryBytes,
  };
  // Both at once: the second does not need the first's answer, only its consent.
  const [mode, content] = await Promise.allSettled([
    entryMode(commit, path, options),
    runGit(['cat-file', '--batch'], {
      ...options,
      input: `${commit}:${path}\n`,
      maxOutputBytes: request.maxBytes + MAX_HEADER_BYTES,
      truncate: true,
    }),
  ]);
  if (mode.status === 'rejected') throw mode.reason;
  checkMode(mode.value, path, commit);
  if (content.status === 'rejected') throw content.reason;
  return parseContent(content.value, path, request.maxBytes);
}

/** The entry's mode such as 100644; undefined when there is none. */
async function entryMode(commit: string, path: string, options: RunGitOptions): Promise<string | undefined> {
  const { stdout } = await runGit(['ls-tree', '-z', commit, '--', path], options).catch((error: unknown) => {
    if (!hasGitCode(error, 'CommitNotFound')) throw error;
    throw new GitError('CommitNotFound', `the commit ${commit} is not in the repository`, { cause: error });
  });
  return /^([0-9]{6}) /.exec(stdout.toString('utf8'))?.[1];
}

function checkMode(mode: string | undefined, path: string, commit: string): void {
  if (mode === undefined) {
    throw new GitError(
      'FileNotFound',
      `there is no ${path} at commit ${commit.slice(0, 12)}: add one, or correct spec.path`,
    );
  }
  if (REGULAR.has(mode)) return;
  const kind = mode === '120000' ? 'a symbolic link' : mode === '160000' ? 'a submodule' : 'a directory';
  throw new GitError('NotAFile', `${path} at commit ${commit.slice(0, 12)} is ${kind}: it must be a regular file`);
}

function parseContent(output: GitOutput, path: string, maxBytes: number): Buffer | undefined {
  const newline = output.stdout.indexOf(0x0a);
  const header = output.stdout.subarray(0, newline).toString('utf8');
  if (header.endsWith(' missing')) return undefined;
  const size = Number(/^[0-9a-f]+ blob ([0-9]+)$/.exec(header)?.[1] ?? Number.NaN);
  if (Number.isNaN(size)) throw new GitError('GitFailed', `git cat-file gave no file for ${path}`);
  if (size > maxBytes) throw tooLarge(path, maxBytes, size);
  return Buffer.from(output.stdout.subarray(newline + 1, newline + 1 + size));
}

/** The error for a file above the bound; without a size when only the bound is known to be passed. */
export function tooLarge(path: string, maxBytes: number, size?: number): GitError {
  const measured = size === undefined ? 'too large' : `${size} bytes large`;
  return new GitError('FileTooLarge', `${path} is ${measured}: at most ${maxBytes} bytes are read`);
}
