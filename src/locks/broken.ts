import { ANNOTATIONS } from '../api/meta.ts';
import { MAX_LOCK_SECONDS } from './limits.ts';
import type { Answers, LockOperation } from './types.ts';

/**
 * What is answered while the annotation of a Lease cannot be read, since somebody wrote to it: nobody gets the lock, as nobody knows who has
 * it, and whoever had it has lost it. After the longest time that any holder may be silent it is certain that nobody has it.
 */
export const BROKEN_MS = MAX_LOCK_SECONDS * 1_000;

export function brokenAnswer(
  operation: LockOperation,
  lease: { readonly namespace: string; readonly name: string },
  problem: string,
): Answers[keyof Answers] {
  switch (operation.kind) {
    case 'acquire':
      return { state: 'waiting', reason: brokenWords(lease, problem) };
    case 'renew':
    case 'publish':
    case 'evict':
      return { held: false };
    case 'release':
    case 'sweep':
      return {};
  }
}

export function brokenWords({ namespace, name }: { namespace: string; name: string }, problem: string): string {
  const hours = MAX_LOCK_SECONDS / 3_600;
  return (
    `the annotation ${ANNOTATIONS.lock} of the Lease ${namespace}/${name} cannot be read (${problem}), so nobody knows who holds the lock: ` +
    `it is free in ${hours} hours, or when the Lease is deleted, kubectl -n ${namespace} delete lease ${name}`
  );
}
