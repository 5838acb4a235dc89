import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { splitLines } from './lines.ts';

async function* chunksOf(bytes: Buffer, cuts: readonly number[]): AsyncGenerator<Buffer> {
  const ends = [...cuts.map(cut => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  let start = 0;
  for (const end of ends) {
    yield bytes.subarray(start, end);
    start = end;
  }
}

async function lines(bytes: Buffer, cuts: readonly number[] = [], longest = 1_000_000): Promise<string[]> {
  const result: string[] = [];
  for await (const line of splitLines(chunksOf(bytes, cuts), longest)) result.push(line);
  return result;
}

describe('splitLines', () => {
  it('given any lines, when the bytes are cut anywhere, also inside characters, then the lines come out as they were', async () => {
    const line = fc.string({ unit: 'grapheme', minLength: 1 }).filter(text => !text.includes('\n'));
    await fc.assert(
      fc.asyncProperty(fc.array(line), fc.array(fc.nat({ max: 10_000 })), async (texts, cuts) => {
        const bytes = Buffer.from(texts.map(text => `${text}\n`).join(''));
        expect(await lines(bytes, cuts)).toEqual(texts);
      }),
    );
  });

  it('given a last line without its end, then it is dropped, as it was cut off', async () => {
    expect(await lines(Buffer.from('{"a":1}\n{"b":'))).toEqual(['{"a":1}']);
  });

  it('given empty lines, then they are skipped', async () => {
    expect(await lines(Buffer.from('\n\na\n\n'))).toEqual(['a']);
  });

  it('given a line of 5 MB in pieces of 16 KB, then it is one line', async () => {
    const text = 'é'.repeat(2_500_000);
    const cuts = Array.from({ length: 320 }, (_, index) => index * 16_384);
    expect(await lines(Buffer.from(`${text}\nb\n`), cuts, 10_000_000)).toEqual([text, 'b']);
  });

  it('given a line that never ends, then it fails instead of filling the memory', async () => {
    await expect(lines(Buffer.alloc(2_000, 'a'), [500, 1_000, 1_500], 1_000)).rejects.toThrow('more than 1000 bytes');
  });
});
