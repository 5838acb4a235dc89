/** What a lock lets its holder do: many read at the same time, one writes alone. */
export type LockMode = 'read' | 'write';

/**
 * What somebody asks for. `{commit}` is whatever it takes to read that commit: `read` when the published generation has it, else `write`,
 * so that of many who need it one fetches it and the others wait for it.
 */
export type Want = { readonly mode: LockMode } | { readonly commit: string };

/** For whom a lock is. */
export interface LockOwner {
  /** Name of the TakoRun, or words for something else that asks, such as `tako cache prune`. */
  readonly run: string;
  readonly runUid: string;
  /** The Pod with which the lock goes; in the namespace of the lock. */
  readonly pod: string;
  /** Empty: there is no Pod, and only silence takes the lock away. */
  readonly podUid: string;
}

/** One that holds the lock. Times are RFC 3339, for people: nothing is decided by comparing them. */
export interface Holder extends LockOwner {
  /** Made by who asks, one for each acquisition: a repeated request with it is the same request. */
  readonly id: string;
  readonly mode: LockMode;
  /** Of a writer: the number of the generation that it writes. Of a reader: of the one that it reads, 0 when there is none. */
  readonly fence: number;
  readonly acquired: string;
  readonly renewed: string;
  readonly expires: string;
  /** How long it may be silent. */
  readonly seconds: number;
}

/** One that waits, in the order in which they came. */
export interface Waiter extends LockOwner {
  readonly id: string;
  readonly want: Want;
  readonly since: string;
  /** When a keeper last had its request in hand. */
  readonly seen: string;
}

/** The committed generation: the only one that anybody is told to read. */
export interface Published {
  /** The fencing number under which it was written. */
  readonly fence: number;
  /** What it holds, newest last. */
  readonly commits: readonly string[];
  /** What it takes on the volume. */
  readonly bytes: number;
  /** RFC 3339. */
  readonly at: string;
}

/** How a checkout used the cache. */
export interface CacheUse {
  /** `rebuilt`: there was a generation, but a broken one. `bypassed`: checked out without the cache. */
  readonly result: 'hit' | 'miss' | 'rebuilt' | 'bypassed';
  /** What the Git server sent for the cache, bytes. */
  readonly fetchedBytes: number;
}

/** All that is known of one cache entry. It lives in an annotation of its Lease. */
export interface LockState {
  /** Canonical address of the repository. */
  readonly url: string;
  /** The highest fencing number that was ever granted. It only grows. */
  readonly fence: number;
  readonly holders: readonly Holder[];
  readonly queue: readonly Waiter[];
  readonly published?: Published | undefined;
  /** Ids that were given back last, newest last: a request that comes late must not bring them back. */
  readonly released: readonly string[];
  /** When it was last granted, RFC 3339. */
  readonly used: string;
}

/** What can be asked of a lock. All of them may be repeated, after lost answers and through another replica. */
export type LockOperation =
  | {
      readonly kind: 'acquire';
      readonly id: string;
      readonly want: Want;
      readonly owner: LockOwner;
      readonly seconds: number;
      /** The highest generation that the asker sees on the volume: a Lease that was deleted does not bring old numbers back. */
      readonly seenFence: number;
      /** False: take it when it is free, and leave no trace when it is not. */
      readonly enqueue: boolean;
    }
  | { readonly kind: 'renew'; readonly id: string }
  | { readonly kind: 'publish'; readonly id: string; readonly commits: readonly string[]; readonly bytes: number }
  | { readonly kind: 'evict'; readonly id: string }
  /** With what came of the checkout that the lock was for; for the metrics alone. */
  | { readonly kind: 'release'; readonly id: string; readonly use?: CacheUse | undefined }
  /** Takes away from those that are gone, for nobody in particular. */
  | { readonly kind: 'sweep' };

/** A lock that was granted. */
export interface Grant {
  readonly state: 'granted';
  readonly mode: LockMode;
  readonly fence: number;
  readonly published?: Published | undefined;
  /** RFC 3339, by the clock of the keeper that granted or renewed it. */
  readonly expires: string;
}

/** Not yet: ask again with the same id. */
export interface Waiting {
  readonly state: 'waiting';
  /** For people: who holds it. */
  readonly reason: string;
}

/** Whether the lock is still the asker's: false tells a holder that it has lost it. */
export interface Renewal {
  readonly held: boolean;
  readonly expires?: string | undefined;
}

export interface Publication {
  readonly held: boolean;
  readonly published?: Published | undefined;
}

/** The answer to an operation of each kind. */
export interface Answers {
  acquire: Grant | Waiting;
  renew: Renewal;
  publish: Publication;
  evict: { readonly held: boolean };
  release: Record<never, never>;
  sweep: Record<never, never>;
}

/** What is known beside the Lease, by the observer's own senses. */
export interface Observation {
  /** For the timestamps that are written. */
  readonly now: Date;
  /** For how long this observer's monotonic clock has seen no sign of the holder or waiter with that id, milliseconds. */
  silentMs(id: string): number;
  /** UIDs of Pods that the API server says are over. */
  readonly gone: ReadonlySet<string>;
}

/** What an application changed, for metrics and logs. An operation that is repeated changes nothing. */
export type LockEvent =
  | { readonly kind: 'granted'; readonly holder: Holder; readonly waitedMs: number }
  | { readonly kind: 'ended'; readonly holder: Holder; readonly heldMs: number }
  | { readonly kind: 'published'; readonly published: Published }
  | { readonly kind: 'used'; readonly use: CacheUse }
  | { readonly kind: 'takenOver'; readonly holder: Holder; readonly cause: 'gone' | 'silent' }
  | { readonly kind: 'leftQueue'; readonly waiter: Waiter; readonly cause: 'gone' | 'silent' };
