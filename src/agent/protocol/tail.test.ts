import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { StreamName } from './output.ts';
import { createTail, type TailOptions } from './tail.ts';

type Piece = readonly [StreamName, string | Buffer];

function tailOf(pieces: readonly Piece[], options?: TailOptions): string {
  const tail = createTail(options);
  for (const [stream, text] of pieces) tail.push(Buffer.from(text), stream);
  return tail.text();
}

describe('the tail of an output', () => {
  it('given nothing, or nothing but empty lines, then there is none', () => {
    expect(tailOf([])).toBe('');
    expect(tailOf([['stdout', '\n \n\n']])).toBe('');
  });

  it('given more lines than asked for, then the last ones, whether the last has a newline or not', () => {
    expect(tailOf([['stdout', 'a\nb\nc\nd']], { maxLines: 2 })).toBe('c\nd');
    expect(tailOf([['stdout', 'a\nb\nc\nd\n']], { maxLines: 2 })).toBe('c\nd');
  });

  it('given lines of both streams, then they come in the order in which they ended, and none is torn', () => {
    expect(
      tailOf([
        ['stdout', 'one, be'],
        ['stderr', 'warning\n'],
        ['stdout', 'gun\n'],
      ]),
    ).toBe('warning\none, begun');
  });

  it('given a character that came in two chunks, then it is whole', () => {
    const bytes = Buffer.from('größer\n');
    expect(
      tailOf([
        ['stdout', bytes.subarray(0, 3)],
        ['stderr', 'x\n'],
        ['stdout', bytes.subarray(3)],
      ]),
    ).toBe('x\ngrößer');
  });

  it('given a chunk that is used again by whoever pushed it, then the tail has its own copy', () => {
    const tail = createTail();
    const chunk = Buffer.from('kept\n');
    tail.push(chunk, 'stdout');
    chunk.fill('x');
    expect(tail.text()).toBe('kept');
  });

  it('given far more than is kept, then the last lines are whole ones', () => {
    const lines = Array.from({ length: 2_000 }, (_, index) => `line ${index}`);
    expect(tailOf([['stdout', `${lines.join('\n')}\n`]])).toBe(lines.slice(-10).join('\n'));
    expect(
      tailOf(
        lines.map(line => ['stdout', `${line}\n`] as const),
        { maxLines: 3 },
      ),
    ).toBe(lines.slice(-3).join('\n'));
  });

  it('given a line that is longer than all that is kept, then its end, and a sign that it is no whole line', () => {
    const text = tailOf([['stdout', `${'x'.repeat(9_000)}end\n`]]);
    expect(text).toHaveLength(1_000);
    expect(text).toMatch(/^…x+end$/);
    expect(tailOf([['stdout', `${'x'.repeat(9_000)}end`]])).toMatch(/^…x+end$/);
  });

  it('given colours, titles and control characters, then the text without them', () => {
    expect(tailOf([['stdout', '\u001b[1;31mFAIL\u001b[0m a\u0000b\u0007\tc\u001b]0;title\u0007\u009b\n']])).toBe(
      'FAIL ab\tc',
    );
  });

  it('given a progress bar, then what stood there last', () => {
    expect(tailOf([['stderr', '10 %\r50 %\r100 %\r\ndone\r\n']])).toBe('100 %\ndone');
  });

  it('given bytes that are no text, then it is well-formed all the same', () => {
    const text = tailOf([['stdout', Buffer.from([0xff, 0xfe, 0x41, 0x0a])]]);
    expect(text.isWellFormed()).toBe(true);
    expect(text).toContain('A');
  });

  const pieces = fc.array(
    fc.tuple(
      fc.constantFrom<StreamName[]>('stdout', 'stderr'),
      fc.oneof(
        fc.string({ unit: 'binary', maxLength: 30 }),
        fc.constant('line\n'),
        fc.constant('y'.repeat(3_000)),
        fc.constant('\n'),
      ),
    ),
    { maxLength: 30 },
  );

  it('property: it is within its bounds, without control characters, and each of its whole lines was written', () => {
    fc.assert(
      fc.property(pieces, fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 400 }), (list, maxLines, max) => {
        const text = tailOf(list, { maxLines, maxLength: max });
        expect(text.length).toBeLessThanOrEqual(max);
        expect(text.split('\n').length).toBeLessThanOrEqual(maxLines);
        expect(text.isWellFormed()).toBe(true);
        expect(text).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/);
      }),
    );
  });

  it('property: however one stream is cut into chunks, the tail is the same', () => {
    const script = fc
      .array(fc.constantFrom('word', '\n', 'ß', '\r', `${'z'.repeat(900)}`), { maxLength: 40 })
      .map(parts => Buffer.from(parts.join('')));
    fc.assert(
      fc.property(script, fc.array(fc.nat(40_000)), (whole, cuts) => {
        const at = [0, ...cuts.map(cut => Math.min(cut, whole.length)), whole.length].toSorted((a, b) => a - b);
        const chunks = at.slice(1).map((end, index) => ['stdout', whole.subarray(at[index], end)] as const);
        expect(tailOf(chunks)).toBe(tailOf([['stdout', whole]]));
      }),
    );
  });
});
