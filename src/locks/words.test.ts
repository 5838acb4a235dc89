import { expect, test } from 'vitest';
import { holder, waiter } from './testing/states.ts';
import { holderWords, waitingWords } from './words.ts';

const one = [waiter('x', 'read')];

test.each([
  [[], [], ''],
  [[], one, 'free, 1 waiting'],
  [[holder('app-one-x7k2p', 'write')], [], 'written by run app-one-x7k2p'],
  [[holder('a', 'read')], [], 'read by run a'],
  [[holder('a', 'read'), holder('b', 'read'), holder('c', 'read')], [], 'read by 3 runs'],
  [[holder('a', 'write')], [...one, waiter('y', 'write')], 'written by run a, 2 waiting'],
])('given %j and %j, then kubectl get leases shows %j', (holders, queue, words) => {
  expect(holderWords({ holders, queue })).toBe(words);
});

test.each([
  [[holder('a', 'write')], 0, 'the cached copy is written by run a'],
  [[holder('a', 'read'), holder('b', 'read')], 1, 'the cached copy is read by 2 runs, 1 request is ahead'],
  [[], 2, '2 requests are ahead'],
  [[], 0, 'the lock is about to be granted'],
])('given %j and %i ahead, then it waits because: %s', (holders, ahead, words) => {
  expect(waitingWords({ holders }, ahead)).toBe(words);
});
