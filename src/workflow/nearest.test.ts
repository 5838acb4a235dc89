import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { editDistance, nearest, oneOf, suggestion } from './nearest.ts';

describe('editDistance', () => {
  test.each([
    ['', '', 0],
    ['abc', 'abc', 0],
    ['', 'abc', 3],
    ['steps', 'stpes', 1],
    ['kitten', 'sitting', 3],
    ['ca', 'abc', 3],
  ])('given %j and %j, then it is %i', (a, b, distance) => {
    expect(editDistance(a, b)).toBe(distance);
  });

  test('given any two texts, then it is symmetric, zero only for equal ones, and at most the longer length', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 12 }), fc.string({ maxLength: 12 }), (a, b) => {
        const distance = editDistance(a, b);
        expect(distance).toBe(editDistance(b, a));
        expect(distance === 0).toBe(a === b);
        expect(distance).toBeLessThanOrEqual(Math.max(a.length, b.length));
        expect(distance).toBeGreaterThanOrEqual(Math.abs(a.length - b.length));
      }),
    );
  });
});

describe('nearest', () => {
  test('given a typing error, then the word that was meant is found', () => {
    expect(nearest('wrokflows', ['version', 'workflows', 'artifacts'])).toBe('workflows');
  });

  test('given another case and separator, then they count for nothing', () => {
    expect(nearest('waitForChildren', ['timeout', 'wait_for_children'])).toBe('wait_for_children');
    expect(nearest('Long-Running', ['long_running'])).toBe('long_running');
  });

  test('given nothing alike, then nothing is found', () => {
    expect(nearest('b', ['a'])).toBeUndefined();
    expect(nearest('zebra', ['version', 'workflows'])).toBeUndefined();
    expect(nearest('x'.repeat(1_000), ['x'.repeat(999)])).toBeUndefined();
    expect(nearest('steps', [`steps${'s'.repeat(200)}`])).toBeUndefined();
  });
});

describe('suggestion and oneOf', () => {
  test('given a near word, then it is asked for; given none, then all are listed', () => {
    expect(suggestion('stesp', ['steps', 'env'])).toBe(', did you mean "steps"?');
    expect(suggestion('qqq', ['steps', 'env'])).toBe(', expected one of steps, env');
    expect(suggestion('qqq', [])).toBe('');
  });

  test('given many words, then twenty are listed and the rest counted', () => {
    const words = Array.from({ length: 25 }, (_, index) => `w${index}`);
    expect(oneOf(words)).toMatch(/w19 and 5 more$/);
    expect(oneOf(['only'])).toBe('only');
  });
});
