import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { shorten } from './shorten.ts';

describe('shorten', () => {
  it('given a message that fits, then it stays as it is', () => {
    expect(shorten('exit code 1\nFAIL', 16)).toBe('exit code 1\nFAIL');
  });

  it('given a message of one line, then its end goes', () => {
    expect(shorten('12345', 4)).toBe('123…');
  });

  it('given a message with the output of a step, then its first line and the end of the output stay', () => {
    const output = Array.from({ length: 50 }, (_, index) => `line ${index}`).join('\n');
    const text = shorten(`exit code 1\n${output}\nlast`, 64);
    expect(text).toHaveLength(64);
    expect(text).toMatch(/^exit code 1\n….*line 49\nlast$/s);
  });

  it('given too little room for an end that says something, then the beginning stays', () => {
    expect(shorten(`exit code 1\n${'x'.repeat(100)}`, 30)).toBe(`exit code 1\n${'x'.repeat(17)}…`);
  });

  it('property: it is never longer than asked for, and well-formed when the text was', () => {
    const text = fc.array(fc.string({ unit: 'grapheme' }), { maxLength: 12 }).map(lines => lines.join('\n'));
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 80 }), (message, max) => {
        const short = shorten(message, max);
        expect(short.length).toBeLessThanOrEqual(max);
        expect(short.isWellFormed()).toBe(true);
      }),
    );
  });
});
