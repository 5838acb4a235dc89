import * as z from 'zod';
import { type DurationBounds, parseDuration } from '../duration.ts';
import type { KeyPath } from '../key-path.ts';
import { shorten } from '../key-path.ts';
import { nearest, oneOf } from '../nearest.ts';
import type { JsonValue } from '../types.ts';
import { isYamlMap, PlainScalar, type YamlValue } from '../yaml/value.ts';
import { type Form, hasTemplate } from './patterns.ts';

/**
 * The leaves of tako.yml as zod schemas over `YamlValue`. Each says in one sentence what it expected; the path and the
 * place are added by whoever runs it. An absent key reaches a leaf as undefined, which is an error unless the leaf is
 * optional or has a default.
 */

/** Adds an issue; `at` is relative to the value that is read. */
export type Fail = (message: string, at?: KeyPath) => never;

/** A leaf: `read` returns the value or calls `fail`. Not run for an absent key; that is "is required". */
export function field<T>(read: (value: YamlValue, fail: Fail) => T) {
  return z.unknown().transform((value, context): T => {
    const fail: Fail = (message, at = []) => {
      context.addIssue({ code: 'custom', message, path: [...at] });
      return z.NEVER;
    };
    if (value === undefined || value === null) return fail('is required');
    return read(value as YamlValue, fail);
  });
}

/** What is there, for the end of a message. */
export function got(value: YamlValue | undefined): string {
  if (value === undefined || value === null) return 'got nothing';
  if (typeof value === 'string') return `got ${JSON.stringify(shorten(value, 80))}`;
  if (value instanceof PlainScalar) return `got ${value.source}`;
  return Array.isArray(value) ? 'got a list' : 'got a map';
}

/** Text; a number or boolean counts as the text it was written with (`1.10`, `8080`). */
export function asText(value: YamlValue | undefined): string | undefined {
  if (typeof value === 'string') return value;
  return value instanceof PlainScalar ? value.source : undefined;
}

export interface TextOptions {
  /** The form it must have. Default: any. */
  form?: Form;
  /** With a template inside, the form is not checked. Default false. */
  templates?: boolean;
  /** Default false. */
  mayBeEmpty?: boolean;
  /** A further check; returns what is wrong. */
  check?: (text: string) => string | undefined;
}

export function text(options: TextOptions = {}) {
  return field((value, fail) => {
    const read = asText(value);
    const expected = options.form?.expected ?? 'text';
    if (read === undefined) return fail(`expected ${expected}, ${got(value)}`);
    if (read === '' && !options.mayBeEmpty) return fail(`expected ${expected}, got ""`);
    if (options.templates && hasTemplate(read)) return read;
    if (options.form !== undefined && !options.form.pattern.test(read))
      return fail(`expected ${expected}, ${got(value)}`);
    const wrong = options.check?.(read);
    return wrong === undefined ? read : fail(wrong);
  });
}

/** One of a few words; a near miss is told which one was meant. */
export function choice<const T extends string>(...words: readonly T[]) {
  return field((value, fail): T => {
    const read = asText(value);
    const word = words.find(candidate => candidate === read);
    if (word !== undefined) return word;
    const meant = read === undefined ? undefined : nearest(read, words);
    return fail(`expected ${oneOf(words)}, ${got(value)}${meant === undefined ? '' : `, did you mean ${meant}?`}`);
  });
}

export function flag() {
  return field((value, fail): boolean => {
    if (value instanceof PlainScalar && typeof value.value === 'boolean') return value.value;
    return fail(`expected true or false, ${got(value)}`);
  });
}

export function number() {
  return field((value, fail): number => {
    if (value instanceof PlainScalar && Number.isFinite(value.value)) return Number(value.value);
    return fail(`expected a number, ${got(value)}`);
  });
}

/** A whole number within bounds, both inclusive. */
export function integer({ min, max }: { min: number; max: number }) {
  return field((value, fail): number => {
    const read = value instanceof PlainScalar ? value.value : undefined;
    if (typeof read === 'number' && Number.isInteger(read) && read >= min && read <= max) return read;
    return fail(`expected a whole number from ${min} to ${max}, ${got(value)}`);
  });
}

/** A duration such as `2h`, as milliseconds. */
export function duration(bounds: DurationBounds) {
  return field((value, fail): number => {
    const read = asText(value);
    if (read === undefined) return fail(`expected a duration such as 30s or 2h, ${got(value)}`);
    const parsed = parseDuration(read, bounds);
    return parsed.ok ? parsed.ms : fail(parsed.message);
  });
}

function toJson(value: YamlValue, fail: Fail, at: KeyPath): JsonValue {
  if (value === null || typeof value === 'string') return value;
  if (value instanceof PlainScalar) {
    const exact =
      typeof value.value === 'boolean' || !Number.isInteger(value.value) || Number.isSafeInteger(value.value);
    if (Number.isFinite(Number(value.value)) && exact) return value.value;
    return fail(`expected a number that JSON can hold exactly, ${got(value)}; quote it to keep it as text`, at);
  }
  if (Array.isArray(value)) return value.map((item, index) => toJson(item, fail, [...at, index]));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, toJson(item, fail, [...at, key])]));
}

/** A map of any JSON. */
export function jsonMap() {
  return field((value, fail) => {
    if (!isYamlMap(value)) return fail(`expected a map, ${got(value)}`);
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, toJson(item, fail, [key])]));
  });
}

/** Anything or nothing: its reader comes later. */
export function later() {
  return z.unknown().optional();
}
