import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { clip, errorsStatus, wellFormed } from './status.ts';

describe('status texts', () => {
  it('given a text that fits, then it stays as it is', () => {
    expect(clip('four', 4)).toBe('four');
  });

  it('given a text that is too long, then an ellipsis says so', () => {
    expect(clip('12345', 4)).toBe('123…');
  });

  it('given a cut in the middle of a character, then the whole character goes', () => {
    expect(clip('ab\u{1F600}cd', 4)).toBe('ab…');
  });

  it('property: what is cut is never longer than asked for, and well-formed when the text was', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 1, max: 20 }), (text, max) => {
        const cut = clip(text, max);
        expect(cut.length).toBeLessThanOrEqual(Math.max(max, 1));
        expect(cut.isWellFormed()).toBe(true);
      }),
    );
  });

  it('given members that are undefined, then they go: the API server would not keep them', () => {
    expect(Object.keys(wellFormed({ a: undefined, b: null }))).toEqual(['b']);
  });

  it('given as many errors as there may be, as long as they may be, then all stay, and a status stays small', () => {
    const error = {
      repository: 'acme/app',
      workflow: 'ci',
      errorType: 'workflow_failed',
      errorMessage: `step test: the script ended with exit code 1; the last lines of its output:\n${'x\u{1F600}'.repeat(400)}`,
    } as const;
    const { detailedErrors = [], detailedErrorsOmitted } = errorsStatus({ errors: Array(100).fill(error), omitted: 7 });
    expect(detailedErrors).toHaveLength(100);
    expect(detailedErrorsOmitted).toBe(7);
    expect(Buffer.byteLength(JSON.stringify(detailedErrors))).toBeLessThan(41 * 1024);
    expect(detailedErrors[0]?.errorMessage).toMatch(/^step test: the script ended with exit code 1/);
  });

  it('given no errors any more, then both fields go', () => {
    expect(wellFormed(errorsStatus({ errors: [], omitted: 0 }))).toEqual({});
  });

  it('given halves of characters anywhere, then they are replaced as the API server does it, and the rest stays', () => {
    expect(wellFormed({ a: ['x\ud83d', 1, null, { b: '\udc00' }], c: true })).toEqual({
      a: ['x\ufffd', 1, null, { b: '\ufffd' }],
      c: true,
    });
  });
});
