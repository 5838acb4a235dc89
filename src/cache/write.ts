import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fetchWithTags } from '../git/checkout.ts';
import { isGitError } from '../git/errors.ts';
import { createGitDirectory } from '../git/git-directory.ts';
import { inspectTree, type TreeLimits } from '../git/inspect-tree.ts';
import type { RemoteSession } from '../git/session.ts';
import { anyOf } from '../git/signals.ts';
import type { RemoteTag, TagDescription } from '../git/tags.ts';
import type { Published } from '../locks/types.ts';
import { generationBytes } from './entries.ts';
import { factsOf, linkOrCopy, makeDirectory, syncPath } from './files.ts';
import { isOvergrown } from './growth.ts';
import { generationDirectory, numberedDirectories, temporaryDirectory } from './layout.ts';
import { type CacheLock, LockLostError } from './locks.ts';
import {
  formatManifest,
  isObjectFile,
  isPackFile,
  type Manifest,
  type ManifestFile,
  manifestBytes,
} from './manifest.ts';
import { asBroken, BrokenGenerationError, checkFile, readManifest } from './read.ts';
import { within } from './within.ts';

export interface WriteRequest {
  readonly session: RemoteSession;
  readonly commit: string;
  readonly description?: TagDescription | undefined;
  /** Of the commit's tree. */
  readonly limits?: Partial<TreeLimits> | undefined;
  /** The entry's directory. */
  readonly entry: string;
  /** To write. It is a reader's when this returns. */
  readonly lock: CacheLock;
  readonly signal?: AbortSignal | undefined;
  /** How long the lock service may take to publish, milliseconds. */
  readonly publishMs: number;
  readonly log: (message: string, fields?: Record<string, unknown>) => void;
}

export interface WrittenGeneration {
  readonly directory: string;
  readonly manifest: Manifest;
  readonly tags: Map<string, RemoteTag[]>;
  /** What the Git server sent, bytes. */
  readonly fetchedBytes: number;
  /** Whether what was published before was of no use. */
  readonly rebuilt: boolean;
}

/**
 * Fetches a commit into a new generation and publishes it. The Git server sends only what the published generation does not have.
 *
 * The files come to be under a temporary name and are on the disk before they get their own; then the lock service is asked to publish
 * them. Whatever goes wrong before that, nobody has been told to read them, and they are removed. Throws LockLostError when the
 * lock is not this writer's any more, GitError, and what the volume gives.
 */
export async function writeGeneration(request: WriteRequest): Promise<WrittenGeneration> {
  const { entry, lock, session } = request;
  const directory = generationDirectory(entry, lock.fence);
  const temporary = temporaryDirectory(entry, lock.fence);
  await makeDirectory(entry);
  await writeFile(path.join(entry, 'url'), `${session.url.href}\n`);
  // Not recursive: the number is ours alone, and whoever has made this directory takes it for theirs.
  await mkdir(temporary, { mode: 0o700 });
  let renamed = false;
  try {
    const { base, tags, rebuilt } = await fetchCommit(request, path.join(temporary, 'git'));
    const manifest = await seal(request, temporary, base);
    lock.lost.throwIfAborted();
    await rename(temporary, directory);
    renamed = true;
    await syncPath(entry);
    const commits = manifest.commits.map(({ commit }) => commit);
    await publish(request, { commits, bytes: await generationBytes(directory) });
    const fetchedBytes = manifestBytes(manifest) - (base ? manifestBytes(base) : 0);
    return { directory, manifest, tags, rebuilt, fetchedBytes };
  } catch (error) {
    // After any other error of `publish` it may be published, and readers on their way: the next writer decides.
    if (!renamed) await rm(temporary, { recursive: true, force: true }).catch(() => undefined);
    else if (error instanceof LockLostError) await removeGeneration(directory, temporary);
    throw error;
  }
}

/** A service that is away asks again and again for as long as the lock is good, which is longer than a run may wait. */
async function publish(
  { lock, signal, publishMs }: WriteRequest,
  generation: Parameters<CacheLock['publish']>[0],
): Promise<void> {
  const late = AbortSignal.timeout(publishMs);
  await within(lock.publish(generation), anyOf(signal, late)).catch((error: unknown) => {
    if (!late.aborted || signal?.aborted === true) throw error;
    throw new Error('the lock service did not publish it in time', { cause: error });
  });
}

/**
 * Removes what is older than the published generation: no grant names it from now on, so even one who was paused before this line removes
 * nothing that is read. Files that somebody else still writes there stay for the next time.
 */
export async function removeOlder(entry: string, fence: number): Promise<void> {
  for (const one of await numberedDirectories(entry)) {
    if (one.fence >= fence) continue;
    if (one.complete) await removeGeneration(one.path, temporaryDirectory(entry, one.fence));
    else await rm(one.path, { recursive: true, force: true }).catch(() => undefined);
  }
}

/** Under another name first: what is half removed does not look finished. */
async function removeGeneration(directory: string, temporary: string): Promise<void> {
  await rename(directory, temporary).catch(() => undefined);
  for (const left of [temporary, directory]) await rm(left, { recursive: true, force: true }).catch(() => undefined);
}

interface Fetched {
  readonly base: Manifest | undefined;
  readonly tags: Map<string, RemoteTag[]>;
  readonly rebuilt: boolean;
}

