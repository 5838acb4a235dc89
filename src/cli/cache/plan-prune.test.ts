import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Candidate, type PrunePolicy, planPrune } from './plan-prune.ts';

const NOW = new Date('2026-05-01T12:00:00Z');
const DAY = 86_400_000;

const entry = (name: string, days: number, bytes = 100): Candidate => ({
  url: `https://git.example.com/acme/${name}.git`,
  bytes,
  used: new Date(NOW.getTime() - days * DAY),
});
const policy = (changes: Partial<PrunePolicy> = {}): PrunePolicy => ({
  all: false,
  repositories: new Set(),
  ...changes,
});
const names = (entries: readonly Candidate[], changes: Partial<PrunePolicy>) =>
  planPrune(entries, policy(changes), NOW).map(({ entry: { url }, why }) => `${url.slice(29, -4)} ${why}`);

const ENTRIES = [entry('fresh', 0), entry('old', 10), entry('older', 20)];

describe('what to prune', () => {
  test('given an age, then what was not used for so long goes, the oldest first', () => {
    expect(names(ENTRIES, { olderThanMs: 7 * DAY })).toEqual(['older --older-than', 'old --older-than']);
  });

  test('given a size, then the least recently used go until the rest fits', () => {
    expect(names(ENTRIES, { maxBytes: 200 })).toEqual(['older --max-size']);
    expect(names(ENTRIES, { maxBytes: 300 })).toEqual([]);
    expect(names(ENTRIES, { maxBytes: 0 })).toEqual(['older --max-size', 'old --max-size', 'fresh --max-size']);
  });

  test('given repositories, then these go, whatever their age', () => {
    expect(names(ENTRIES, { repositories: new Set([ENTRIES[0]!.url]) })).toEqual(['fresh --repository']);
  });

  test('given all, then everything goes', () => {
    expect(names(ENTRIES, { all: true })).toHaveLength(3);
  });

  test('given several, then what any of them names goes, once', () => {
    const both = { repositories: new Set([ENTRIES[2]!.url]), olderThanMs: 7 * DAY };
    expect(names(ENTRIES, both)).toEqual(['older --repository', 'old --older-than']);
  });

  test('given anything, then what stays fits, is young enough, and was used later than what goes for its size or age', () => {
    const arbitraryEntry = fc.record({ days: fc.nat(40), bytes: fc.nat(1_000) });
    const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
    fc.assert(
      fc.property(
        fc.array(arbitraryEntry, { maxLength: 12 }),
        maybe(fc.nat(40)),
        maybe(fc.nat(5_000)),
        fc.array(fc.nat(11)),
        (descriptions, days, maxBytes, named) => {
          const entries = descriptions.map(({ days: age, bytes }, index) => entry(`r${index}`, age, bytes));
          const repositories = new Set(named.flatMap(index => entries[index]?.url ?? []));
          const olderThanMs = days === undefined ? undefined : days * DAY;
          const planned = planPrune(entries, policy({ repositories, olderThanMs, maxBytes }), NOW);
          const going = planned.map(({ entry: one }) => one);
          const staying = entries.filter(one => !going.includes(one));
          expect(new Set(going).size).toBe(going.length);
          expect(staying.filter(({ url }) => repositories.has(url))).toEqual([]);
          const left = staying.reduce((sum, { bytes }) => sum + bytes, 0);
          expect(left).toBeLessThanOrEqual(maxBytes ?? Number.POSITIVE_INFINITY);
          const oldest = NOW.getTime() - (olderThanMs ?? Number.POSITIVE_INFINITY);
          expect(staying.filter(({ used }) => used.getTime() < oldest)).toEqual([]);
          const lastGoing = Math.max(
            ...planned.flatMap(({ entry: { used }, why }) => (why === '--repository' ? [] : [used.getTime()])),
          );
          expect(staying.filter(({ used }) => used.getTime() < lastGoing)).toEqual([]);
        },
      ),
    );
  });
});
