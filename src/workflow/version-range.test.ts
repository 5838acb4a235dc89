import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isSchemaVersion, parseVersionRange, satisfies, type VersionRange } from './version-range.ts';

function range(text: string): VersionRange {
  const result = parseVersionRange(text);
  if (!result.ok) throw new Error(result.message);
  return result.range;
}

const part = fc.nat({ max: 20 });
const version = fc.tuple(part, part, part).map(parts => parts.join('.'));
const compare = (a: string, b: string) => {
  const [x, y] = [a.split('.').map(Number), b.split('.').map(Number)];
  return x[0]! - y[0]! || x[1]! - y[1]! || x[2]! - y[2]!;
};

describe('intervals', () => {
  test.each([
    ['(1.1.0...2.0.0]', '1.1.0', false],
    ['(1.1.0...2.0.0]', '1.1.1', true],
    ['(1.1.0...2.0.0]', '2.0.0', true],
    ['(1.1.0...2.0.0]', '2.0.1', false],
    ['[1.1.0...2.0.0)', '1.1.0', true],
    ['[1.1.0...2.0.0)', '2.0.0', false],
    [' [ 1.0.0 ... 1.0.0 ] ', '1.0.0', true],
    ['(1.1.0...]', '99.0.0', true],
    ['(1.1.0...)', '1.1.0', false],
    ['[...2.0.0)', '0.0.1', true],
    ['[1.0.0...2.0.0]', '1.5.0-rc.1', true],
    ['[1.0.0...2.0.0]', 'nonsense', false],
    ['[1.0.0...2.0.0]', '1', false],
  ])('given %s and %s, then %s', (text, candidate, expected) => {
    expect(satisfies(candidate, range(text))).toBe(expected);
  });

  test.each([
    ['[2.0.0...1.0.0]', 'is empty: 2.0.0 is above 1.0.0'],
    ['(1.0.0...1.0.0]', 'is empty: write [1.0.0...1.0.0]'],
    ['[1.0...2.0.0]', 'got "1.0"'],
    ['[1.0.0...01.0.0]', 'got "01.0.0"'],
    ['[...]', 'expected a version range'],
    ['[1.0.0..2.0.0]', 'expected a version range'],
    ['[1.0.0...2.0.0', 'expected a version range'],
    ['[99999999999999999999.0.0...]', 'got "99999999999999999999.0.0"'],
  ])('given %s, then it is refused: %s', (text, message) => {
    expect(parseVersionRange(text)).toMatchObject({ ok: false, message: expect.stringContaining(message) });
  });

  test('given any two ends and a version, then the brackets decide as written', () => {
    fc.assert(
      fc.property(version, version, version, fc.boolean(), fc.boolean(), (a, b, candidate, lowerIn, upperIn) => {
        const [lower, upper] = compare(a, b) <= 0 ? [a, b] : [b, a];
        const parsed = parseVersionRange(`${lowerIn ? '[' : '('}${lower}...${upper}${upperIn ? ']' : ')'}`);
        const empty = lower === upper && !(lowerIn && upperIn);
        expect(parsed.ok).toBe(!empty);
        if (!parsed.ok) return;
        const above = compare(candidate, lower) > (lowerIn ? -1 : 0);
        const below = compare(candidate, upper) < (upperIn ? 1 : 0);
        expect(satisfies(candidate, parsed.range)).toBe(above && below);
      }),
    );
  });
});

describe('npm ranges', () => {
  test.each([
    ['^1.2.0', '1.9.9', true],
    ['^1.2.0', '2.0.0', false],
    ['^0.2.0', '0.3.0', false],
    ['~1.2', '1.2.7', true],
    ['~1.2', '1.3.0', false],
    ['>=1.0.0 <2.0.0', '1.5.0', true],
    ['>=1.0.0 <2.0.0', '2.0.0', false],
    ['1.2.0', '1.2.0', true],
    ['1.2.0', '1.2.1', false],
    ['1.x || >=3.0.0', '3.1.0', true],
    ['*', '0.0.0', true],
  ])('given %s and %s, then %s', (text, candidate, expected) => {
    expect(satisfies(candidate, range(text))).toBe(expected);
  });

  test.each(['', '   ', 'latest', '1.2.0.4', '>>1.0.0', '^', 'x'.repeat(300)])(
    'given %j, then it is refused with examples',
    text => {
      expect(parseVersionRange(text)).toMatchObject({ ok: false, message: expect.stringContaining('^1.2.0, ~1.2') });
    },
  );

  test('given any version, then its caret range holds what keeps the major version and is not lower', () => {
    fc.assert(
      fc.property(version, version, (base, candidate) => {
        fc.pre(!base.startsWith('0.'));
        const expected = candidate.split('.')[0] === base.split('.')[0] && compare(candidate, base) >= 0;
        expect(satisfies(candidate, range(`^${base}`))).toBe(expected);
        expect(satisfies(candidate, range(base))).toBe(candidate === base);
      }),
    );
  });
});

test('given any text, then parsing does not throw, and what it gives is plain JSON', () => {
  const pieces = fc.array(
    fc.constantFrom('(', '[', '...', '1.2.3', '1', '.', ']', ')', ' ', '^', '~', '>=', 'x', '-', '||'),
    { maxLength: 8 },
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        pieces.map(list => list.join('')),
      ),
      text => {
        const result = parseVersionRange(text);
        if (!result.ok) return;
        expect(JSON.parse(JSON.stringify(result.range))).toEqual(result.range);
        expect(typeof satisfies('1.2.3', result.range)).toBe('boolean');
      },
    ),
  );
});

test('given texts, then only x.y.z without leading zeros is a schema version', () => {
  expect(['1.2.0', '0.0.1', '10.20.30'].map(isSchemaVersion)).toEqual([true, true, true]);
  expect(['1.2', 'v1.2.0', '1.2.0-rc', '01.2.0', ''].map(isSchemaVersion)).toEqual([false, false, false, false, false]);
});

test('given a version longer than any, then it satisfies nothing', () => {
  expect(satisfies(`1.2.${'3'.repeat(400)}`, range('*'))).toBe(false);
});
