import type { Clock } from './clock.ts';
import { systemClock } from './clock.ts';

/**
 * What a controller has done and its cache does not show yet, as in kube-controller-manager's controller_utils.go: until it does, the
 * controller must not conclude from the cache that something is missing, or it would create it twice.
 *
 * Unlike there, each child is known by name (creations) or UID (deletions) instead of being counted, so that an event which
 * comes twice counts once.
 *
 * Order: expect, then call the API; the watch event may be faster than the answer. When the call fails, tell `...Observed` too.
 */
export interface Expectations {
  expectCreations(key: string, names: Iterable<string>): void;
  expectDeletions(key: string, uids: Iterable<string>): void;
  /** The child was seen in the cache, or will never be. */
  creationObserved(key: string, name: string): void;
  /** The child was seen to be gone (or to have a deletionTimestamp), or its deletion failed. */
  deletionObserved(key: string, uid: string): void;
  /** True when nothing is outstanding, or what is has been for more than the time-out: then an event was lost. */
  satisfied(key: string): boolean;
  /** When the object that is reconciled is gone. */
  delete(key: string): void;
}

export interface ExpectationsOptions {
  /** Default 300,000: ExpectationsTimeout of controller_utils.go. */
  timeoutMs?: number;
  clock?: Clock;
}

interface Outstanding {
  names: Set<string>;
  uids: Set<string>;
  since: number;
}

export function createExpectations({
  timeoutMs = 300_000,
  clock = systemClock,
}: ExpectationsOptions = {}): Expectations {
  const byKey = new Map<string, Outstanding>();

  const expect = (key: string, kind: 'names' | 'uids', children: Iterable<string>): void => {
    const entry = byKey.get(key) ?? { names: new Set(), uids: new Set(), since: 0 };
    for (const child of children) entry[kind].add(child);
    entry.since = clock.monotonic();
    if (entry.names.size + entry.uids.size > 0) byKey.set(key, entry);
  };

  const observe = (key: string, kind: 'names' | 'uids', child: string): void => {
    const entry = byKey.get(key);
    if (entry === undefined) return;
    entry[kind].delete(child);
    if (entry.names.size + entry.uids.size === 0) byKey.delete(key);
  };

  return {
    expectCreations: (key, names) => expect(key, 'names', names),
    expectDeletions: (key, uids) => expect(key, 'uids', uids),
    creationObserved: (key, name) => observe(key, 'names', name),
    deletionObserved: (key, uid) => observe(key, 'uids', uid),
    satisfied: key => {
      const entry = byKey.get(key);
      if (entry === undefined) return true;
      if (clock.monotonic() - entry.since <= timeoutMs) return false;
      byKey.delete(key);
      return true;
    },
    delete: key => {
      byKey.delete(key);
    },
  };
}
