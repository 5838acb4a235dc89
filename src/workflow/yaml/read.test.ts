import { describe, expect, test } from 'vitest';
import { readYaml, type YamlResult } from './read.ts';
import { PlainScalar } from './value.ts';

function read(text: string): Extract<YamlResult, { ok: true }> {
  const result = readYaml(text);
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result;
}

describe('values', () => {
  test('given scalars, then text is text, and numbers and booleans keep how they were written', () => {
    const { value } = read('a: 1.10\nb: 0x1F\nc: true\nd: yes\ne: "1.10"\nf: 2024-01-01\ng: ~\nh:\ni: 1e3\nj: .5');
    expect(value).toEqual({
      a: new PlainScalar(1.1, '1.10'),
      b: new PlainScalar(31, '0x1F'),
      c: new PlainScalar(true, 'true'),
      d: 'yes',
      e: '1.10',
      f: '2024-01-01',
      g: null,
      h: null,
      i: new PlainScalar(1000, '1e3'),
      j: new PlainScalar(0.5, '.5'),
    });
  });

  test('given keys that look like numbers or booleans, then they are the text that was written', () => {
    expect(Object.keys(read('on: 1\n8080: 2\n1.10: 3\ntrue: 4').value as object)).toEqual([
      '8080',
      'on',
      '1.10',
      'true',
    ]);
  });

  test('given tags of the core schema, then they are followed', () => {
    expect(read('a: !!str 1\nb: !!int "3"').value).toEqual({ a: '1', b: new PlainScalar(3, '3') });
  });

  test('given merge keys, then own keys win, then the first of the list', () => {
    const { value } = read('x: &x {a: x, b: x}\ny: &y {b: y, c: y}\nz: {<<: [*x, *y], a: own}');
    expect((value as Record<string, unknown>).z).toEqual({ a: 'own', b: 'x', c: 'y' });
  });

  test('given a quoted <<, then it is a key like any other', () => {
    expect(read('"<<": {a: b}').value).toEqual({ '<<': { a: 'b' } });
  });

  test('given an anchor that is set twice, then an alias means the last one before it', () => {
    expect(read('a: &x one\nb: *x\nc: &x two\nd: *x').value).toEqual({ a: 'one', b: 'one', c: 'two', d: 'two' });
  });
});

describe('places', () => {
  const place = (text: string, ...at: (string | number)[]) => {
    const { line, column } = read(text).locate({ at, message: '' }).position;
    return `${line}:${column}`;
  };

  test('given a key, an item and a missing key, then the place is the key, the item, and the nearest key above', () => {
    const text = 'a:\n  b:\n    - x\n    - {c: d}\n';
    expect(place(text)).toBe('1:1');
    expect(place(text, 'a', 'b')).toBe('2:3');
    expect(place(text, 'a', 'b', 1)).toBe('4:7');
    expect(place(text, 'a', 'b', 1, 'c')).toBe('4:8');
    expect(place(text, 'a', 'b', 1, 'nope', 'x')).toBe('4:7');
    expect(place(text, 'a', 'b', 0, 'x')).toBe('3:7');
    expect(place(text, 'nope')).toBe('1:1');
  });

  test('given comments and blank lines before, CRLF and a byte order mark, then places count them as an editor does', () => {
    expect(place('\uFEFF# comment\r\n\r\nkey: value\r\nother: x', 'other')).toBe('4:1');
    expect(place('# comment\n\n  - a\n  - b')).toBe('3:3');
  });

  test('given merged and aliased values, then the place is where they are written', () => {
    const text = 'x: &x\n  a: 1\ny:\n  <<: *x\nz: *x';
    expect(place(text, 'y', 'a')).toBe('2:3');
    expect(place(text, 'z')).toBe('5:1');
    expect(place(text, 'z', 'a')).toBe('2:3');
  });

  test('given an inherited name, then it is no key', () => {
    expect(place('a: {b: c}', 'a', 'toString')).toBe('1:1');
  });
});

describe('problems', () => {
  test('given duplicate keys, then the second is reported and the first counts', () => {
    const { value, problems } = read('a: 1\nb:\n  c: x\n  c: y\n"a": 2');
    expect(value).toEqual({ a: new PlainScalar(1, '1'), b: { c: 'x' } });
    expect(problems.map(({ at, position }) => [at, position.line])).toEqual([
      [['b', 'c'], 4],
      [['a'], 5],
    ]);
  });

  test('given text that is not UTF-8, then the place is that of the first bad byte', () => {
    const result = readYaml(Buffer.concat([Buffer.from('a: é\nb: ü'), Buffer.from([0xc3, 0x28])]));
    expect(result).toMatchObject({ ok: false, problems: [{ position: { line: 2, column: 5 } }] });
    expect(readYaml(Buffer.from('\uFEFFa: 1', 'utf16le'))).toMatchObject({ ok: false });
  });

  test.each(['\x01', '\x7f', '\ufffe', '\x1b'])('given the control character %j, then it is refused', character => {
    expect(readYaml(`a: x\nb: ${character}`)).toMatchObject({
      ok: false,
      problems: [{ position: { line: 2, column: 4 } }],
    });
  });
});
