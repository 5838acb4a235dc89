import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Credentials } from './credentials.ts';
import { hasGitCode } from './errors.ts';
import { fetchCommit } from './fetch.ts';
import { createGitDirectory, detachHead, isShallow } from './git-directory.ts';
import { inspectTree, type TreeLimits } from './inspect-tree.ts';
import { requireCommit } from './ref.ts';
import { listTags } from './remote.ts';
import { type RemoteSession, withRemote } from './session.ts';
import { anyOf } from './signals.ts';
import { chooseTag, describeWithoutHistory, parseDescription, type RemoteTag, type TagDescription } from './tags.ts';
import type { GitUrl } from './url.ts';

/** How far back the nearest tag is looked for unless told otherwise, commits. */
const DEFAULT_MAX_HISTORY = 10_000;
/** Depth of the first look back; each further one goes ten times as deep. */
const FIRST_DEPTH = 100;
/** Bound of what a server may send, bytes; the volume's own size limit is the real one. */
const MAX_FETCH_BYTES = 8 * 1024 * 1024 * 1024;
/** Group and owner may write: the steps run as another user of the same group. */
const WORK_TREE_UMASK = 0o002;

export interface CheckoutRequest {
  readonly url: GitUrl;
  /** Full name of the commit. */
  readonly commit: string;
  /** Is created; must lie outside the work tree. */
  readonly gitDirectory: string;
  /** Exists, and holds nothing that anyone else can change until this returns. */
  readonly workTree: string;
  readonly credentials?: Credentials | undefined;
  /** Bound of the whole, milliseconds. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** How many commits to look back for the nearest tag. Default 10,000; 0: only a tag on the commit itself. */
  readonly maxHistory?: number | undefined;
  /** What the commit may contain; a larger one is refused before anything of it is written. Default: `DEFAULT_TREE_LIMITS`. */
  readonly limits?: Partial<TreeLimits> | undefined;
  /** Bound of the memory of each process of git, bytes. Default 128 MiB. */
  readonly memoryBytes?: number | undefined;
  /** What is known about the commit's tags already; the server is not asked for them then. */
  readonly description?: TagDescription | undefined;
}

/**
 * Checks a commit out into `workTree`, with the Git directory elsewhere and no `.git` in the tree. Files are writable for the group
 * (0664 and 0775; a setgid directory hands its group down), symbolic links stay links and are never followed. Submodules are empty
 * directories, and files of Git LFS are their pointers.
 *
 * Costs two calls at once (the commit alone; the list of tags, unless `description` is given), one process that measures the commit and one
 * that writes the files. History is fetched only when the commit has no tag and the repository has some.
 *
 * Throws GitError (`CommitNotFound`, `UnsafeRepository`, `RepositoryTooLarge`, `FileTooLarge` and those of the network), or the signal's reason.
 */
export async function checkout(request: CheckoutRequest): Promise<TagDescription> {
  return withCheckout(request, session => checkoutIn(session, request));
}

/** `checkout` in a session that is open already. */
export async function checkoutIn(session: RemoteSession, request: CheckoutRequest): Promise<TagDescription> {
  await createGitDirectory(request.gitDirectory, request.commit);
  const tags = await fetchWithTags(session, request);
  return writeWorkTree(session, request, tags);
}

/** Checks a request and opens the session for `work`. */
export async function withCheckout<T>(
  request: CheckoutRequest,
  work: (session: RemoteSession) => Promise<T>,
): Promise<T> {
  requireCommit(request.commit);
  requireApart(request.gitDirectory, request.workTree);
  // Key files, if any, lie beside the Git directory: closed to the steps, and writable where the root file system is not.
  const parent = path.dirname(request.gitDirectory);
  await mkdir(parent, { recursive: true, mode: 0o700 });
  return withRemote(request.url, { ...request, temporaryDirectory: parent }, work);
}

/**
 * Writes the work tree from a Git directory that has the commit, and looks for the nearest tag meanwhile.
 *
 * @param tags all tags of the repository; may be empty when the request has a description
 */
export async function writeWorkTree(
  session: RemoteSession,
  request: CheckoutRequest,
  tags: ReadonlyMap<string, readonly RemoteTag[]>,
): Promise<TagDescription> {
  await detachHead(request.gitDirectory, request.commit);
  const [result] = await together(signal => [
    nearestTag(session, { ...request, signal }, tags),
    writeFiles(session, { ...request, signal }),
  ]);
  return result;
}

