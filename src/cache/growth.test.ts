import { describe, expect, test } from 'vitest';
import { isOvergrown } from './growth.ts';

const MIB = 1024 * 1024;

function manifest({ packs = 1, commits = 1, freshMib = 1, mib = 1 } = {}) {
  const sizes = Array.from({ length: packs }, (_, index) => (index === 0 ? mib * MIB : 0));
  return {
    freshBytes: freshMib * MIB,
    commits: Array.from({ length: commits }, () => ({ commit: 'a'.repeat(40), files: 1, bytes: 1 })),
    files: sizes.map((bytes, index) => ({ path: `objects/pack/pack-${index}.pack`, bytes, sha256: '' })),
  };
}

describe('whether the next commit starts anew', () => {
  test.each([
    ['one commit', manifest(), false],
    ['one pack fewer than the most', manifest({ packs: 19 }), false],
    ['the most packs', manifest({ packs: 20 }), true],
    ['one commit fewer than the most', manifest({ commits: 49 }), false],
    ['the most commits', manifest({ commits: 50 }), true],
    ['little growth of something small', manifest({ freshMib: 1, mib: 33 }), false],
    ['much growth of something small', manifest({ freshMib: 1, mib: 34 }), true],
    ['growth to three times the size', manifest({ freshMib: 100, mib: 300 }), false],
    ['growth beyond that', manifest({ freshMib: 100, mib: 301 }), true],
  ])('given %s: %#', (_, given, expected) => {
    expect(isOvergrown(given)).toBe(expected);
  });
});
