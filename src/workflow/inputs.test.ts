import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MAX_INPUT_BYTES, resolveInputs } from './inputs.ts';
import type { InputDefinition } from './types.ts';

const DEFINITIONS: Record<string, InputDefinition> = {
  bump: { name: 'bump', type: 'string', required: false, default: 'patch', enum: ['major', 'minor', 'patch'] },
  count: { name: 'count', type: 'number', required: true, min: 1, max: 10 },
  dry: { name: 'dry', type: 'boolean', required: false, default: false },
  note: { name: 'note', type: 'string', required: false },
  size: { name: 'size', type: 'number', required: false, enum: [1, 2] },
};

describe('resolveInputs', () => {
  test('given strings, then they become values of the declared types, and defaults fill in', () => {
    expect(resolveInputs(DEFINITIONS, { count: '3', dry: 'true', size: '2.0' })).toEqual({
      ok: true,
      values: { bump: 'patch', count: 3, dry: true, size: 2 },
    });
  });

  test.each<[string, string, string]>([
    ['bump', 'huge', 'input bump: expected one of major, minor, patch, got "huge"'],
    ['count', '0', 'input count: expected at least 1, got 0'],
    ['count', '11', 'input count: expected at most 10, got 11'],
    ['count', 'three', 'input count: expected a number, got "three"'],
    ['count', '', 'input count: expected a number, got ""'],
    ['count', '0x3', 'input count: expected a number, got "0x3"'],
    ['count', ' 3', 'input count: expected a number, got " 3"'],
    ['count', '1e999', 'input count: expected a number, got "1e999"'],
    ['dry', 'yes', 'input dry: expected true or false, got "yes"'],
    ['size', '3', 'input size: expected one of 1, 2, got 3'],
    ['conut', '3', 'input conut: the workflow has no such input, did you mean "count"?'],
    [
      'constructor',
      'x',
      'input constructor: the workflow has no such input, expected one of bump, count, dry, note, size',
    ],
  ])('given %s=%s, then the error is for its user', (name, value, message) => {
    const result = resolveInputs(DEFINITIONS, { count: '1', [name]: value });
    expect(result).toEqual({ ok: false, errors: [message] });
  });

  test('given several mistakes, then all are told at once', () => {
    const result = resolveInputs(DEFINITIONS, { dry: 'no', bump: 'x', other: '' });
    expect(result.ok ? [] : result.errors).toHaveLength(4);
    expect(result).toMatchObject({ ok: false, errors: expect.arrayContaining(['input count: is required']) });
  });

  test('given a required input with a description, then the description helps', () => {
    const definition = { name: 'v', type: 'string' as const, required: true, description: 'Version to release' };
    expect(resolveInputs({ v: definition }, {})).toEqual({
      ok: false,
      errors: ['input v: is required (Version to release)'],
    });
  });

  test('given a required string that is empty, then it counts as given', () => {
    const definition = { name: 'v', type: 'string' as const, required: true };
    expect(resolveInputs({ v: definition }, { v: '' })).toEqual({ ok: true, values: { v: '' } });
  });

  test('given a workflow without inputs, then it says so', () => {
    expect(resolveInputs({}, { a: '1' })).toEqual({
      ok: false,
      errors: ['input a: the workflow declares no inputs'],
    });
  });

  test('given more than 16 KiB, then it is refused before anything is looked at', () => {
    const fits = { note: 'x'.repeat(MAX_INPUT_BYTES - 'note'.length - 'count1'.length), count: '1' };
    expect(resolveInputs(DEFINITIONS, fits).ok).toBe(true);
    expect(resolveInputs(DEFINITIONS, { ...fits, note: `${fits.note}é` })).toEqual({
      ok: false,
      errors: [`the inputs have ${MAX_INPUT_BYTES + 2} bytes together, at most ${MAX_INPUT_BYTES} are allowed`],
    });
  });

  test('given any strings, then values have the declared types and are JSON', () => {
    const given = fc.dictionary(
      fc.constantFrom('bump', 'count', 'dry', 'note', 'size', 'x'),
      fc.oneof(fc.string(), fc.float().map(String)),
    );
    fc.assert(
      fc.property(given, inputs => {
        const result = resolveInputs(DEFINITIONS, inputs);
        if (!result.ok) return;
        for (const [name, value] of Object.entries(result.values)) expect(typeof value).toBe(DEFINITIONS[name]?.type);
        expect(JSON.parse(JSON.stringify(result))).toEqual(result);
      }),
    );
  });

  test('given -0, then it is 0', () => {
    expect(resolveInputs({ n: { name: 'n', type: 'number', required: false } }, { n: '-0' })).toEqual({
      ok: true,
      values: { n: 0 },
    });
  });
});
