import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseQuantity } from '../controllers/run/quantity.ts';
import { age, bytes, json, table } from './output.ts';

describe('a table', () => {
  test('given cells of several lengths, then columns are aligned and lines end without blanks', () => {
    const text = table(
      ['NAME', 'AGE', 'USE'],
      [
        ['long-name', '5m', '-'],
        ['x', '120s', ''],
      ],
    );
    expect(text).toBe(['NAME        AGE    USE', 'long-name   5m     -', 'x           120s', ''].join('\n'));
  });

  test('given control characters in a cell, then none reaches the terminal', () => {
    expect(table(['A'], [['x\u001b[2Jy\nz']])).toBe('A\nx?[2Jy?z\n');
  });
});

describe('a JSON document', () => {
  test('given a value, then it is one document that ends with a newline', () => {
    expect(json({ a: [1] })).toBe('{\n  "a": [\n    1\n  ]\n}\n');
  });
});

describe('bytes', () => {
  test.each([
    [0, '0B'],
    [1, '1B'],
    [999, '999B'],
    [1_000, '1.0Ki'],
    [1_536, '1.5Ki'],
    [10 * 1_024 ** 2, '10Mi'],
    [999.6 * 1_024 ** 2, '1.0Gi'],
    [20 * 1_024 ** 4, '20Ti'],
  ])('given %d, then %s', (count, text) => {
    expect(bytes(count)).toBe(text);
  });

  test('given any size, then it is shown in at most three figures and within 6 %', () => {
    fc.assert(
      fc.property(fc.nat({ max: 2 ** 50 }), count => {
        const text = bytes(count);
        expect(text.replace(/[^0-9]/g, '').length).toBeLessThanOrEqual(3);
        const shown = parseQuantity(text.replace(/B$/, ''))!;
        expect(Math.abs(shown - count)).toBeLessThanOrEqual(count * 0.06);
      }),
    );
  });
});

describe('an age', () => {
  const now = new Date('2026-05-01T12:00:00Z');

  test.each([
    ['2026-05-01T11:59:30Z', '30s'],
    ['2026-05-01T11:55:00Z', '5m'],
    ['2026-05-01T09:00:00Z', '3h'],
    ['2026-04-19T12:00:00Z', '12d'],
    ['2026-05-01T12:05:00Z', '0s'],
    ['yesterday', '<unknown>'],
  ])('given %s, then %s', (time, text) => {
    expect(age(time, now)).toBe(text);
  });
});
