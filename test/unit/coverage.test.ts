import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { compareCoverage, raiseMark } from '../coverage/compare.ts';
import type { FileCoverage } from '../coverage/istanbul.ts';
import { readCoverage } from '../coverage/istanbul.ts';

const root = path.join(import.meta.dirname, '../..');

/** A file of ten one-line statements in one function, of which the first `ran` ran. */
function file(ran: number): Record<string, FileCoverage> {
  const at = (line: number) => ({ start: { line, column: 2 }, end: { line, column: 20 } });
  const lines = Array.from({ length: 10 }, (_, index) => index);
  const name = path.join(root, 'src/example.ts');
  return {
    [name]: {
      path: name,
      statementMap: Object.fromEntries(lines.map(index => [String(index), at(index + 2)])),
      s: Object.fromEntries(lines.map(index => [String(index), index < ran ? 1 : 0])),
      fnMap: { 0: { name: 'example', loc: { start: { line: 1, column: 0 }, end: { line: 12, column: 1 } } } },
    },
  };
}

describe('coverage against its high-water mark', () => {
  test('given the same coverage, then nothing is wrong', () => {
    const mark = readCoverage(file(9), root);
    expect(mark).toEqual({ total: 90, functions: { 'src/example.ts example': 90 } });
    expect(compareCoverage(mark, mark)).toEqual([]);
  });

  test('given a total that fell by more than a point, then it is named', () => {
    const mark = { total: 92, functions: {} };
    expect(compareCoverage({ total: 91, functions: {} }, mark)).toEqual([]);
    expect(compareCoverage({ total: 90.99, functions: {} }, mark)[0]).toMatch('fell from 92 % to 90.99 %');
  });

  test('given a function that fell by more than ten points, then it is named, and a removed one is not', () => {
    const mark = { total: 90, functions: { 'a.ts f': 100, 'a.ts gone': 100 } };
    expect(compareCoverage({ total: 90, functions: { 'a.ts f': 90 } }, mark)).toEqual([]);
    expect(compareCoverage({ total: 90, functions: { 'a.ts f': 89.9 } }, mark)).toEqual([
      'coverage of a.ts f fell from 100 % to 89.9 %: more than 10 points',
    ]);
  });

  test('given less than is required, then it is refused whatever the mark says', () => {
    expect(compareCoverage({ total: 79, functions: {} }, { total: 79, functions: {} })).toHaveLength(1);
  });

  test('given a run that is better in one function, then the mark rises there and falls nowhere', () => {
    const mark = { total: 90, functions: { a: 50, b: 80 } };
    expect(raiseMark({ total: 89, functions: { b: 70, a: 60 } }, mark)).toEqual({
      total: 90,
      functions: { a: 60, b: 80 },
    });
  });
});

describe('npm run coverage:check', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(path.join(tmpdir(), 'coverage-'));
    writeFileSync(path.join(directory, 'mark.json'), JSON.stringify(readCoverage(file(10), root)));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  function check(ran: number) {
    const coverage = path.join(directory, 'coverage.json');
    writeFileSync(coverage, JSON.stringify(file(ran)));
    const script = path.join(root, 'test/coverage/check.ts');
    return spawnSync(process.execPath, [script, coverage, path.join(directory, 'mark.json')], { encoding: 'utf8' });
  }

  test('given as much as the mark, then it passes', () => {
    expect(check(10)).toMatchObject({ status: 0 });
  });

  test('given less, then it fails and says where', () => {
    const { status, stderr } = check(8);
    expect(status).toBe(1);
    expect(stderr).toMatch('coverage of src/example.ts example fell from 100 % to 80 %');
  });
});
