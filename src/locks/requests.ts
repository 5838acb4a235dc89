import { MAX_COMMITS, MAX_LOCK_SECONDS, MAX_SEEN_FENCE } from './limits.ts';
import type { LockOperation } from './types.ts';

const ID = /^[A-Za-z0-9-]{1,64}$/;
const COMMIT = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;
/** The longest name of a Kubernetes object. */
const MAX_NAME = 253;

/** Refuses what could not be written into a Lease and read again. Throws RangeError. */
export function checkOperation(operation: LockOperation): void {
  if (operation.kind === 'sweep') return;
  require(ID.test(operation.id), 'id', 'letters, digits and dashes, at most 64', operation.id);
  if (operation.kind === 'acquire') {
    const { want, owner, seconds, seenFence } = operation;
    if ('commit' in want) require(COMMIT.test(want.commit), 'commit', 'a full commit hash', want.commit);
    for (const [name, text] of Object.entries(owner)) {
      require(text.length <= MAX_NAME, name, `at most ${MAX_NAME} characters`, text.slice(0, MAX_NAME));
    }
    require(isWithin(seconds, 1, MAX_LOCK_SECONDS), 'seconds', `whole, from 1 to ${MAX_LOCK_SECONDS}`, seconds);
    require(isWithin(seenFence, 0, MAX_SEEN_FENCE), 'seenFence', `whole, from 0 to ${MAX_SEEN_FENCE}`, seenFence);
  }
  if (operation.kind === 'publish') {
    const { commits, bytes } = operation;
    require(isWithin(commits.length, 1, MAX_COMMITS), 'commits', `1 to ${MAX_COMMITS} of them`, commits.length);
    for (const commit of commits) require(COMMIT.test(commit), 'commits', 'full commit hashes', commit);
    require(isWithin(bytes, 0, Number.MAX_SAFE_INTEGER), 'bytes', 'whole, not negative', bytes);
  }
}

function isWithin(value: number, from: number, to: number): boolean {
  return Number.isSafeInteger(value) && value >= from && value <= to;
}

function require(isRight: boolean, name: string, rule: string, value: unknown): void {
  if (!isRight) throw new RangeError(`${name} of a lock must be ${rule}, got ${JSON.stringify(value)}`);
}
