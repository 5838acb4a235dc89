import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cpuMilliseconds } from '../../../test/fixtures/cpu-time.ts';
import { compileMask, type Secret } from './mask.ts';

describe('compileMask', () => {
  test.each<[string, string[], string, string]>([
    ['one secret', ['hunter22'], 'a hunter22 b hunter22', 'a *** b ***'],
    ['a secret at both ends', ['hunter22'], 'hunter22 hunter22', '*** ***'],
    ['no secret', ['hunter22'], 'hunter2 2', 'hunter2 2'],
    ['the longer of two that begin alike', ['token', 'token-extended'], 'token-extended token', '*** ***'],
    ['two that overlap', ['abcdef', 'defghi'], 'xabcdefghix', 'x***x'],
    ['one within another', ['cdef', 'abcdefgh'], 'abcdefgh cdef abcdef', '*** *** ab***'],
    ['a row of secrets', ['abcd'], 'abcdabcdabcd', '***'],
    ['one that overlaps itself', ['abab'], 'abababa', '***a'],
    ['several lines, printed as they are', ['first line\nsecond line\n'], '[first line\nsecond line\n]', '[***\n]'],
    [
      'several lines, printed one by one',
      ['first line\nsecond line\n'],
      '  first line\n  second line\n',
      '  ***\n  ***\n',
    ],
    ['lines that were indented in the secret', ['key:\n    inner-value\n'], 'inner-value', '***'],
    ['lines that end as on Windows', ['first line\r\nsecond line'], 'first line, second line', '***, ***'],
    ['a short line of a long secret', ['{\n"key": "value"\n}'], '{ "key": "value" }', '{ *** }'],
    ['a secret with characters of several bytes', ['pässwört'], 'pässwört passwort', '*** passwort'],
    ['a secret with special characters', ['a.*+?^${}()|[]\\b'], 'a.*+?^${}()|[]\\b aXb', '*** aXb'],
  ])('given %s, then it is masked', (_what, secrets, text, expected) => {
    expect(compileMask(named(secrets)).text(text)).toBe(expected);
  });

  test('given secrets of less than four bytes, then they are named instead of masked', () => {
    const mask = compileMask([
      { name: 'PIN', value: '123' },
      { name: 'LINES', value: 'a\nb\nc' },
      { name: 'EMPTY', value: '' },
      { name: 'TOKEN', value: '1234' },
    ]);
    // All of LINES together is long enough.
    expect(mask.ignored).toEqual(['PIN']);
    expect(mask.text('123 a 1234 a\nb\nc')).toBe('123 a *** ***');
  });

  test('given no secrets, then chunks pass as they are', () => {
    const chunk = Buffer.from('anything');
    const stream = compileMask([]).stream();
    expect(stream.push(chunk)).toBe(chunk);
    expect(stream.end()).toHaveLength(0);
  });

  test('given bytes that are no text, then they are masked and passed as they are', () => {
    const secret = Buffer.from([0, 255, 10, 128, 0, 200, 201]);
    const mask = compileMask([{ name: 'KEY', value: secret }]);
    const stream = mask.stream();
    const around = Buffer.from([1, 254, 0, 255]);
    expect(Buffer.concat([stream.push(Buffer.concat([around, secret, around])), stream.end()])).toEqual(
      Buffer.concat([around, Buffer.from('***'), around]),
    );
  });

  test('given the beginning of a secret at the end of a chunk, then only that is held back', () => {
    const stream = compileMask(named(['password-1', 'word-of-mouth'])).stream();
    expect(stream.push(Buffer.from('is it pass')).toString()).toBe('is it ');
    expect(stream.push(Buffer.from('word')).toString()).toBe('');
    expect(stream.push(Buffer.from('-of')).toString()).toBe('pass');
    expect(stream.push(Buffer.from('fice\n')).toString()).toBe('word-office\n');
    expect(stream.end().toString()).toBe('');
  });

  test('given text and secrets that consist of one letter, then masking stays linear', () => {
    const chunk = Buffer.from('a'.repeat(65_536));
    const cost = (length: number): number => {
      const stream = compileMask(named(['a'.repeat(length)])).stream();
      return cpuMilliseconds(() => {
        for (let round = 0; round < 8; round++) stream.push(chunk);
      });
    };
    const [short, long] = [50, 5_000].map(length => Math.min(...[1, 2, 3].map(() => cost(length))));
    // It is about 1.6; a search that begins anew at every letter would make it 100.
    expect(long! / short!).toBeLessThan(10);
  });
});

