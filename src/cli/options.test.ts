import { describe, expect, test } from 'vitest';
import { EXIT } from './exit.ts';
import { ageOption, sizeOption } from './options.ts';

describe('options with units', () => {
  test.each([
    ['7d', 604_800_000],
    ['2w', 1_209_600_000],
    ['12h', 43_200_000],
    ['1h30m', 5_400_000],
    ['0', 0],
  ])('given the age %s, then %d ms', (text, ms) => {
    expect(ageOption('older-than', text)).toBe(ms);
  });

  test.each([
    ['10Gi', 10 * 2 ** 30],
    ['500M', 500_000_000],
    ['1.5Ki', 1_536],
    ['0', 0],
  ])('given the size %s, then %d bytes', (text, size) => {
    expect(sizeOption('max-size', text)).toBe(size);
  });

  test.each([
    [() => ageOption('older-than', 'a week'), /--older-than: expected an age such as 7d.*"a week"/],
    [() => ageOption('older-than', '-1d'), /--older-than/],
    [() => sizeOption('max-size', '10 GB'), /--max-size: expected a size such as 10Gi.*"10 GB"/],
    [() => sizeOption('max-size', '-5Gi'), /--max-size/],
  ])('given what is none, then the command line is wrong (%#)', (read, message) => {
    expect(read).toThrow(expect.objectContaining({ exitCode: EXIT.usage, message: expect.stringMatching(message) }));
  });
});
