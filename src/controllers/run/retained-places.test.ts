import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRetainedPlaces } from './retained-places.ts';

describe('places for retained workspaces', () => {
  it('given as many as are allowed, then the next is refused until one is given back, in its namespace', () => {
    const places = createRetainedPlaces(2);
    expect([places.request('a/1'), places.request('a/2'), places.request('a/3')]).toEqual([true, true, false]);
    expect(places.request('a/1')).toBe(true);
    expect(places.request('b/1')).toBe(true);
    places.release('a/2');
    expect([places.request('a/3'), places.request('a/2')]).toEqual([true, false]);
  });

  it('given what was found after a restart, then it counts, however much it is', () => {
    const places = createRetainedPlaces(1);
    for (const key of ['a/1', 'a/2']) places.hold(key);
    expect([places.request('a/1'), places.request('a/3')]).toEqual([true, false]);
  });

  it('given none, then none', () => {
    expect(createRetainedPlaces(0).request('a/1')).toBe(false);
  });

  it('property: whatever is asked and given back, a namespace never has more than its places, and none is lost', () => {
    const step = fc.tuple(
      fc.constantFrom('request' as const, 'release' as const),
      fc.constantFrom('a/1', 'a/2', 'a/3', 'b/1'),
    );
    fc.assert(
      fc.property(fc.nat({ max: 3 }), fc.array(step), (limit, steps) => {
        const places = createRetainedPlaces(limit);
        const kept = new Set<string>();
        for (const [what, key] of steps) {
          const used = [...kept].filter(other => other.slice(0, 1) === key.slice(0, 1)).length;
          if (what === 'release') {
            places.release(key);
            kept.delete(key);
          } else {
            const granted = places.request(key);
            expect(granted).toBe(kept.has(key) || used < limit);
            if (granted) kept.add(key);
          }
        }
      }),
    );
  });
});
