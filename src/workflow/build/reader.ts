import type * as z from 'zod';
import type { Finding } from '../file-error.ts';
import type { KeyPath } from '../key-path.ts';
import { notA, type Schema, wrongName } from '../schema/collections.ts';
import type { Form } from '../schema/patterns.ts';
import { isYamlMap, type YamlValue } from '../yaml/value.ts';

/**
 * Reads the parts of a file and gathers what is wrong with each. A part with an error is undefined, and its neighbours
 * are read all the same: a file's author sees every error at once.
 */
export interface Reader {
  read<T>(schema: Schema<T>, value: YamlValue | undefined, at: KeyPath): T | undefined;
  report(at: KeyPath, message: string): void;
  /** Something that works, but perhaps not as it was meant. */
  note(at: KeyPath, message: string): void;
  readonly findings: readonly Finding[];
  readonly notes: readonly Finding[];
}

export function createReader(): Reader {
  const findings: Finding[] = [];
  const notes: Finding[] = [];
  return {
    findings,
    notes,
    report: (at, message) => void findings.push({ at, message }),
    note: (at, message) => void notes.push({ at, message }),
    read(schema, value, at) {
      const result = schema.safeParse(value);
      if (result.success) return result.data;
      for (const issue of result.error.issues) findings.push({ at: [...at, ...keys(issue)], message: issue.message });
      return undefined;
    },
  };
}

function keys(issue: z.core.$ZodIssue): KeyPath {
  return issue.path.map(part => (typeof part === 'symbol' ? String(part) : part));
}

/** The part of a map under a key; undefined when there is no map, no key, or nothing under it. */
export function part(value: YamlValue | undefined, key: string): YamlValue | undefined {
  return isYamlMap(value) && Object.hasOwn(value, key) ? (value[key] ?? undefined) : undefined;
}

/** The entries of a map of named things, with their places. Absent is empty; bad names are reported and left out. */
export function namedParts(
  reader: Reader,
  value: YamlValue | undefined,
  at: KeyPath,
  form: Form,
): [string, YamlValue, KeyPath][] {
  if (value === undefined) return [];
  if (!isYamlMap(value)) {
    reader.report(at, notA('map', value));
    return [];
  }
  return Object.entries(value).flatMap(([name, entry]): [string, YamlValue, KeyPath][] => {
    const wrong = wrongName(name, form);
    if (wrong === undefined) return [[name, entry, [...at, name]]];
    reader.report([...at, name], wrong);
    return [];
  });
}

/** The items of a list, with their places. Absent is empty. */
export function listParts(reader: Reader, value: YamlValue | undefined, at: KeyPath): [YamlValue, KeyPath][] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) {
    reader.report(at, notA('list', value));
    return [];
  }
  return value.map((item, index) => [item, [...at, index]]);
}
