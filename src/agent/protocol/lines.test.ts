import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createLineSplitter } from './lines.ts';

function split(maxBytes: number, chunks: readonly string[]): string[] {
  const lines: string[] = [];
  const splitter = createLineSplitter(maxBytes, line => lines.push(line.toString('latin1')));
  for (const chunk of chunks) splitter.push(Buffer.from(chunk, 'latin1'));
  splitter.end();
  return lines;
}

test('given lines in any chunks, then each comes once, without its newline', () => {
  expect(split(10, ['a\nb', 'c\n\nlast'])).toEqual(['a', 'bc', '', 'last']);
  expect(split(10, ['a\n'])).toEqual(['a']);
});

test('given a line that is longer than allowed, then it comes in pieces of that size', () => {
  expect(split(4, ['123456789\nab'])).toEqual(['1234', '5678', '9', 'ab']);
  expect(split(4, ['12', '34', '5\n'])).toEqual(['1234', '5']);
  expect(split(4, ['1234\n'])).toEqual(['1234']);
});

test('wherever a text is cut, the lines are the same, and none is too long', () => {
  const text = fc.array(fc.constantFrom('a', 'b', '\n'), { maxLength: 60 }).map(letters => letters.join(''));
  fc.assert(
    fc.property(text, fc.array(fc.nat(60)), fc.integer({ min: 1, max: 8 }), (whole, cuts, maxBytes) => {
      const at = [0, ...cuts.map(cut => Math.min(cut, whole.length)), whole.length].toSorted((a, b) => a - b);
      const lines = split(
        maxBytes,
        at.slice(1).map((end, index) => whole.slice(at[index], end)),
      );
      expect(lines).toEqual(split(maxBytes, [whole]));
      expect(lines.join('')).toBe(whole.replaceAll('\n', ''));
      for (const line of lines) expect(line.length).toBeLessThanOrEqual(maxBytes);
    }),
  );
});
