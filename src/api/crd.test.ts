import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type StructuralSchema, toStructuralSchema } from './crd.ts';
import { crdFiles } from './generate.ts';
import { takoRepositoryKind, takoRunKind } from './kinds.ts';

const directory = path.join(import.meta.dirname, '../../crds');

describe('the generated CRDs', () => {
  test('are the ones in crds/: run `npm run generate` when this fails', () => {
    for (const [name, text] of Object.entries(crdFiles())) {
      expect(readFileSync(path.join(directory, name), 'utf8'), name).toBe(text);
    }
    const committed = readdirSync(directory).filter(name => name.startsWith('tako.dev_'));
    expect(committed.sort()).toEqual(Object.keys(crdFiles()).sort());
  });

  test.each([takoRunKind, takoRepositoryKind])('$kind describes every field, for kubectl explain', kind => {
    const missing: string[] = [];
    for (const part of ['spec', 'status'] as const) {
      walk(toStructuralSchema(kind[part]), part, (schema, at) => {
        if (schema.description === undefined || schema.description === '') missing.push(at);
      });
    }
    expect(missing).toEqual([]);
  });

  test.each([takoRunKind, takoRepositoryKind])('$kind bounds every list, map and string of its spec', kind => {
    const unbounded: string[] = [];
    walk(toStructuralSchema(kind.spec), 'spec', (schema, at) => {
      const open = schema['x-kubernetes-preserve-unknown-fields'] === true;
      if (schema.type === 'array' && schema.maxItems === undefined) unbounded.push(at);
      if (schema.type === 'string' && schema.maxLength === undefined && schema.enum === undefined && !closed(schema))
        unbounded.push(at);
      if (typeof schema.additionalProperties === 'object' && schema.maxProperties === undefined && !open)
        unbounded.push(at);
    });
    expect(unbounded).toEqual([]);
  });
});

describe('toStructuralSchema', () => {
  test('given an optional object, then it has no additionalProperties beside properties', () => {
    const schema = toStructuralSchema(z.object({ a: z.string().max(3).optional() }));
    expect(schema).toEqual({ type: 'object', properties: { a: { type: 'string', maxLength: 3 } } });
  });

  test('given any JSON, then the field keeps unknown fields and has no type', () => {
    const any = z.unknown().meta({ 'x-kubernetes-preserve-unknown-fields': true });
    expect(toStructuralSchema(z.object({ any })).properties?.any).toEqual({
      'x-kubernetes-preserve-unknown-fields': true,
    });
  });

  test('given integers, then they have a format and only bounds that were asked for', () => {
    const schema = toStructuralSchema(z.object({ big: z.int(), small: z.int().min(0).max(9) }));
    expect(schema.properties?.big).toEqual({ type: 'integer', format: 'int64' });
    expect(schema.properties?.small).toEqual({ type: 'integer', format: 'int32', minimum: 0, maximum: 9 });
  });
});

/** A pattern or format that fixes the length by itself. */
function closed(schema: StructuralSchema): boolean {
  return schema.format === 'date-time' || /\{\d+\}/.test(String(schema.pattern ?? ''));
}

function walk(schema: StructuralSchema, at: string, visit: (schema: StructuralSchema, at: string) => void): void {
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    visit(property, `${at}.${name}`);
    walk(property, `${at}.${name}`, visit);
  }
  if (schema.items !== undefined) {
    if (schema.items.type !== 'object') visit({ description: 'item', ...schema.items }, `${at}[]`);
    walk(schema.items, `${at}[]`, visit);
  }
  if (typeof schema.additionalProperties === 'object') {
    visit({ description: 'value', ...schema.additionalProperties }, `${at}{}`);
  }
}
