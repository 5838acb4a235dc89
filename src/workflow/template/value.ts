/** The types that a template tells apart: JSON's. */
export type TypeName = 'text' | 'number' | 'boolean' | 'null' | 'list' | 'object';

/** The type of a value; undefined for what JSON does not know (functions, undefined, NaN), which counts as missing. */
export function typeOf(value: unknown): TypeName | undefined {
  switch (typeof value) {
    case 'string':
      return 'text';
    case 'number':
      return Number.isFinite(value) ? 'number' : undefined;
    case 'boolean':
      return 'boolean';
    case 'object':
      if (value === null) return 'null';
      return Array.isArray(value) ? 'list' : 'object';
    default:
      return undefined;
  }
}

/** `a list`, `text`, for messages. */
export function describeType(value: unknown): string {
  const type = typeOf(value);
  switch (type) {
    case 'list':
    case 'number':
    case 'boolean':
      return `a ${type}`;
    case 'object':
      return 'an object';
    case 'text':
    case 'null':
      return type;
    case undefined:
      return 'nothing';
  }
}

/** The text of a scalar; undefined for null, lists and objects, whose text nobody agrees on. */
export function scalarText(value: unknown): string | undefined {
  switch (typeOf(value)) {
    case 'text':
      return value as string;
    case 'number':
    case 'boolean':
      return String(value);
    default:
      return undefined;
  }
}

/** As in Go's templates: false, 0, "", null, and empty lists and objects are not true. The text "false" is. */
export function isTrue(value: unknown): boolean {
  switch (typeOf(value)) {
    case 'text':
      return value !== '';
    case 'number':
      return value !== 0;
    case 'boolean':
      return value === true;
    case 'list':
      return (value as unknown[]).length > 0;
    case 'object':
      return Object.keys(value as object).length > 0;
    default:
      return false;
  }
}

/**
 * Equality of scalars. Text equals a number or a boolean that is written like it, since payloads carry either; null equals null only.
 * Undefined when one side is a list or an object.
 */
export function scalarsEqual(left: unknown, right: unknown): boolean | undefined {
  if (left === null || right === null) return left === right;
  const [a, b] = [scalarText(left), scalarText(right)];
  return a === undefined || b === undefined ? undefined : a === b;
}

/** Own property of an object, or element of a list; undefined when there is none. */
export function member(value: unknown, segment: string): unknown {
  switch (typeOf(value)) {
    case 'object':
      return Object.hasOwn(value as object, segment) ? (value as Record<string, unknown>)[segment] : undefined;
    case 'list':
      return /^(?:0|[1-9]\d{0,8})$/.test(segment) ? (value as unknown[])[Number(segment)] : undefined;
    default:
      return undefined;
  }
}

/** Names that {@link member} would find, for messages. */
export function memberNames(value: unknown): string[] {
  return typeOf(value) === 'object' ? Object.keys(value as object) : [];
}

/** A value as JSON; undefined when it is nested too deeply for that. */
export function jsonText(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
