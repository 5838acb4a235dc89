import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createFakeClock } from '../../test/fixtures/fake-clock.ts';
import { createTokenBucket } from './rate-limit.ts';

describe('createTokenBucket', () => {
  it('given a full bucket, when more is taken than the burst, then the rest is spread by the rate', () => {
    const bucket = createTokenBucket({ qps: 10, burst: 3, clock: createFakeClock() });
    expect([1, 2, 3, 4, 5, 6].map(() => bucket.reserve())).toEqual([0, 0, 0, 100, 200, 300]);
  });

  it('given an empty bucket, when time passes, then it fills up to the burst and no more', async () => {
    const clock = createFakeClock();
    const bucket = createTokenBucket({ qps: 10, burst: 2, clock });
    bucket.reserve();
    bucket.reserve();
    await clock.advance(60_000);
    expect([1, 2, 3].map(() => bucket.reserve())).toEqual([0, 0, 100]);
  });

  it('given waiting callers, then they go on in the order in which they came', async () => {
    const clock = createFakeClock();
    const bucket = createTokenBucket({ qps: 1, burst: 1, clock });
    const order: string[] = [];
    for (const name of ['a', 'b', 'c']) bucket.acquire().then(waited => order.push(`${name} ${waited}`));
    await clock.advance(1_500);
    expect(order).toEqual(['a 0', 'b 1000']);
    await clock.advance(1_500);
    expect(order).toEqual(['a 0', 'b 1000', 'c 2000']);
  });

  it('given a waiting caller, when its signal is aborted, then its token goes to the next', async () => {
    const clock = createFakeClock();
    const bucket = createTokenBucket({ qps: 1, burst: 1, clock });
    await bucket.acquire();
    const abort = new AbortController();
    const waiting = bucket.acquire(abort.signal);
    abort.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    await expect(bucket.acquire(abort.signal)).rejects.toThrow('enough');
    expect(bucket.reserve()).toBe(1_000);
  });

  it('given any pattern of calls, then no window of time has more than burst plus rate times its length', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 100 }),
        fc.integer({ min: 1, max: 20 }),
        fc.array(fc.nat({ max: 200 }), { minLength: 1, maxLength: 60 }),
        (qps, burst, pauses) => {
          const clock = createFakeClock();
          const bucket = createTokenBucket({ qps, burst, clock });
          const times = pauses.map(pause => {
            clock.advanceSync(pause);
            return clock.monotonic() + bucket.reserve();
          });
          for (let i = 0; i < times.length; i++) {
            for (let j = i; j < times.length; j++) {
              const allowed = burst + ((times[j]! - times[i]!) * qps) / 1000;
              expect(j - i + 1).toBeLessThanOrEqual(allowed + 1e-6);
            }
          }
        },
      ),
    );
  });

  it.each([
    [0, 1],
    [1, 0],
    [Number.NaN, 1],
  ])('given qps %d and burst %d, then it is refused', (qps, burst) => {
    expect(() => createTokenBucket({ qps, burst })).toThrow(RangeError);
  });
});
