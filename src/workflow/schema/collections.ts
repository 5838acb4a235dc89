import * as z from 'zod';
import type { KeyPath } from '../key-path.ts';
import { suggestion } from '../nearest.ts';
import { isYamlMap, type YamlMap, type YamlValue } from '../yaml/value.ts';
import { field, got } from './fields.ts';
import type { Form } from './patterns.ts';

/** Any schema over a YAML value. */
export type Schema<T = unknown> = z.ZodType<T, unknown>;

interface Issues {
  addIssue(issue: { code: 'custom'; message: string; path: (string | number)[] }): void;
}

/** Runs a schema on a part of a value and hands its issues on, below `at`. */
function readPart<T>(schema: Schema<T>, value: unknown, at: KeyPath, context: Issues): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  for (const issue of result.error.issues) {
    context.addIssue({ code: 'custom', message: issue.message, path: [...at, ...issue.path.map(toKey)] });
  }
  return z.NEVER;
}

function toKey(part: PropertyKey): string | number {
  return typeof part === 'symbol' ? String(part) : part;
}

/** Keys that people take from other systems. */
const ALIASES: Record<string, string> = { script: 'run', command: 'run', environment: 'env', needs: 'if', when: 'if' };

/**
 * A map with known keys. A key without a value counts as absent, an unknown key is an error that names the nearest
 * known one, and all errors inside are reported at once.
 */
export function section<S extends z.ZodRawShape>(shape: S) {
  const inner = z.object(shape);
  const known = Object.keys(shape);
  return z.unknown().transform((value, context): z.output<typeof inner> => {
    if (!isYamlMap(value)) {
      context.addIssue({ code: 'custom', message: notA('map', value), path: [] });
      return z.NEVER;
    }
    for (const key of Object.keys(value)) {
      if (!Object.hasOwn(shape, key)) {
        context.addIssue({ code: 'custom', message: unknownKey(key, known), path: [key] });
      }
    }
    const given = Object.fromEntries(Object.entries(value).filter(([, part]) => part !== null));
    return readPart(inner, given, [], context);
  });
}

/** The message for a value that is no map or list. */
export function notA(kind: 'map' | 'list', value: unknown): string {
  return value === undefined || value === null ? 'is required' : `expected a ${kind}, ${got(value as YamlValue)}`;
}

/** The message for a key that a map cannot have. */
function unknownKey(key: string, known: readonly string[]): string {
  const alias = Object.hasOwn(ALIASES, key) ? ALIASES[key]! : undefined;
  const meant = alias !== undefined && known.includes(alias) ? `, did you mean "${alias}"?` : suggestion(key, known);
  return `unknown key "${key.slice(0, 60)}"${meant}`;
}

/** A list, item by item. A single value is not a list. */
export function list<T>(item: Schema<T>) {
  return z.unknown().transform((value, context): T[] => {
    if (!Array.isArray(value)) {
      context.addIssue({ code: 'custom', message: notA('list', value), path: [] });
      return z.NEVER;
    }
    return value.map((part, index) => readPart(item, part, [index], context));
  });
}

/** A map whose keys are names of the author's choice. */
export function mapOf<T>(key: Form, item: Schema<T>) {
  return z.unknown().transform((value, context): Record<string, T> => {
    if (!isYamlMap(value)) {
      context.addIssue({ code: 'custom', message: notA('map', value), path: [] });
      return z.NEVER;
    }
    for (const name of Object.keys(value)) {
      const wrong = wrongName(name, key);
      if (wrong !== undefined) context.addIssue({ code: 'custom', message: wrong, path: [name] });
    }
    return Object.fromEntries(
      Object.entries(value).map(([name, part]) => [name, readPart(item, part, [name], context)]),
    );
  });
}

/** Why a key cannot be a name; undefined when it can. */
export function wrongName(name: string, form: Form): string | undefined {
  if (!form.pattern.test(name)) return `expected ${form.expected}, got ${JSON.stringify(name.slice(0, 80))}`;
  // Readers look names up in plain records: these would find something in every one of them.
  return name in Object.prototype ? `the name ${name} is reserved` : undefined;
}

/** Either a text, which `fromText` turns into a map, or the map itself. */
export function textOr<T>(schema: Schema<T>, fromText: (text: string) => YamlMap) {
  return z.unknown().transform((value, context): T => {
    if (typeof value !== 'string') return readPart(schema, value, [], context);
    const result = schema.safeParse(fromText(value));
    if (result.success) return result.data;
    for (const { message } of result.error.issues) context.addIssue({ code: 'custom', message, path: [] });
    return z.NEVER;
  });
}

/** Variables: `NAME: value` as a map, or `NAME=value` as a list. A value may be empty. */
export function environment(name: Form) {
  return field((value, fail): Record<string, string> => {
    const variables = new Map<string, string>();
    const add = (at: KeyPath, key: string, part: string | undefined, whole: YamlValue) => {
      if (!name.pattern.test(key)) fail(`expected ${name.expected}, got ${JSON.stringify(key.slice(0, 80))}`, at);
      else if (part === undefined) fail(`expected text, ${got(whole)}`, at);
      else if (variables.has(key)) fail(`the variable ${key} is given twice`, at);
      else variables.set(key, part);
    };
    if (isYamlMap(value)) {
      for (const [key, part] of Object.entries(value)) add([key], key, environmentValue(part), part);
    } else if (Array.isArray(value)) {
      value.forEach((item, index) => {
        const separator = typeof item === 'string' ? item.indexOf('=') : -1;
        if (typeof item !== 'string' || separator === -1) fail(`expected NAME=value, ${got(item)}`, [index]);
        else add([index], item.slice(0, separator), item.slice(separator + 1), item);
      });
    } else {
      fail(`expected a map of variables or a list of NAME=value, ${got(value)}`);
    }
    return Object.fromEntries(variables);
  });
}

function environmentValue(value: YamlValue): string | undefined {
  if (value === null) return '';
  if (typeof value === 'string') return value;
  return Array.isArray(value) || isYamlMap(value) ? undefined : value.source;
}
