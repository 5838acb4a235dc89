import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatDuration, MAX_DURATION_MS, parseDuration } from './duration.ts';

describe('parseDuration', () => {
  test.each([
    ['30s', 30_000],
    ['2h', 7_200_000],
    ['1h30m', 5_400_000],
    ['1.5h', 5_400_000],
    ['250ms', 250],
    ['90s', 90_000],
    ['1m1s1ms', 61_001],
    ['.5s', 500],
    ['1.s', 1_000],
    ['1500us', 2],
    ['2000000ns', 2],
    ['3µs', 0],
    ['0', 0],
    ['0s', 0],
  ])('given %s, then it is %i ms', (text, ms) => {
    expect(parseDuration(text)).toEqual({ ok: true, ms });
  });

  test.each([
    '',
    '5',
    's',
    '1d',
    '1 h',
    '-1s',
    '+1s',
    '1h 30m',
    '1hm',
    '1e3s',
    'h1',
    '1.2.3s',
    '1s!',
    `${'1'.repeat(70)}s`,
  ])('given %j, then it is refused with examples', text => {
    const result = parseDuration(text);
    expect(result).toMatchObject({ ok: false, message: expect.stringContaining('such as 30s, 2h or 1h30m') });
  });

  test('given bounds, then what lies outside is refused and says which', () => {
    expect(parseDuration('10s', { min: 30_000 })).toEqual({ ok: false, message: 'expected at least 30s, got 10s' });
    expect(parseDuration('3h', { max: 7_200_000 })).toEqual({ ok: false, message: 'expected at most 2h, got 3h' });
    expect(parseDuration('9000h')).toEqual({ ok: false, message: 'expected at most 8760h, got 9000h' });
  });
});

describe('formatDuration', () => {
  test.each([
    [0, '0s'],
    [250, '250ms'],
    [1_500, '1.5s'],
    [90_000, '1m30s'],
    [5_400_000, '1h30m'],
    [7_200_000, '2h'],
    [3_600_250, '1h0.25s'],
  ])('given %i ms, then it reads %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });

  test('given any whole number of milliseconds, then its text is read back as the same', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: MAX_DURATION_MS }), ms => {
        expect(parseDuration(formatDuration(ms))).toEqual({ ok: true, ms });
      }),
    );
  });

  test('given any text, then parsing does not throw and stays within bounds', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[0-9.hmsnuµ]{0,20}$/)), text => {
        const result = parseDuration(text);
        if (result.ok) expect(result.ms >= 0 && result.ms <= MAX_DURATION_MS && Number.isInteger(result.ms)).toBe(true);
      }),
    );
  });
});
