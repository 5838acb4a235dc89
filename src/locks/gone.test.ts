import { expect, test } from 'vitest';
import { createFakeClock } from '../../test/fixtures/fake-clock.ts';
import { silentLogger } from '../kube/logger.ts';
import { createGoneCheck, type IsGone } from './gone.ts';
import { holder, lockState } from './testing/states.ts';

const pod = (name: string) => ({ namespace: 'team', name: `${name}-pod`, uid: name === '' ? '' : `pod-uid-${name}` });

function setUp(isGone: IsGone) {
  const clock = createFakeClock();
  const asked: string[] = [];
  const ask: IsGone = (one, signal) => {
    asked.push(one.uid);
    return isGone(one, signal);
  };
  return { clock, asked, check: createGoneCheck(ask, { clock, logger: silentLogger }) };
}

test('given a Pod that is over, then it is not asked about again until nobody speaks of it; one that lives is', async () => {
  const { asked, check } = setUp(async ({ uid }) => uid === 'pod-uid-dead');
  expect(await check.check([pod('dead'), pod('alive'), pod('alive')])).toBe(true);
  expect(await check.check([pod('dead'), pod('alive')])).toBe(true);
  expect(asked).toEqual(['pod-uid-dead', 'pod-uid-alive', 'pod-uid-alive']);
  expect([...check.gone]).toEqual(['pod-uid-dead']);
  check.keep(lockState({ holders: [holder('dead', 'read')] }));
  expect(check.gone.size).toBe(1);
  check.keep(lockState());
  expect(check.gone.size).toBe(0);
});

test('given no Pod, an error, or no answer, then nobody is over', async () => {
  const { clock, check } = setUp(({ uid }, signal) => {
    if (uid === 'pod-uid-error') return Promise.reject(new Error('no'));
    return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  });
  const answer = check.check([pod(''), pod('error'), pod('hangs')]);
  await clock.advance(5_000);
  expect(await answer).toBe(false);
  expect(clock.pending).toBe(0);
});
