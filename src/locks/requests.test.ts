import { expect, test } from 'vitest';
import { checkOperation } from './requests.ts';
import { commit, owner } from './testing/builders.ts';
import { acquisition } from './testing/states.ts';
import type { LockOperation } from './types.ts';

const publish = (part: object): LockOperation => ({
  kind: 'publish',
  id: 'a',
  commits: [commit('a')],
  bytes: 1,
  ...part,
});

test.each<[LockOperation, RegExp]>([
  [acquisition('a', 'read', { id: '' }), /^id of a lock/],
  [acquisition('a', 'read', { id: 'a/b' }), /^id of a lock/],
  [{ kind: 'renew', id: 'x'.repeat(65) }, /^id of a lock/],
  [acquisition('a', { commit: 'main' }), /^commit of a lock must be a full commit hash, got "main"/],
  [acquisition('a', 'read', { owner: { ...owner('a'), pod: 'p'.repeat(254) } }), /^pod of a lock/],
  [acquisition('a', 'read', { seconds: 0 }), /^seconds of a lock/],
  [acquisition('a', 'read', { seconds: 7_201 }), /^seconds of a lock must be whole, from 1 to 7200, got 7201/],
  [acquisition('a', 'read', { seconds: 1.5 }), /^seconds of a lock/],
  [acquisition('a', 'read', { seenFence: -1 }), /^seenFence of a lock/],
  [acquisition('a', 'read', { seenFence: 2 ** 31 }), /^seenFence of a lock/],
  [publish({ commits: [] }), /^commits of a lock/],
  [publish({ commits: Array.from({ length: 51 }, () => commit('a')) }), /^commits of a lock/],
  [publish({ commits: ['HEAD'] }), /^commits of a lock/],
  [publish({ bytes: Number.NaN }), /^bytes of a lock/],
])('given %j, then it is refused', (operation, message) => {
  expect(() => checkOperation(operation)).toThrow(message);
});

test.each<LockOperation>([
  acquisition('a', { commit: 'a'.repeat(64) }, { seconds: 7_200 }),
  publish({ bytes: 0 }),
  { kind: 'sweep' },
  { kind: 'release', id: 'A-1' },
])('given %j, then it may be asked', operation => {
  expect(() => checkOperation(operation)).not.toThrow();
});
