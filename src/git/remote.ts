import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { readBlobIfPresent, requireRelativePath, tooLarge } from './blob.ts';
import { GitError } from './errors.ts';
import { fetchCommit } from './fetch.ts';
import { createGitDirectory } from './git-directory.ts';
import { type GitRef, isCommit, isRefName, parseRef, type RefQuery, requireCommit } from './ref.ts';
import { type RemoteOptions, type RemoteSession, withRemote } from './session.ts';
import { describeWithoutHistory, type RemoteTag, type TagDescription } from './tags.ts';
import type { GitUrl } from './url.ts';

/** Bound of the temporary repository that one file is read from, bytes. Only servers without filters send more than a few KiB. */
const DEFAULT_MAX_FETCH_BYTES = 512 * 1024 * 1024;
/** References of one name: few, unless the server ignores what it was asked for. */
const MAX_REFS_BYTES = 16 * 1024 * 1024;

export interface ResolvedRef {
  /** Full name of a commit (or of what an annotated tag points to). */
  readonly commit: string;
  /** Full name of the reference, such as refs/heads/main; absent when a commit was asked for. */
  readonly ref?: string;
  /** What the tags say about the commit, where that is known without its history; absent too when a commit was asked for. */
  readonly description?: TagDescription;
}

/**
 * Looks up what a branch, tag or text points to; without a reference, the remote's default branch. Tags are peeled. A commit is
 * given back without a call: reading from it tells whether it exists.
 * Throws GitError `RefNotFound`, `RepositoryNotFound`, `InvalidRef` and those of the network.
 */
export async function resolveRef(url: GitUrl, ref: GitRef, options: RemoteOptions = {}): Promise<ResolvedRef> {
  const query = parseRef(ref);
  if (query.kind === 'commit') return { commit: query.commit };
  return withRemote(url, options, session => lookUp(session, query));
}

async function lookUp(session: RemoteSession, query: Exclude<RefQuery, { kind: 'commit' }>): Promise<ResolvedRef> {
  if (query.kind === 'default') return lookUpDefault(session);
  const patterns = query.names.flatMap(name => [name, `${name}^{}`]);
  const { commits } = parseRefs(await list(session, [], [...patterns, ALL_TAGS]));
  for (const name of query.names) {
    const commit = commits.get(`${name}^{}`) ?? commits.get(name);
    if (commit !== undefined) return resolved(commit, name, commits);
  }
  throw new GitError('RefNotFound', `${session.url.href} has no ${query.shown}: correct ${query.field}, or push it`);
}

async function lookUpDefault(session: RemoteSession): Promise<ResolvedRef> {
  const { commits, head } = parseRefs(await list(session, ['--symref'], ['HEAD', ALL_TAGS]));
  const commit = commits.get('HEAD');
  if (commit === undefined) {
    throw new GitError(
      'RefNotFound',
      `${session.url.href} has no default branch with a commit in it: push one, or name a branch in spec.ref`,
    );
  }
  return resolved(commit, head, commits);
}

/** The tags come along with any list of references: git asks for all and looks for the patterns itself. */
const ALL_TAGS = 'refs/tags/*';

function resolved(commit: string, ref: string | undefined, commits: ReadonlyMap<string, string>): ResolvedRef {
  const description = describeWithoutHistory(commit, tagsOf(commits));
  return { commit, ...(ref === undefined ? {} : { ref }), ...(description === undefined ? {} : { description }) };
}

/** A list of references is short: a server that takes longer is not there, and a second try may meet another. Milliseconds. */
const LIST_TRY_MS = 15_000;

async function list(
  session: RemoteSession,
  flags: readonly string[],
  patterns: readonly string[],
  signal?: AbortSignal,
): Promise<string> {
  const { stdout } = await session.git(['ls-remote', '--quiet', ...flags, '--', session.url.href, ...patterns], {
    maxOutputBytes: MAX_REFS_BYTES,
    tryMs: LIST_TRY_MS,
    signal,
  });
  return stdout.toString('utf8');
}

