import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createFakeClock } from '../../test/fixtures/fake-clock.ts';
import { createDelayQueue } from './delay-queue.ts';

describe('createDelayQueue', () => {
  it('given keys, then they become due in the order of their times', () => {
    const clock = createFakeClock();
    const due: string[] = [];
    const queue = createDelayQueue(clock, key => due.push(`${key}@${clock.monotonic()}`));
    queue.add('late', 300);
    queue.add('soon', 100);
    queue.add('also soon', 100);
    clock.advanceSync(1_000);
    expect(due).toEqual(['soon@100', 'also soon@100', 'late@300']);
    expect(clock.pending).toBe(0);
  });

  it('given a key that waits, when it is added again, then the earlier time holds and it comes once', () => {
    const clock = createFakeClock();
    const due: string[] = [];
    const queue = createDelayQueue(clock, key => due.push(`${key}@${clock.monotonic()}`));
    queue.add('a', 300);
    queue.add('a', 100);
    queue.add('a', 200);
    expect(queue.size).toBe(1);
    clock.advanceSync(1_000);
    expect(due).toEqual(['a@100']);
  });

  it('given a key that comes back as soon as it is due, then it waits anew', () => {
    const clock = createFakeClock();
    const due: number[] = [];
    const queue = createDelayQueue(clock, key => {
      due.push(clock.monotonic());
      if (due.length < 3) queue.add(key, 50);
    });
    queue.add('a', 50);
    clock.advanceSync(1_000);
    expect(due).toEqual([50, 100, 150]);
  });

  it('given waiting keys, when it is cleared, then none becomes due and no timer is left', () => {
    const clock = createFakeClock();
    const due: string[] = [];
    const queue = createDelayQueue(clock, key => due.push(key));
    queue.add('a', 100);
    queue.clear();
    clock.advanceSync(1_000);
    expect(due).toEqual([]);
    expect([queue.size, clock.pending]).toEqual([0, 0]);
    queue.add('a', 100);
    clock.advanceSync(100);
    expect(due).toEqual(['a']);
  });

  it('given any additions over time, then each key is due exactly when the earliest of its open times is', () => {
    const step = fc.record({
      key: fc.constantFrom('a', 'b', 'c'),
      delay: fc.nat({ max: 100 }),
      pause: fc.nat({ max: 60 }),
    });
    fc.assert(
      fc.property(fc.array(step), steps => {
        const clock = createFakeClock();
        const due: string[] = [];
        const expected: string[] = [];
        const open = new Map<string, number>();
        const queue = createDelayQueue(clock, key => due.push(`${clock.monotonic()} ${key}`));
        const expire = (now: number): void => {
          for (const [key, time] of [...open].sort(([, a], [, b]) => a - b)) {
            if (time > now) continue;
            expected.push(`${time} ${key}`);
            open.delete(key);
          }
        };
        for (const { key, delay, pause } of steps) {
          queue.add(key, delay);
          open.set(key, Math.min(open.get(key) ?? Number.POSITIVE_INFINITY, clock.monotonic() + delay));
          clock.advanceSync(pause);
          expire(clock.monotonic());
        }
        clock.advanceSync(1_000);
        expire(clock.monotonic());
        expect(due.sort()).toEqual(expected.sort());
      }),
    );
  });
});
