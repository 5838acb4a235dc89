import { expect, test } from 'vitest';
import { formatFileError, MAX_FILE_ERRORS, type Problem, toFileErrors } from './file-error.ts';

const problem = (line: number, column: number, message: string): Problem => ({
  at: ['workflows', 'a'],
  message,
  position: { line, column },
});

test('given an error with a key, then it is one line in the form of the contract', () => {
  const [error] = toFileErrors('tako.yml', [
    {
      at: ['workflows', 'release', 'inputs', 'bump', 'default'],
      message: 'expected one of major, minor, patch, got "huge"',
      position: { line: 14, column: 9 },
    },
  ]);
  expect(formatFileError(error!)).toBe(
    'tako.yml:14:9 workflows.release.inputs.bump.default: expected one of major, minor, patch, got "huge"',
  );
});

test('given an error of the whole file, then there is no key', () => {
  const [error] = toFileErrors('a/tako.yml', [{ at: [], message: 'too large', position: { line: 1, column: 1 } }]);
  expect(formatFileError(error!)).toBe('a/tako.yml:1:1 too large');
});

test('given errors in any order, then they are sorted by place and repeated ones are dropped', () => {
  const errors = toFileErrors('f', [problem(3, 1, 'c'), problem(1, 9, 'b'), problem(1, 2, 'a'), problem(3, 1, 'c')]);
  expect(errors.map(({ message }) => message)).toEqual(['a', 'b', 'c']);
});

test('given more errors than anybody reads, then the rest is counted', () => {
  const many = Array.from({ length: MAX_FILE_ERRORS + 7 }, (_, index) => problem(index + 1, 1, `m${index}`));
  const errors = toFileErrors('f', many);
  expect(errors).toHaveLength(MAX_FILE_ERRORS + 1);
  expect(formatFileError(errors.at(-1)!)).toBe(`f:${MAX_FILE_ERRORS}:1 and 7 more errors`);
});
