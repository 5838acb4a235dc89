import { type CelFunc, CelScalar, celFunc, celMethod } from '@bufbuild/cel';
import { strings } from '@bufbuild/cel/ext';
import parse from 'semver/functions/parse.js';
import { parseVersionRange, satisfies } from '../version-range.ts';

const { BOOL, BYTES, DOUBLE, INT, STRING } = CelScalar;

/**
 * What Tako adds to standard CEL: the strings extension, `lower` and `upper`, the `semver` functions, and arithmetic between whole numbers and
 * JSON's numbers, which are doubles (`payload.count + 1`). Comparisons between the two are standard.
 */
export const FUNCTIONS: CelFunc[] = [
  ...strings,
  celMethod('lower', STRING, [], STRING, function () {
    return this.toLowerCase();
  }),
  celMethod('upper', STRING, [], STRING, function () {
    return this.toUpperCase();
  }),
  celFunc('semver.major', [STRING], INT, text => BigInt(version(text).major)),
  celFunc('semver.minor', [STRING], INT, text => BigInt(version(text).minor)),
  celFunc('semver.patch', [STRING], INT, text => BigInt(version(text).patch)),
  celFunc('semver.satisfies', [STRING, STRING], BOOL, (text, rangeText) => {
    const range = parseVersionRange(rangeText);
    if (!range.ok) throw new Error(range.message);
    return satisfies(version(text).version, range.range);
  }),
  ...mixed('_+_', (a, b) => a + b),
  ...mixed('_-_', (a, b) => a - b),
  ...mixed('_*_', (a, b) => a * b),
  ...mixed('_/_', (a, b) => a / b),
  ...mixed('_%_', (a, b) => a % b),
  celFunc('_%_', [DOUBLE, DOUBLE], DOUBLE, (a, b) => a % b),
  // Byte arrays live outside the heap: no limit on a worker's memory would stop an expression that keeps doubling one.
  celFunc('bytes', [STRING], BYTES, () => refuseBytes()),
  celFunc('_+_', [BYTES, BYTES], BYTES, () => refuseBytes()),
];

function refuseBytes(): never {
  throw new Error('bytes cannot be made here, use text');
}

function version(text: string) {
  const parsed = parse(text);
  if (parsed === null) throw new Error(`expected a version x.y.z, got ${JSON.stringify(text.slice(0, 80))}`);
  return parsed;
}

function mixed(operator: string, compute: (a: number, b: number) => number): CelFunc[] {
  return [
    celFunc(operator, [INT, DOUBLE], DOUBLE, (a, b) => compute(Number(a), b)),
    celFunc(operator, [DOUBLE, INT], DOUBLE, (a, b) => compute(a, Number(b))),
  ];
}
