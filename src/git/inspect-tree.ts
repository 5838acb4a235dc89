import { GitError } from './errors.ts';
import { runGit } from './git.ts';
import { requireCommit } from './ref.ts';
import { shownName } from './shown.ts';

/** What a commit may contain. Each is the largest that is still taken. */
export interface TreeLimits {
  /** Files, symbolic links, submodules and directories together. */
  readonly entries: number;
  /** All files together, bytes: what the workspace holds. As the repository has them: attributes such as `ident` can make a file larger when it is written. */
  readonly bytes: number;
  /** One file, bytes. */
  readonly fileBytes: number;
  /** One path from the root of the repository, bytes. */
  readonly pathBytes: number;
  /** One name in a path, bytes. */
  readonly nameBytes: number;
  /** Target of one symbolic link, bytes. */
  readonly linkBytes: number;
  /** Directories in one another. */
  readonly depth: number;
}

export const DEFAULT_TREE_LIMITS: TreeLimits = {
  // Twice the Linux kernel's, with room for generated code; each costs an inode and some 0.1 ms.
  entries: 200_000,
  bytes: 8 * 1024 ** 3,
  fileBytes: 2 * 1024 ** 3,
  // PATH_MAX is 4,096 with the NUL (path_resolution(7)); the rest is for the workspace's own path.
  pathBytes: 4_000,
  // NAME_MAX of the file systems of Linux.
  nameBytes: 255,
  // PATH_MAX with the NUL: symlink(2) takes no longer one.
  linkBytes: 4_095,
  // git recurses: its own default bound is 4,096 from version 2.43 on (core.maxTreeDepth), none before.
  depth: 256,
};

export interface InspectTreeRequest {
  readonly gitDirectory: string;
  /** Full name of a commit that the Git directory has with all its trees and files. */
  readonly commit: string;
  /** Default: `DEFAULT_TREE_LIMITS`, one by one. */
  readonly limits?: Partial<TreeLimits> | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Runs git, such as `local` of a session with its deadline. Default: `runGit`. */
  readonly git?: typeof runGit | undefined;
}

/** What a commit contains. */
export interface TreeSize {
  /** Files and symbolic links. */
  readonly files: number;
  /** Their content, bytes. */
  readonly bytes: number;
}

/**
 * Measures the tree of a commit before anything of it is written. It stops at the first entry that is beyond a limit, so that a tree which
 * names itself a million times costs no more than one of as many files as are allowed.
 *
 * Throws GitError `RepositoryTooLarge` (entries, bytes), `FileTooLarge`, `UnsafeRepository` (path, name, depth), `CommitNotFound`.
 */
export async function inspectTree(request: InspectTreeRequest): Promise<TreeSize> {
  const commit = requireCommit(request.commit);
  const measure = measureTree(commit, { ...DEFAULT_TREE_LIMITS, ...request.limits });
  const git = request.git ?? runGit;
  // -t: directories without files cost time too, and are where a deep tree is noticed first. No --format: it quotes paths in spite of -z (seen
  // in git 2.39).
  await git(['ls-tree', '-r', '-t', '-l', '-z', '--full-tree', commit], {
    gitDirectory: request.gitDirectory,
    signal: request.signal,
    onOutput: measure.add,
  });
  return measure.size();
}

interface Measure {
  add(chunk: Buffer): void;
  size(): TreeSize;
}

const SLASH = 0x2f;
const SPACE = 0x20;
const TAB = 0x09;
const DASH = 0x2d;
/** Second digit of the mode of a symbolic link, 120000; no other mode has it. */
const LINK = 0x32;
/** `100644 commit <64 digits> 18446744073709551615` and a tab before the path. */
const MAX_PREFIX_BYTES = 100;

/** Reads the listing of a tree, in pieces as they come. `add` throws a GitError at the first entry that is beyond a limit. */
export function measureTree(commit: string, limits: TreeLimits): Measure {
  let rest: Buffer = Buffer.alloc(0);
  let entries = 0;
  let files = 0;
  let bytes = 0;
  const where = `commit ${commit.slice(0, 12)}`;

  function entry(record: Buffer): void {
    const end = record.indexOf(TAB);
    const path = record.subarray(end + 1);
    checkPath(path, where, limits);
    entries += 1;
    if (entries > limits.entries) {
      throw new GitError(
        'RepositoryTooLarge',
        `${where} has more than ${limits.entries} files and directories (${shownName(path)} is the first beyond): make it smaller, or have TAKO_CHECKOUT_MAX_ENTRIES of the operator raised`,
      );
    }
    // Directories and submodules have "-" for a size.
    if (record[end - 1] === DASH) return;
    const size = Number(record.toString('latin1', record.lastIndexOf(SPACE, end) + 1, end));
    if (!Number.isSafeInteger(size)) throw new GitError('GitFailed', `git ls-tree gave no size for ${shownName(path)}`);
    files += 1;
    bytes += size;
    if (record[1] === LINK && (size === 0 || size > limits.linkBytes)) {
      throw new GitError(
        'UnsafeRepository',
        `the symbolic link ${shownName(path)} of ${where} has a target of ${size} bytes, which is not between 1 and ${limits.linkBytes}: correct or remove it`,
      );
    }
    if (size > limits.fileBytes) {
      throw new GitError(
        'FileTooLarge',
        `the file ${shownName(path)} of ${where} has ${size} bytes, at most ${limits.fileBytes} are checked out: keep large files elsewhere, such as in Git LFS`,
      );
    }
    if (bytes > limits.bytes) {
      throw new GitError(
        'RepositoryTooLarge',
        `the files of ${where} have more than ${limits.bytes} bytes together, which is what the workspace holds: make the repository smaller, or the workspace larger (spec.workspace of the run, spec.runTemplate.workspace of the TakoRepository)`,
      );
    }
  }

  return {
    add(chunk) {
      const data = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      let start = 0;
      for (let end = data.indexOf(0); end !== -1; end = data.indexOf(0, start)) {
        entry(data.subarray(start, end));
        start = end + 1;
      }
      rest = data.subarray(start);
      if (rest.length > MAX_PREFIX_BYTES + limits.pathBytes) checkPath(rest.subarray(MAX_PREFIX_BYTES), where, limits);
    },
    size: () => ({ files, bytes }),
  };
}

function checkPath(path: Buffer, where: string, limits: TreeLimits): void {
  const refuse = (what: string) => {
    throw new GitError('UnsafeRepository', `${where} has ${what}: ${shownName(path)}; rename or remove it`);
  };
  if (path.length > limits.pathBytes) refuse(`a path of more than ${limits.pathBytes} bytes`);
  let depth = 0;
  let start = 0;
  for (let end = path.indexOf(SLASH); end !== -1; end = path.indexOf(SLASH, start)) {
    if (end - start > limits.nameBytes) refuse(`a name of more than ${limits.nameBytes} bytes`);
    depth += 1;
    start = end + 1;
  }
  if (path.length - start > limits.nameBytes) refuse(`a name of more than ${limits.nameBytes} bytes`);
  if (depth > limits.depth) refuse(`more than ${limits.depth} directories in one another`);
}
