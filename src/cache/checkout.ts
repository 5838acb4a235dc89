import { rm, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type CheckoutRequest, checkoutIn, together, withCheckout, writeWorkTree } from '../git/checkout.ts';
import { hasGitCode, isGitError } from '../git/errors.ts';
import { listTags } from '../git/remote.ts';
import type { RemoteSession } from '../git/session.ts';
import { anyOf } from '../git/signals.ts';
import type { RemoteTag, TagDescription } from '../git/tags.ts';
import type { CacheUse, Want } from '../locks/types.ts';
import type { CacheLimits } from './eviction.ts';
import { isErrno } from './files.ts';
import { entryDirectory, generationDirectory, highestFence } from './layout.ts';
import type { CacheLock, CacheLocks } from './locks.ts';
import { pruneCache } from './prune.ts';
import { BrokenGenerationError, copyGeneration, readManifest } from './read.ts';
import { removeOlder, writeGeneration } from './write.ts';

/** How often the lock is asked for: a second time to rebuild what is broken, a third time when it was lost at that. */
const MAX_ROUNDS = 3;
/** Part of a checkout's time that may pass in waiting for the lock; the rest is enough for a checkout without it. */
const WAITING_SHARE = 0.5;
/** Longest time for the publication, milliseconds: another replica of the operator has taken over by then. */
const PUBLISH_MS = 20_000;
/** Longest time that a run waits for the lock service to hear that it is done, and for eviction. Milliseconds. */
const TIDY_MS = 10_000;
/** Part of what is cached that goes when the volume is full before the limits are reached. */
const ROOM_SHARE = 0.25;

export interface CachedCheckoutRequest extends CheckoutRequest {
  readonly cache: {
    /** Where the volume is mounted. */
    readonly root: string;
    readonly limits: CacheLimits;
    readonly locks: CacheLocks;
    readonly log: (message: string, fields?: Record<string, unknown>) => void;
  };
}

export interface CachedCheckout {
  readonly description: TagDescription;
  readonly use: CacheUse;
}

/**
 * `checkout` by way of the cache: same result, same errors, but the Git server sends only what no run before has fetched. Each run asks the
 * server with its own credentials, so that whoever may not read the repository does not get it from the cache either.
 *
 * The cache is help, never a reason to fail: when the volume or the lock service cannot be used, the checkout goes without, and the log
 * says why. What is in the work tree and in the Git directory is the run's own: nothing there is linked to the cache, and the cache's
 * lock is held only while it is copied.
 */
export async function cachedCheckout(request: CachedCheckoutRequest): Promise<CachedCheckout> {
  return withCheckout(request, async session => {
    const run: CachedRun = { session, request, releases: [], deadline: performance.now() + request.timeoutMs };
    try {
      const { tags, use } = await obtain(run);
      const description = await finish(run, tags, use);
      return { description, use };
    } catch (error) {
      if (!isCacheTrouble(error, request.signal)) throw error;
      request.cache.log('the cache cannot be used: checking out without it', { reason: (error as Error).message });
      if (isFull(error)) await makeRoom(run, ROOM_SHARE);
    } finally {
      await Promise.race([Promise.all(run.releases), sleep(TIDY_MS, undefined, { ref: false })]);
    }
    await rm(request.gitDirectory, { recursive: true, force: true });
    return { description: await checkoutIn(session, request), use: { result: 'bypassed', fetchedBytes: 0 } };
  });
}

interface CachedRun {
  readonly session: RemoteSession;
  readonly request: CachedCheckoutRequest;
  /** Of locks; they never reject. */
  readonly releases: Promise<void>[];
  /** On the monotonic clock. */
  readonly deadline: number;
}

/** A failure that a checkout without the cache may not have, such as a full volume. The network's and the credentials' it would have too. */
function isCacheTrouble(error: unknown, signal: AbortSignal | undefined): boolean {
  if (signal?.aborted === true) return false;
  return !isGitError(error) || hasGitCode(error, 'GitFailed', 'CommitNotFound');
}

/** Whether the volume, or what this user may have of it, is used up; git says it in words. */
function isFull(error: unknown): boolean {
  if (isErrno(error, 'ENOSPC', 'EDQUOT')) return true;
  return isGitError(error) && /no space left|quota exceeded/i.test(error.message);
}

interface Obtained {
  readonly tags: Map<string, RemoteTag[]>;
  readonly use: CacheUse;
}

/** Brings the commit into the run's own Git directory. */
async function obtain(run: CachedRun): Promise<Obtained> {
  let want: Want = { commit: run.request.commit };
  for (let round = 1; round <= MAX_ROUNDS; round++) {
    const lock = await acquire(run, want);
    let use: CacheUse | undefined;
    try {
      const obtained = await underLock(run, lock);
      use = obtained.use;
      return obtained;
    } catch (error) {
      if (!(error instanceof BrokenGenerationError)) throw error;
      run.request.cache.log('the cached copy cannot be read', { reason: error.message });
      want = lock.lost.aborted ? { commit: run.request.commit } : { mode: 'write' };
    } finally {
      run.releases.push(lock.release(use).catch(() => undefined));
    }
  }
  throw new Error(`the cached copy could not be read ${MAX_ROUNDS} times`);
}

