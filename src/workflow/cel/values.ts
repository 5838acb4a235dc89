import { type CelInput, type CelValue, isCelList, isCelMap, isCelUint } from '@bufbuild/cel';
import type { JsonValue } from '../types.ts';

const MAX_DEPTH = 100;

/**
 * JSON data as the library wants it. Objects become Maps: of a plain object the library looks up inherited names too
 * (`constructor`). Numbers stay doubles, undefined members are left out.
 */
export function toCel(value: unknown, depth = 0): CelInput {
  if (depth > MAX_DEPTH) throw new Error(`the variables are nested more than ${MAX_DEPTH} levels deep`);
  switch (typeof value) {
    case 'string':
    case 'number':
    case 'boolean':
      return value;
    case 'object':
      break;
    default:
      throw new Error(`a variable holds a ${typeof value}, which is not JSON`);
  }
  if (value === null) return null;
  if (Array.isArray(value)) return value.map(item => toCel(item, depth + 1));
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return new Map(members.map(([key, member]) => [key, toCel(member, depth + 1)]));
}

/** Values in a result, and characters in its texts: it is copied between threads. */
const MAX_RESULT_VALUES = 10_000;
const MAX_RESULT_TEXT = 65_536;

/**
 * A result as JSON. Throws for what JSON has no form for (bytes, types, timestamps, whole numbers beyond 2^53) and for
 * what is too large.
 */
export function fromCel(result: CelValue): JsonValue {
  let values = 0;
  let text = 0;
  const count = (characters: number) => {
    values += 1;
    text += characters;
    if (values > MAX_RESULT_VALUES) throw new Error(`the result has more than ${MAX_RESULT_VALUES} values`);
    if (text > MAX_RESULT_TEXT) throw new Error(`the result has more than ${MAX_RESULT_TEXT} characters`);
  };
  const convert = (value: CelValue): JsonValue => {
    count(typeof value === 'string' ? value.length : 0);
    if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
    if (typeof value === 'number') return finite(value);
    if (typeof value === 'bigint') return wholeNumber(value);
    if (isCelUint(value)) return wholeNumber(value.value);
    if (isCelList(value)) return Array.from(value, convert);
    if (!isCelMap(value)) throw new Error('the result is neither text, number, boolean, list nor map');
    const members = Array.from(value.entries(), ([key, member]): [string, JsonValue] => {
      const name = String(isCelUint(key) ? key.value : key);
      count(name.length);
      return [name, convert(member)];
    });
    return Object.fromEntries(members);
  };
  return convert(result);
}

function finite(value: number): number {
  if (!Number.isFinite(value)) throw new Error(`the result is ${value}, which is no number`);
  return value;
}

function wholeNumber(value: bigint): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw new Error(`the result ${value} is too large to be exact`);
  return number;
}
