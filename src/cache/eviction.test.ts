import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { planEviction } from './eviction.ts';

const NOW = new Date('2026-11-23T12:00:00Z');
const entry = (name: string, bytes: number, secondsAgo: number) => ({
  name,
  bytes,
  used: new Date(NOW.getTime() - secondsAgo * 1000),
});
const plan = (entries: ReturnType<typeof entry>[], maxBytes: number, maxAgeSeconds = 1_000_000) =>
  planEviction(entries, { maxBytes, maxAgeSeconds }, NOW).map(one => [one.entry.name, one.reason]);

describe('which entries go', () => {
  test('given enough room, then none', () => {
    expect(plan([entry('a', 50, 10), entry('b', 50, 20)], 100)).toEqual([]);
  });

  test('given too much, then the least recently used ones until the rest fits', () => {
    const entries = [entry('new', 40, 1), entry('old', 40, 30), entry('middle', 40, 20), entry('oldest', 40, 40)];
    expect(plan(entries, 100)).toEqual([
      ['oldest', 'size'],
      ['old', 'size'],
    ]);
  });

  test('given entries that nobody used for too long, then they go though there is room', () => {
    expect(plan([entry('a', 1, 10), entry('b', 1, 101), entry('c', 1, 100)], 100, 100)).toEqual([['b', 'age']]);
  });

  test('given one entry that is larger than the whole, then it goes', () => {
    expect(plan([entry('huge', 200, 1)], 100)).toEqual([['huge', 'size']]);
  });

  test('given any entries, then what stays fits and is younger than all that goes, and nothing more goes than has to', () => {
    const entries = fc.array(
      fc.record({ bytes: fc.nat(100), ago: fc.nat(100) }).map(({ bytes, ago }) => entry('any', bytes, ago)),
    );
    fc.assert(
      fc.property(entries, fc.nat(500), fc.nat(100), (all, maxBytes, maxAgeSeconds) => {
        const evictions = planEviction(all, { maxBytes, maxAgeSeconds }, NOW);
        const gone = new Set(evictions.map(one => one.entry));
        const stays = all.filter(one => !gone.has(one));
        const bytes = stays.reduce((sum, one) => sum + one.bytes, 0);
        expect(bytes).toBeLessThanOrEqual(maxBytes);
        for (const one of stays) {
          expect(NOW.getTime() - one.used.getTime()).toBeLessThanOrEqual(maxAgeSeconds * 1000);
          for (const { entry: other } of evictions)
            expect(other.used.getTime()).toBeLessThanOrEqual(one.used.getTime());
        }
        const last = evictions.at(-1);
        if (last?.reason === 'size') expect(bytes + last.entry.bytes).toBeGreaterThan(maxBytes);
      }),
    );
  });
});
