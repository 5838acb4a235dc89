import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseQuantity, withinLimits } from './quantity.ts';

describe('quantities', () => {
  it.each([
    ['0', 0],
    ['1.5', 1.5],
    ['.5', 0.5],
    ['500m', 0.5],
    ['100n', 1e-7],
    ['64Mi', 67_108_864],
    ['64M', 64_000_000],
    ['1Gi', 1_073_741_824],
    ['1e3', 1_000],
    ['1E', 1e18],
    ['1E3', 1_000],
    ['+2k', 2_000],
  ])('given %s, then it is %d', (text, value) => {
    expect(parseQuantity(text)).toBeCloseTo(value, 12);
  });

  it.each(['', 'much', '1 Gi', '1GB', '1.2.3', '--1', '0x10'])('given "%s", then it is none', text => {
    expect(parseQuantity(text)).toBeUndefined();
  });

  it('given a limit below what is asked for, then no more is asked for than the limit', () => {
    expect(withinLimits({ memory: '64Mi', cpu: '50m' }, { memory: '32Mi', cpu: '1' })).toEqual({
      memory: '32Mi',
      cpu: '50m',
    });
  });

  it('given no limit, or one that is no quantity, then the request stays', () => {
    expect(withinLimits({ memory: '64Mi', cpu: '1' }, { cpu: 'many' })).toEqual({ memory: '64Mi', cpu: '1' });
  });

  const quantity = fc
    .tuple(fc.nat({ max: 4_096 }), fc.constantFrom('', 'm', 'k', 'M', 'Ki', 'Mi', 'Gi'))
    .map(([count, unit]) => `${count}${unit}`);

  it('property: a request is never above its limit', () => {
    fc.assert(
      fc.property(quantity, quantity, (request, limit) => {
        const { memory } = withinLimits({ memory: request }, { memory: limit });
        expect(parseQuantity(memory!)).toBeLessThanOrEqual(parseQuantity(limit)!);
        expect([request, limit]).toContain(memory);
      }),
    );
  });
});