/** Fetches the commit into a new Git directory, on top of what is published if that is any good. */
async function fetchCommit(request: WriteRequest, gitDirectory: string): Promise<Fetched> {
  const { published } = request.lock;
  try {
    const base = published && (await usableBase(request, published));
    return { base, rebuilt: false, tags: await fetchOnto(request, gitDirectory, base) };
  } catch (error) {
    if (published === undefined || !isFaultOfBase(error, request)) throw error;
    request.log('the cached copy is broken and is built anew', { reason: (error as Error).message });
    await rm(gitDirectory, { recursive: true, force: true });
    return { base: undefined, rebuilt: true, tags: await fetchOnto(request, gitDirectory, undefined) };
  }
}

/** Network and credentials fail the same without a base; all else may be due to its objects. */
function isFaultOfBase(error: unknown, { lock, signal }: WriteRequest): boolean {
  if (lock.lost.aborted || signal?.aborted === true) return false;
  if (error instanceof BrokenGenerationError) return true;
  return (
    isGitError(error) && (error.code === 'GitFailed' || error.class === 'invalid' || error.code === 'CommitNotFound')
  );
}

/** The published generation, when it is worth adding to. Throws BrokenGenerationError. */
async function usableBase(
  { entry, session, commit }: WriteRequest,
  { fence, commits }: Published,
): Promise<Manifest | undefined> {
  const directory = generationDirectory(entry, fence);
  if (commits.includes(commit)) {
    throw new BrokenGenerationError(`${directory} was published with ${commit}, which cannot be read from it`);
  }
  const manifest = await readManifest(directory, { url: session.url.href, fence });
  return isOvergrown(manifest) ? undefined : manifest;
}

async function fetchOnto(
  request: WriteRequest,
  gitDirectory: string,
  base: Manifest | undefined,
): Promise<Fetched['tags']> {
  const { session, commit, description } = request;
  const signal = signalOf(request);
  await createGitDirectory(gitDirectory, commit);
  if (base !== undefined) await addBase(generationDirectory(request.entry, base.fence), base, gitDirectory, signal);
  return fetchWithTags(session, { gitDirectory, commit, description, signal });
}

/** Writes the manifest, and everything to the disk. */
async function seal(request: WriteRequest, temporary: string, base: Manifest | undefined): Promise<Manifest> {
  const { session, commit, limits, lock } = request;
  const signal = signalOf(request);
  const gitDirectory = path.join(temporary, 'git');
  // A commit beyond the limits is in nobody's way here: it is not cached.
  const size = await inspectTree({ git: session.local, gitDirectory, commit, limits, signal });
  const commits = [...(base?.commits ?? []), { commit, ...size }];
  await writeReferences(gitDirectory, commits);
  const files = await describeFiles(gitDirectory, base?.files ?? [], signal);
  const manifest: Manifest = {
    url: session.url.href,
    fence: lock.fence,
    created: new Date().toISOString(),
    freshBytes: base?.freshBytes ?? manifestBytes({ files }),
    commits,
    files,
  };
  await writeFile(path.join(temporary, 'manifest.json'), formatManifest(manifest), { flush: true });
  for (const name of ['git/objects/pack', 'git', '.']) await syncPath(path.join(temporary, name));
  return manifest;
}

function signalOf({ signal, lock }: WriteRequest): AbortSignal {
  return anyOf(signal, lock.lost);
}

/** Gives a new Git directory the objects of a generation, each file checked, and the references that tell the server of them. */
async function addBase(generation: string, base: Manifest, gitDirectory: string, signal: AbortSignal): Promise<void> {
  const from = path.join(generation, 'git');
  for (const file of base.files.filter(({ path: name }) => isObjectFile(name))) {
    await asBroken(file.path, () => linkOrCopy(path.join(from, file.path), path.join(gitDirectory, file.path)));
    await checkFile(gitDirectory, file, signal);
  }
  await writeReferences(gitDirectory, base.commits);
}

/** References to the commits: git offers them to the server, and keeps what they need. */
async function writeReferences(gitDirectory: string, commits: Manifest['commits']): Promise<void> {
  const lines = commits.map(({ commit }) => `${commit} refs/tako/${commit}\n`).sort();
  await writeFile(path.join(gitDirectory, 'packed-refs'), lines.join(''));
}

/** What is in the Git directory, on the disk. Files that came with the base were checked already. */
async function describeFiles(
  gitDirectory: string,
  known: readonly ManifestFile[],
  signal: AbortSignal,
): Promise<ManifestFile[]> {
  const packs = (await readdir(path.join(gitDirectory, 'objects/pack'))).map(name => `objects/pack/${name}`);
  const others = (await readdir(gitDirectory)).filter(name => name === 'shallow' || name === 'packed-refs');
  const files: ManifestFile[] = [];
  for (const name of [...packs.filter(isPackFile), ...others].sort()) {
    const before = isPackFile(name) ? known.find(file => file.path === name) : undefined;
    if (before === undefined) {
      await syncPath(path.join(gitDirectory, name));
      files.push({ path: name, ...(await factsOf(path.join(gitDirectory, name), signal)) });
    } else {
      files.push(before);
    }
  }
  return files;
}
