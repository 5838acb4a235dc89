import type { FileDraft } from '../build/file.ts';
import { part, type Reader } from '../build/reader.ts';
import type { KeyPath } from '../key-path.ts';
import { asText } from '../schema/fields.ts';
import type { YamlValue } from '../yaml/value.ts';

/** Where a CEL expression stands, which decides what it may speak of. */
export type ExpressionScope = 'filter' | 'if';

/** Returns what is wrong with an expression; undefined when nothing is. `checkCel` is one. */
export type CheckExpression = (expression: string, scope: ExpressionScope) => string | undefined;

/**
 * UTF-8 bytes of all expressions of a file. They are compiled in the caller's thread, without a time limit: an honest
 * one takes 0.1 ms, the worst of 4 KiB that was found 45 ms, so that the worst file takes 1.5 s.
 */
const MAX_EXPRESSIONS_BYTES = 131_072;

/** Every filter and every `if` compiles. */
export function checkExpressions(reader: Reader, draft: FileDraft, check: CheckExpression): void {
  let bytes = 0;
  const checkAt = (expression: string, scope: ExpressionScope, at: KeyPath) => {
    const before = bytes;
    bytes += Buffer.byteLength(expression);
    if (bytes > MAX_EXPRESSIONS_BYTES) {
      if (before <= MAX_EXPRESSIONS_BYTES) {
        reader.report(
          at,
          `the filters and conditions of a file may have at most ${MAX_EXPRESSIONS_BYTES} bytes together`,
        );
      }
      return;
    }
    const wrong = check(expression, scope);
    if (wrong !== undefined) reader.report(at, wrong);
  };
  for (const { source, at } of draft.subscriptions) {
    const filters = part(source, 'filters');
    const places: [YamlValue | undefined, KeyPath][] = [
      ...(Array.isArray(filters) ? filters : []).map((filter, index): [YamlValue, KeyPath] => [
        filter,
        [...at, 'filters', index],
      ]),
      [part(source, 'filter'), [...at, 'filter']],
    ];
    for (const [filter, place] of places) {
      const expression = asText(filter);
      if (expression !== undefined && expression !== '') checkAt(expression, 'filter', place);
    }
  }
  for (const { steps } of draft.workflows) {
    for (const { source, at, failureSources } of steps) {
      for (const place of [{ source, at }, ...failureSources]) {
        const expression = asText(part(place.source, 'if'));
        if (expression !== undefined && expression !== '') checkAt(expression, 'if', [...place.at, 'if']);
      }
    }
  }
}