async function writeFiles(
  session: RemoteSession,
  { gitDirectory, commit, workTree, limits, signal }: CheckoutRequest,
): Promise<void> {
  await inspectTree({ git: session.local, gitDirectory, commit, limits, signal });
  await session.local(['read-tree', '--reset', '-u', commit], {
    gitDirectory,
    workTree,
    umask: WORK_TREE_UMASK,
    signal,
  });
}

function requireApart(gitDirectory: string, workTree: string): void {
  const relative = path.relative(path.resolve(workTree), path.resolve(gitDirectory));
  if (relative === '' || !(relative === '..' || relative.startsWith('../'))) {
    throw new TypeError(`the Git directory ${gitDirectory} must lie outside the work tree ${workTree}`);
  }
}

/** Fetches the commit alone into a Git directory, and all tags unless the request says what they say. */
export async function fetchWithTags(
  session: RemoteSession,
  { gitDirectory, commit, description, signal: stop }: FetchWithTagsRequest,
): Promise<Map<string, RemoteTag[]>> {
  const [tags] = await together(
    signal => [
      description === undefined ? listTags(session, signal) : Promise.resolve(new Map()),
      fetchCommit({ session, gitDirectory, commit, depth: 1, maxBytes: MAX_FETCH_BYTES, signal }),
    ],
    stop,
  );
  return tags;
}

type FetchWithTagsRequest = Pick<CheckoutRequest, 'gitDirectory' | 'commit' | 'description' | 'signal'>;

/** Awaits all; when one fails the others are aborted, and it is its error that is thrown, once they have ended. */
export async function together<T extends readonly Promise<unknown>[] | []>(
  start: (signal: AbortSignal) => T,
  stop?: AbortSignal,
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  const controller = new AbortController();
  const promises = start(anyOf(stop, controller.signal));
  try {
    return await Promise.all(promises);
  } catch (error) {
    controller.abort(error);
    await Promise.allSettled(promises);
    throw error;
  }
}

/** A CheckoutRequest whose signal ends this part only. */
type HistoryRequest = Pick<CheckoutRequest, 'gitDirectory' | 'commit' | 'maxHistory' | 'description' | 'signal'>;

async function nearestTag(
  session: RemoteSession,
  request: HistoryRequest,
  tags: ReadonlyMap<string, readonly RemoteTag[]>,
): Promise<TagDescription> {
  const known = request.description ?? describeWithoutHistory(request.commit, tags);
  if (known !== undefined) return known;
  const maximum = request.maxHistory ?? DEFAULT_MAX_HISTORY;
  for (let depth = Math.min(FIRST_DEPTH, maximum); depth > 1; depth = Math.min(depth * 10, maximum)) {
    if (await isShallow(request.gitDirectory)) await deepen(session, request, depth);
    const commits = await history(session, request);
    const found = new Map([...tags].filter(([commit]) => commits.has(commit)));
    if (found.size > 0) return describe(session, request, found);
    if (depth === maximum || !(await isShallow(request.gitDirectory))) break;
  }
  return {};
}

/** Fetches commits without their trees where the server can leave those out. */
async function deepen(session: RemoteSession, request: HistoryRequest, depth: number): Promise<void> {
  const { gitDirectory, commit, signal } = request;
  await fetchCommit({ session, gitDirectory, commit, depth, filters: [['tree:0']], maxBytes: MAX_FETCH_BYTES, signal });
}

async function history(session: RemoteSession, { gitDirectory, commit, signal }: HistoryRequest): Promise<Set<string>> {
  const { stdout } = await session.local(['rev-list', commit], {
    gitDirectory,
    signal,
    maxOutputBytes: 64 * 1024 * 1024,
  });
  return new Set(stdout.toString('utf8').trimEnd().split('\n'));
}

async function describe(
  session: RemoteSession,
  { gitDirectory, commit, signal }: HistoryRequest,
  tags: ReadonlyMap<string, readonly RemoteTag[]>,
): Promise<TagDescription> {
  const lines = [...tags].flatMap(([tagged, names]) => {
    const tag = chooseTag(names);
    return tag ? [`${tagged} refs/tags/${tag.name}`] : [];
  });
  await writeFile(path.join(gitDirectory, 'packed-refs'), `${lines.join('\n')}\n`);
  try {
    const { stdout } = await session.local(['describe', '--tags', '--long', '--abbrev=7', commit], {
      gitDirectory,
      signal,
    });
    const text = stdout.toString('utf8').trim();
    const parsed = parseDescription(text);
    return parsed ? { tag: parsed.tag, commitsSinceTag: parsed.commitsSince, describe: text } : {};
  } catch (error) {
    if (hasGitCode(error, 'GitFailed')) return {};
    throw error;
  }
}
