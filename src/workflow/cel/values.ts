import { type CelInput, type CelValue, isCelList, isCelMap, isCelUint } from '@bufbuild/cel';
import type { JsonValue } from '../types.ts';

const MAX_DEPTH = 100;

/**
 * JSON data as the library wants it. Objects become Maps: of a plain object the library looks up inherited names too (`constructor`).
 * Numbers stay doubles, undefined members are left out.
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

/** A result as JSON. Throws for what JSON has no form for: bytes, types, timestamps, and whole numbers beyond 2^53. */
export function fromCel(value: CelValue): JsonValue {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number') return finite(value);
  if (typeof value === 'bigint') return wholeNumber(value);
  if (isCelUint(value)) return wholeNumber(value.value);
  if (isCelList(value)) return Array.from(value, fromCel);
  if (isCelMap(value)) {
    return Object.fromEntries(
      Array.from(value.entries(), ([key, member]) => [String(isCelUint(key) ? key.value : key), fromCel(member)]),
    );
  }
  throw new Error('the result is neither text, number, boolean, list nor map');
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