async function acquire({ request, deadline }: CachedRun, want: Want): Promise<CacheLock> {
  const { cache, url, timeoutMs } = request;
  const seenFence = await highestFence(entryDirectory(cache.root, url));
  const left = deadline - timeoutMs * (1 - WAITING_SHARE) - performance.now();
  const late = AbortSignal.timeout(Math.max(0, Math.round(left)));
  const signal = anyOf(request.signal, late);
  const lock = await cache.locks.acquire(url.href, want, { seenFence, wait: true, signal }).catch((error: unknown) => {
    if (!late.aborted || request.signal?.aborted === true) throw error;
    throw new Error('its lock was not to be had in time', { cause: error });
  });
  if (lock === undefined) throw new Error('the lock service gave no lock');
  return lock;
}

async function underLock(run: CachedRun, lock: CacheLock): Promise<Obtained> {
  const { request } = run;
  if (lock.published?.commits.includes(request.commit)) {
    try {
      return await read(run, lock.published.fence);
    } catch (error) {
      if (!(error instanceof BrokenGenerationError) || lock.mode === 'read') throw error;
    }
  } else if (lock.mode === 'read') {
    throw new Error('the lock service gave a lock for a commit that is not cached');
  }
  return write(run, lock);
}

async function read({ session, request }: CachedRun, fence: number): Promise<Obtained> {
  const { cache, url, gitDirectory, commit } = request;
  const entry = entryDirectory(cache.root, url);
  const [tags] = await together(
    signal => [
      // Also the proof that the run's credentials are good for the repository.
      listTags(session, signal),
      (async () => {
        const generation = generationDirectory(entry, fence);
        const manifest = await readManifest(generation, { url: url.href, fence });
        await rm(gitDirectory, { recursive: true, force: true });
        await copyGeneration(generation, manifest, gitDirectory, { commit, signal });
      })(),
    ],
    request.signal,
  );
  await touchUsed(entry);
  return { tags, use: { result: 'hit', fetchedBytes: 0 } };
}

async function write({ session, request, deadline }: CachedRun, lock: CacheLock): Promise<Obtained> {
  const { cache, url, gitDirectory, commit, description, limits, signal } = request;
  const entry = entryDirectory(cache.root, url);
  const { log } = cache;
  // Somebody has deleted the Lease while this run waited for it, and it counts anew: a run that was paused may remove what is below its own number.
  const highest = await highestFence(entry);
  if (highest >= lock.fence) throw new BrokenGenerationError(`the lock counts ${lock.fence}, but ${highest} is there`);
  const publishMs = Math.max(0, Math.min(PUBLISH_MS, Math.round((deadline - performance.now()) * WAITING_SHARE)));
  const written = await writeGeneration({ session, commit, description, limits, entry, lock, signal, publishMs, log });
  await removeOlder(entry, lock.fence);
  await touchUsed(entry);
  await rm(gitDirectory, { recursive: true, force: true });
  await copyGeneration(written.directory, written.manifest, gitDirectory, { commit, signal });
  return {
    tags: written.tags,
    use: { result: written.rebuilt ? 'rebuilt' : 'miss', fetchedBytes: written.fetchedBytes },
  };
}

/** For eviction: the one thing that a reader writes. Nothing is lost when it cannot. */
async function touchUsed(entry: string): Promise<void> {
  const file = path.join(entry, 'used');
  const now = new Date();
  await utimes(file, now, now).catch(async (error: unknown) => {
    if (isErrno(error, 'ENOENT')) await writeFile(file, '').catch(() => undefined);
  });
}

/** Writes the work tree; after a write to the cache, makes room in it meanwhile. */
async function finish(run: CachedRun, tags: Obtained['tags'], use: CacheUse): Promise<TagDescription> {
  const [description] = await Promise.allSettled([
    writeWorkTree(run.session, run.request, tags),
    use.result === 'hit' ? undefined : makeRoom(run, 0),
  ]);
  if (description.status === 'rejected') throw description.reason;
  return description.value;
}

/** Brings the volume within its limits, and frees a share of what is cached beyond that. */
async function makeRoom({ request, releases }: CachedRun, share: number): Promise<void> {
  const { root, limits, locks, log } = request.cache;
  const signal = anyOf(request.signal, AbortSignal.timeout(TIDY_MS));
  try {
    await Promise.race([Promise.all(releases), sleep(TIDY_MS, undefined, { signal, ref: false })]);
    const { evicted } = await pruneCache({ root, limits, share, locks, now: new Date(), signal });
    for (const { entry, reason } of evicted) log('evicted from the cache', { url: entry.url.href, reason });
  } catch (error) {
    log('the cache could not be tidied up', { reason: (error as Error).message });
  }
}
