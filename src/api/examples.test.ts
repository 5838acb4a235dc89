import { describe, expect, it } from 'vitest';
import { type StructuralSchema, toStructuralSchema } from './crd.ts';
import { TAKO_RUN_STATUS_EXAMPLES } from './examples.ts';
import { takoRunKind } from './kinds.ts';
import { exampleOf, kindReference, walk } from './reference.ts';
import { takoRunStatusSchema } from './takorun-status.ts';

/** Fields that hold a value of their own, not only further fields. */
function valueFields(): string[] {
  const paths: string[] = [];
  const isObject = (schema: StructuralSchema | undefined) => schema?.properties !== undefined;
  walk(toStructuralSchema(takoRunKind.status), 'status', (field, path) => {
    if (!isObject(field) && !isObject(field.items)) paths.push(path.slice('status.'.length));
  });
  return paths;
}

describe('the examples of a status', () => {
  it.each(TAKO_RUN_STATUS_EXAMPLES.map((example, index) => [index, example] as const))(
    'given example %i, then the API would take it',
    (_, example) => {
      expect(takoRunStatusSchema.safeParse(example).error).toBeUndefined();
    },
  );

  it.each(valueFields())('given the field %s, then there is an example of it, and the reference shows it', path => {
    expect(exampleOf(TAKO_RUN_STATUS_EXAMPLES, path)).toBeDefined();
    const row = kindReference(takoRunKind, '')
      .split('\n')
      .findLast(line => line.startsWith(`| \`${path}\` |`));
    expect(row).toMatch(/ \| `[^|]+` \|$/);
  });

  it('given a path that no example has, then there is none', () => {
    expect(exampleOf(TAKO_RUN_STATUS_EXAMPLES, 'attempts[].nothing')).toBeUndefined();
  });
});