describe('properties of the mask', () => {
  // Few letters, so that secrets overlap each other and the text is full of their beginnings.
  const bytes = (minLength: number, maxLength: number) =>
    fc.array(fc.constantFrom(0x61, 0x62, 0x0a, 0xff), { minLength, maxLength }).map(values => Buffer.from(values));
  const cases = fc.record({
    secrets: fc.array(bytes(1, 9), { maxLength: 5 }),
    parts: fc.array(fc.oneof(bytes(0, 12), fc.nat(4)), { maxLength: 12 }),
    cuts: fc.array(fc.nat(120), { maxLength: 12 }),
  });
  /** Text that holds whole secrets more often than chance would. */
  const textOf = (secrets: readonly Buffer[], parts: readonly (Buffer | number)[]) =>
    Buffer.concat(parts.map(part => (typeof part === 'number' ? (secrets[part] ?? Buffer.alloc(0)) : part)));

  test('wherever the stream is cut, the result is that of a naive masker over the whole', () => {
    fc.assert(
      fc.property(cases, ({ secrets, parts, cuts }) => {
        const text = textOf(secrets, parts);
        expect(maskCut(secrets, text, cuts)).toEqual(maskNaively(secrets, text));
      }),
      { numRuns: 3_000 },
    );
  });

  test('wherever the stream is cut, no secret survives', () => {
    fc.assert(
      fc.property(cases, ({ secrets, parts, cuts }) => {
        const masked = maskCut(secrets, textOf(secrets, parts), cuts);
        for (const secret of secrets) {
          const bare = secret.toString('latin1').replace(/\n+$/, '');
          if (bare.length >= 4) expect(masked.includes(Buffer.from(bare, 'latin1'))).toBe(false);
        }
      }),
      { numRuns: 3_000 },
    );
  });

  test('without an occurrence, the text comes out as it went in', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.array(fc.nat(300)), (values, cuts) => {
        const text = Buffer.from(values);
        const secret = Buffer.from('a secret that chance does not make');
        expect(maskCut([secret], text, cuts)).toEqual(text);
      }),
    );
  });
});

function named(values: readonly (string | Buffer)[]): Secret[] {
  return values.map((value, index) => ({ name: `SECRET_${index}`, value }));
}

function maskCut(secrets: readonly Buffer[], text: Buffer, cuts: readonly number[]): Buffer {
  const stream = compileMask(named(secrets)).stream();
  const at = [0, ...cuts.map(cut => Math.min(cut, text.length)), text.length].toSorted((a, b) => a - b);
  const shown = at.slice(1).map((end, index) => stream.push(text.subarray(at[index], end)));
  return Buffer.concat([...shown, stream.end()]);
}

/** The definition: every byte of every occurrence is hidden, and a row of hidden bytes is one `***`. */
function maskNaively(secrets: readonly Buffer[], text: Buffer): Buffer {
  const hidden = new Array<boolean>(text.length).fill(false);
  for (const secret of secrets) {
    const lines = secret.toString('latin1').split('\n');
    for (const pattern of [secret.toString('latin1').replace(/\n+$/, ''), ...lines]) {
      if (pattern.length < 4) continue;
      const content = text.toString('latin1');
      for (let start = content.indexOf(pattern); start >= 0; start = content.indexOf(pattern, start + 1)) {
        hidden.fill(true, start, start + pattern.length);
      }
    }
  }
  const parts: Buffer[] = [];
  for (let i = 0; i < text.length; i++) {
    if (!hidden[i]) parts.push(text.subarray(i, i + 1));
    else if (!hidden[i - 1]) parts.push(Buffer.from('***'));
  }
  return Buffer.concat(parts);
}
