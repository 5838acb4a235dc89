import { describe, expect, it } from 'vitest';
import { createFakeClock } from '../../test/fixtures/fake-clock.ts';
import { createKeyedRateLimiter } from './rate-limit.ts';

describe('keyed rate limiter', () => {
  it('given a burst, then so many pass at once, and the next is told when', () => {
    const clock = createFakeClock();
    const limiter = createKeyedRateLimiter({ perSecond: 2, burst: 3, clock });
    expect([1, 2, 3, 4].map(() => limiter.take('a'))).toEqual([0, 0, 0, 500]);
    clock.advanceSync(499);
    expect(limiter.take('a')).toBe(1);
    clock.advanceSync(1);
    expect(limiter.take('a')).toBe(0);
  });

  it('given who asks too early, then that costs nothing', () => {
    const clock = createFakeClock();
    const limiter = createKeyedRateLimiter({ perSecond: 1, burst: 1, clock });
    limiter.take('a');
    for (let i = 0; i < 10; i += 1) limiter.take('a');
    clock.advanceSync(1_000);
    expect(limiter.take('a')).toBe(0);
  });

  it('given a long quiet time, then no more than the burst is saved', () => {
    const clock = createFakeClock();
    const limiter = createKeyedRateLimiter({ perSecond: 10, burst: 2, clock });
    limiter.take('a');
    clock.advanceSync(60_000);
    expect([1, 2, 3].map(() => limiter.take('a'))).toEqual([0, 0, 100]);
  });

  it('given another key, then it has tokens of its own', () => {
    const limiter = createKeyedRateLimiter({ perSecond: 1, burst: 1, clock: createFakeClock() });
    expect([limiter.take('a'), limiter.take('b'), limiter.take('a')]).toEqual([0, 0, 1_000]);
  });

  it('given more keys than are remembered, then the one that was idle longest is forgotten', () => {
    const limiter = createKeyedRateLimiter({ perSecond: 1, burst: 1, maxKeys: 2, clock: createFakeClock() });
    for (const key of ['a', 'b', 'a', 'c']) limiter.take(key);
    expect(limiter.size).toBe(2);
    expect(limiter.take('a')).toBe(1_000);
    expect(limiter.take('b')).toBe(0);
  });
});
