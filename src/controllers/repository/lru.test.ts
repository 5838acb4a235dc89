import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createLru } from './lru.ts';

describe('createLru', () => {
  test('given more than fits, then what was used least recently is gone', () => {
    const cache = createLru<number>({ maxEntries: 2, maxWeight: 100 });
    cache.set('a', 1, 1);
    cache.set('b', 2, 1);
    cache.get('a');
    cache.set('c', 3, 1);

    expect([cache.get('a'), cache.get('b'), cache.get('c')]).toEqual([1, undefined, 3]);
  });

  test('given more weight than allowed, then the oldest make room; something too heavy is not kept', () => {
    const cache = createLru<number>({ maxEntries: 10, maxWeight: 10 });
    cache.set('a', 1, 6);
    cache.set('b', 2, 6);
    cache.set('c', 3, 11);

    expect([cache.get('a'), cache.get('b'), cache.get('c')]).toEqual([undefined, 2, undefined]);
  });

  test('given any use, then the bounds hold and what is there is what was put last', () => {
    const operation = fc.record({
      key: fc.constantFrom('a', 'b', 'c', 'd'),
      weight: fc.nat({ max: 7 }),
      write: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 50 }), operations => {
        const cache = createLru<{ weight: number; number: number }>({ maxEntries: 3, maxWeight: 12 });
        const written = new Map<string, number>();
        for (const [number, { key, weight, write }] of operations.entries()) {
          if (write) {
            cache.set(key, { weight, number }, weight);
            written.set(key, number);
          } else {
            const value = cache.get(key);
            if (value) expect(value.number).toBe(written.get(key));
          }
          const present = ['a', 'b', 'c', 'd'].map(name => cache.get(name)).filter(value => value !== undefined);
          expect(present.length).toBe(cache.size);
          expect(cache.size).toBeLessThanOrEqual(3);
          expect(present.reduce((sum, value) => sum + value.weight, 0)).toBeLessThanOrEqual(12);
        }
      }),
    );
  });
});
