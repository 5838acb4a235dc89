import { GitError, hasGitCode } from './errors.ts';
import { resetConfiguration } from './git-directory.ts';
import type { RemoteSession } from './session.ts';
import { anyOf } from './signals.ts';
import { watchSize } from './size-limit.ts';

/** Quiet, nothing but the objects asked for, and no housekeeping afterwards. */
const FETCH = ['fetch', '--quiet', '--no-tags', '--no-write-fetch-head', '--no-recurse-submodules', '--no-auto-gc'];

export interface FetchRequest {
  readonly session: RemoteSession;
  readonly gitDirectory: string;
  readonly commit: string;
  /** Commits of history; absent: all. */
  readonly depth?: number | undefined;
  /** Filters to try in order, each a list for `--filter`; without one the server sends everything. */
  readonly filters?: readonly (readonly string[])[] | undefined;
  /** Bound of the Git directory, bytes. */
  readonly maxBytes: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Brings a commit into a Git directory, with as little around it as the server can be talked into: by its name, shallow and filtered;
 * without a filter where the server refuses those; and where it gives out only what its references point to, and the commit is
 * not such a tip, all branches and tags with their history.
 *
 * Gives the filter that was used, empty when none was. Throws GitError `CommitNotFound`, `RepositoryTooLarge`, and whatever the
 * network gives.
 */
export async function fetchCommit(request: FetchRequest): Promise<readonly string[]> {
  try {
    return await firstSupported(request, [request.commit]);
  } catch (error) {
    if (!hasGitCode(error, 'CommitUnadvertised')) throw error;
  }
  const everything = ['+refs/heads/*:refs/tako/heads/*', '+refs/tags/*:refs/tako/tags/*'];
  const filter = await firstSupported({ ...request, depth: undefined }, everything);
  if (await hasCommit(request)) return filter;
  throw new GitError(
    'CommitNotFound',
    `no branch or tag of ${request.session.url.href} has the commit ${request.commit} (any more): was its branch rewritten?`,
  );
}

async function firstSupported(request: FetchRequest, refspecs: readonly string[]): Promise<readonly string[]> {
  for (const filter of request.filters ?? []) {
    try {
      await fetchOnce(request, filter, refspecs);
      return filter;
    } catch (error) {
      if (!hasGitCode(error, 'FilterUnsupported')) throw error;
    }
  }
  await fetchOnce(request, [], refspecs);
  return [];
}

async function fetchOnce(request: FetchRequest, filter: readonly string[], refspecs: readonly string[]): Promise<void> {
  const { session, gitDirectory, depth, maxBytes } = request;
  const shape = [...(depth === undefined ? [] : [`--depth=${depth}`]), ...filter.map(item => `--filter=${item}`)];
  const watch = watchSize(`${gitDirectory}/objects/pack`, maxBytes);
  const fetched = await session
    .git([...FETCH, ...shape, '--', session.url.href, ...refspecs], {
      gitDirectory,
      signal: anyOf(request.signal, watch.signal),
    })
    .then(
      () => ({ ok: true }) as const,
      (error: unknown) => ({ ok: false, error }) as const,
    );
  const tooLarge = await watch.stop();
  await resetConfiguration(gitDirectory, request.commit);
  if (tooLarge) {
    throw new GitError(
      'RepositoryTooLarge',
      `${session.url.href} sends more than the ${maxBytes} bytes that are taken: let the server support filters, or make the repository smaller`,
    );
  }
  if (!fetched.ok) throw fetched.error;
}

async function hasCommit({ session, gitDirectory, commit }: FetchRequest): Promise<boolean> {
  try {
    await session.local(['cat-file', '-e', `${commit}^{commit}`], { gitDirectory });
    return true;
  } catch (error) {
    if (hasGitCode(error, 'GitFailed', 'CommitNotFound')) return false;
    throw error;
  }
}
