import type { CacheUse, LockMode, Published, Want } from '../locks/types.ts';

/**
 * What the cache needs of a lock service; the agent has it from the operator's gateway. One lock per repository and namespace: many readers
 * or one writer. The service is also the commit record: it says which generation is the published one, and readers read no other.
 */
export interface CacheLocks {
  /**
   * Asks for the lock of a repository. Waits for it unless `wait` is false; undefined then when it is not free at once.
   * Rejects with the signal's reason, or when the service cannot be reached.
   *
   * @param url canonical, `GitUrl.href`
   */
  acquire(url: string, want: Want, options: AcquireOptions): Promise<CacheLock | undefined>;
}

export interface AcquireOptions {
  /** The highest number on the volume, 0 when there is none: a new writer's is higher, whatever became of the Lease. */
  readonly seenFence: number;
  readonly wait: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** A lock that is held. Its implementation renews it. */
export interface CacheLock {
  /** `read` after `publish`. */
  readonly mode: LockMode;
  /** A writer's number: its generation has it, and no other one before or after. */
  readonly fence: number;
  /** The only generation that may be read; absent when there is none. */
  readonly published?: Published | undefined;
  /** Aborted when the lock was lost: taken away, or not renewed in time. */
  readonly lost: AbortSignal;
  /** Makes the generation with this lock's number the published one, and the writer its reader. Throws LockLostError when it may not. */
  publish(generation: { readonly commits: readonly string[]; readonly bytes: number }): Promise<Published>;
  /** Says that no generation is published any more; the writer stays. Throws LockLostError when it may not. */
  evict(): Promise<void>;
  release(use?: CacheUse): Promise<void>;
}

/** A writer was told that it is none any more. */
export class LockLostError extends Error {
  override readonly name = 'LockLostError';
}
