import {
  type CelFunc,
  type CelList,
  CelScalar,
  celEnv,
  celFunc,
  celListConcat,
  celMethod,
  isCelError,
  listType,
} from '@bufbuild/cel';
import { strings } from '@bufbuild/cel/ext';
import parse from 'semver/functions/parse.js';
import { parseVersionRange, satisfies } from '../version-range.ts';

const { BOOL, BYTES, DOUBLE, DYN, INT, STRING } = CelScalar;
const LIST = listType(DYN);

/**
 * UTF-16 code units of a text, and items of a list, that an expression may make. A payload has 256 KiB; an expression
 * that doubles a text 20 times has 200 characters. Without these a single allocation can exceed what V8 has left, which
 * ends the process and not just the thread.
 */
export const MAX_MADE_TEXT = 524_288;
export const MAX_MADE_LIST = 10_000;
/** Characters of a regular expression: RE2 is linear in the text, and its program grows with the pattern. */
const MAX_PATTERN = 512;

/** Of the strings extension, what can only give parts of what it takes. */
const HARMLESS = new Set(['charAt', 'indexOf', 'lastIndexOf', 'substring', 'trim', 'split']);

/**
 * What Tako adds to standard CEL: the strings extension without `format` and `quote`, `lower` and `upper`, the `semver`
 * functions, and arithmetic between whole numbers and JSON's numbers, which are doubles (`payload.count + 1`).
 * Comparisons between the two are standard.
 */
export const FUNCTIONS: CelFunc[] = [
  ...strings.filter(({ name }) => HARMLESS.has(name)),
  ...stringFunctions(),
  celFunc('_+_', [LIST, LIST], LIST, (a, b) => {
    boundedList(a.size + b.size);
    return celListConcat(a, b);
  }),
  ...semverFunctions(),
  ...mixed('_+_', (a, b) => a + b),
  ...mixed('_-_', (a, b) => a - b),
  ...mixed('_*_', (a, b) => a * b),
  ...mixed('_/_', (a, b) => a / b),
  ...mixed('_%_', (a, b) => a % b),
  celFunc('_%_', [DOUBLE, DOUBLE], DOUBLE, (a, b) => a % b),
  // Byte arrays live outside the heap, where no limit of a thread reaches them.
  celFunc('bytes', [STRING], BYTES, () => refuseBytes()),
  celFunc('_+_', [BYTES, BYTES], BYTES, () => refuseBytes()),
];

function stringFunctions(): CelFunc[] {
  return [
    celFunc('_+_', [STRING, STRING], STRING, (a, b) => {
      boundedText(a.length + b.length);
      return a + b;
    }),
    celMethod('lower', STRING, [], STRING, function () {
      return this.toLowerCase();
    }),
    celMethod('upper', STRING, [], STRING, function () {
      return this.toUpperCase();
    }),
    celMethod('lowerAscii', STRING, [], STRING, function () {
      return this.replace(/[A-Z]+/g, letters => letters.toLowerCase());
    }),
    celMethod('upperAscii', STRING, [], STRING, function () {
      return this.replace(/[a-z]+/g, letters => letters.toUpperCase());
    }),
    celMethod('replace', STRING, [STRING, STRING], STRING, function (from, to) {
      return replace(this, from, to, Number.POSITIVE_INFINITY);
    }),
    celMethod('replace', STRING, [STRING, STRING, INT], STRING, function (from, to, limit) {
      return replace(this, from, to, limit < 0n ? Number.POSITIVE_INFINITY : Number(limit));
    }),
    celMethod('join', LIST, [], STRING, function () {
      return join(this, '');
    }),
    celMethod('join', LIST, [STRING], STRING, function (separator) {
      return join(this, separator);
    }),
    matches(),
  ];
}

function replace(text: string, from: string, to: string, limit: number): string {
  const parts = text.split(from);
  const replaced = Math.min(limit, parts.length - 1);
  boundedText(text.length + replaced * (to.length - from.length));
  if (replaced === parts.length - 1) return parts.join(to);
  return [parts.slice(0, replaced + 1).join(to), ...parts.slice(replaced + 1)].join(from);
}

function join(list: CelList, separator: string): string {
  const parts = Array.from(list, item => {
    if (typeof item !== 'string') throw new Error('expected a list of text to join');
    return item;
  });
  boundedText(parts.reduce((length, part) => length + part.length + separator.length, 0));
  return parts.join(separator);
}

/** The standard `matches`, for patterns of bounded length. */
function matches(): CelFunc {
  const standard = celEnv().funcs.find('matches');
  return celMethod('matches', STRING, [STRING], BOOL, function (pattern) {
    if (pattern.length > MAX_PATTERN) throw new Error(`a pattern may have at most ${MAX_PATTERN} characters`);
    const result = standard?.call(0, this, [pattern]);
    if (isCelError(result)) throw result;
    return result === true;
  });
}

function semverFunctions(): CelFunc[] {
  return [
    celFunc('semver.major', [STRING], INT, text => BigInt(version(text).major)),
    celFunc('semver.minor', [STRING], INT, text => BigInt(version(text).minor)),
    celFunc('semver.patch', [STRING], INT, text => BigInt(version(text).patch)),
    celFunc('semver.satisfies', [STRING, STRING], BOOL, (text, rangeText) => {
      const range = parseVersionRange(rangeText);
      if (!range.ok) throw new Error(range.message);
      return satisfies(version(text).version, range.range);
    }),
  ];
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

function boundedText(length: number): void {
  if (length > MAX_MADE_TEXT) throw new Error(`a text of more than ${MAX_MADE_TEXT} characters would be made`);
}

function boundedList(size: number): void {
  if (size > MAX_MADE_LIST) throw new Error(`a list of more than ${MAX_MADE_LIST} items would be made`);
}

function refuseBytes(): never {
  throw new Error('bytes cannot be made here, use text');
}
