import { expect, test } from 'vitest';
import { createFakeClock } from '../../test/fixtures/fake-clock.ts';
import { createObservations } from './observations.ts';
import { holder, lockState, waiter } from './testing/states.ts';

test('given holders and waiters, then each is silent since this process has first seen its last sign', () => {
  const clock = createFakeClock();
  const { observe, silentMs } = createObservations(clock);
  const state = lockState({ holders: [holder('h', 'read')], queue: [waiter('w', 'read')] });
  observe(state);
  clock.advanceSync(1_000);
  observe(state);
  expect([silentMs('h'), silentMs('w'), silentMs('unknown')]).toEqual([1_000, 1_000, 0]);

  // A sign counts whatever its clock says, here an hour ago.
  observe({ ...state, holders: [holder('h', 'read', { renewed: '2026-01-01T11:00:00.000Z' })] });
  clock.advanceSync(500);
  expect([silentMs('h'), silentMs('w')]).toEqual([500, 1_500]);

  observe({ ...state, queue: [] });
  expect(silentMs('w')).toBe(0);
});