/** Reads what `git ls-remote --symref` prints. Lines of another form, and names that git would not let anyone create, are left out. */
export function parseRefs(text: string): { commits: ReadonlyMap<string, string>; head: string | undefined } {
  const commits = new Map<string, string>();
  let head: string | undefined;
  for (const line of text.split('\n')) {
    const [value, name] = line.split('\t');
    if (value === undefined || name === undefined) continue;
    if (name === 'HEAD' && value.startsWith('ref: ')) head = value.slice('ref: '.length);
    else if (isCommit(value) && isListedName(name)) commits.set(name, value);
  }
  return { commits, head };
}

/** A server may say anything. Names end up in variables of steps, in status, and in a file that git reads. */
function isListedName(name: string): boolean {
  return name === 'HEAD' || (name.startsWith('refs/') && isRefName(name.replace(/\^\{\}$/, '')));
}

/** All tags of a repository, peeled: commit to names. */
export async function listTags(session: RemoteSession, signal?: AbortSignal): Promise<Map<string, RemoteTag[]>> {
  return tagsOf(parseRefs(await list(session, ['--tags'], [], signal)).commits);
}

function tagsOf(commits: ReadonlyMap<string, string>): Map<string, RemoteTag[]> {
  const tags = new Map<string, RemoteTag[]>();
  for (const [name, object] of commits) {
    if (name.endsWith('^{}') || !name.startsWith('refs/tags/')) continue;
    const peeled = commits.get(`${name}^{}`);
    const commit = peeled ?? object;
    const tag = { name: name.slice('refs/tags/'.length), annotated: peeled !== undefined };
    const others = tags.get(commit);
    if (others === undefined) tags.set(commit, [tag]);
    else others.push(tag);
  }
  return tags;
}

export interface ReadFileRequest extends RemoteOptions {
  readonly url: GitUrl;
  readonly commit: string;
  /** Relative to the repository's root. */
  readonly path: string;
  /** A larger file is refused without being read, and without being sent by servers that support filters. */
  readonly maxBytes: number;
  /** Bound of what the server may send. Default 512 MiB. */
  readonly maxFetchBytes?: number | undefined;
}

/**
 * Reads one regular file of a commit, through a temporary repository that is removed afterwards. Servers that support filters
 * send the commit, the trees down to the file's directory and the small files there, nothing else.
 * Throws GitError `FileNotFound`, `NotAFile`, `FileTooLarge`, `CommitNotFound` and those of the network.
 */
export async function readFileAt(request: ReadFileRequest): Promise<Buffer> {
  const commit = requireCommit(request.commit);
  const file = requireRelativePath(request.path);
  const small = `blob:limit=${request.maxBytes + 1}`;
  const near = `tree:${file.split('/').length + 1}`;
  return withRemote(request.url, request, async session => {
    const first = await readThrough(session, request, commit, [[near, small], [small]]);
    if (first.bytes !== undefined) return first.bytes;
    // Both filters together lose a file whose content also stands deeper in the tree (seen in git 2.39): only the one of sizes is proof.
    const second = first.filter.includes(near) ? await readThrough(session, request, commit, [[small]]) : first;
    if (second.bytes !== undefined) return second.bytes;
    throw tooLarge(file, request.maxBytes);
  });
}

/** One fetch into a temporary repository, and the file from there; without bytes when the filter left it out. */
async function readThrough(
  session: RemoteSession,
  request: ReadFileRequest,
  commit: string,
  filters: readonly (readonly string[])[],
): Promise<{ filter: readonly string[]; bytes: Buffer | undefined }> {
  const gitDirectory = await mkdtemp(path.join(request.temporaryDirectory ?? os.tmpdir(), 'tako-read-'));
  try {
    await createGitDirectory(gitDirectory, commit);
    const maxBytes = request.maxFetchBytes ?? DEFAULT_MAX_FETCH_BYTES;
    const filter = await fetchCommit({ session, gitDirectory, commit, depth: 1, filters, maxBytes });
    const bytes = await readBlobIfPresent({ ...request, gitDirectory, commit, timeoutMs: undefined });
    return { filter, bytes };
  } finally {
    await rm(gitDirectory, { recursive: true, force: true });
  }
}
