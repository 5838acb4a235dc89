import { describe, expect, it } from 'vitest';
import { createFakeClock } from '../../test/fixtures/fake-clock.ts';
import { createExpectations } from './expectations.ts';

describe('createExpectations', () => {
  it('given nothing expected, then it is satisfied', () => {
    expect(createExpectations().satisfied('n/a')).toBe(true);
  });

  it('given two creations, then both must be observed, in any order and however often each comes', () => {
    const expectations = createExpectations({ clock: createFakeClock() });
    expectations.expectCreations('n/a', ['x', 'y']);
    expectations.creationObserved('n/a', 'y');
    expectations.creationObserved('n/a', 'y');
    expectations.creationObserved('n/a', 'someone else');
    expect(expectations.satisfied('n/a')).toBe(false);
    expectations.creationObserved('n/a', 'x');
    expect(expectations.satisfied('n/a')).toBe(true);
  });

  it('given a creation and a deletion, then one does not stand for the other', () => {
    const expectations = createExpectations({ clock: createFakeClock() });
    expectations.expectCreations('n/a', ['x']);
    expectations.expectDeletions('n/a', ['x']);
    expectations.creationObserved('n/a', 'x');
    expect(expectations.satisfied('n/a')).toBe(false);
    expectations.deletionObserved('n/a', 'x');
    expect(expectations.satisfied('n/a')).toBe(true);
  });

  it('given an event that never comes, then after 5 minutes the controller goes on', async () => {
    const clock = createFakeClock();
    const expectations = createExpectations({ clock });
    expectations.expectDeletions('n/a', ['uid']);
    await clock.advance(300_000);
    expect(expectations.satisfied('n/a')).toBe(false);
    await clock.advance(1);
    expect(expectations.satisfied('n/a')).toBe(true);
    clock.advanceSync(1);
    expectations.expectCreations('n/a', ['x']);
    expect(expectations.satisfied('n/a')).toBe(false);
  });

  it('given later expectations, then the time counts from the last', async () => {
    const clock = createFakeClock();
    await clock.advance(1);
    const expectations = createExpectations({ clock, timeoutMs: 100 });
    expectations.expectCreations('n/a', ['x']);
    await clock.advance(80);
    expectations.expectCreations('n/a', ['y']);
    await clock.advance(80);
    expect(expectations.satisfied('n/a')).toBe(false);
  });

  it('given one object, then it says nothing about another, and nothing once it is deleted', () => {
    const expectations = createExpectations({ clock: createFakeClock() });
    expectations.expectCreations('n/a', ['x']);
    expectations.expectCreations('n/b', []);
    expectations.deletionObserved('n/c', 'x');
    expect([expectations.satisfied('n/b'), expectations.satisfied('n/c')]).toEqual([true, true]);
    expectations.delete('n/a');
    expect(expectations.satisfied('n/a')).toBe(true);
  });
});
