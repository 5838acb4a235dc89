import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { shownName } from './shown.ts';

describe('shownName', () => {
  test.each([
    ['src/ä b.txt', '"src/ä b.txt"'],
    ['a\nb', '"a\\nb"'],
    ['a\x1b[2Jb\x00\x7f\x9b', '"a\\u{1b}[2Jb\\u{0}\\u{7f}\\u{9b}"'],
    ['safe\u202etxt.exe', '"safe\\u{202e}txt.exe"'],
    ['.g\u200cit', '".g\\u{200c}it"'],
    ['a\u2028b\u00a0c', '"a\\u{2028}b\\u{a0}c"'],
    ['"quoted" \\', '"\\"quoted\\" \\\\"'],
    ['', '""'],
  ])('given %j, then it is shown as %s', (name, expected) => {
    expect(shownName(name)).toBe(expected);
  });

  test('given bytes that are no UTF-8, then they are shown as such', () => {
    expect(shownName(Buffer.from([0x61, 0xff, 0x62]))).toBe('"a\\u{fffd}b"');
  });

  test('given a long name, then it is cut and its length said', () => {
    expect(shownName('x'.repeat(5000))).toBe(`"${'x'.repeat(120)}..." (5000 bytes)`);
  });

  test('property: given any bytes, then the text is short, on one line, and holds nothing that does not show', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary', maxLength: 300 }), fc.uint8Array({ maxLength: 300 })), name => {
        const shown = shownName(typeof name === 'string' ? name : Buffer.from(name));

        expect(shown.length).toBeLessThan(160);
        expect(shown).toMatch(/^"[^\p{C}\p{Zl}\p{Zp}]*"( \([0-9]+ bytes\))?$/u);
      }),
    );
  });
});
