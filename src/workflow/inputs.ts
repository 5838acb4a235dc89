import { oneOf, suggestion } from './nearest.ts';
import { ownValue } from './objects.ts';
import type { InputDefinition } from './types.ts';

/** Names and values of a run's inputs together, in UTF-8: they travel in the run's spec. */
export const MAX_INPUT_BYTES = 16_384;

type InputValue = string | number | boolean;

export type InputsResult = { ok: true; values: Record<string, InputValue> } | { ok: false; errors: string[] };

export type InputResult = { ok: true; value: InputValue } | { ok: false; message: string };

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const MAX_SHOWN = 80;

/**
 * Turns the inputs of a run, which arrive as strings, into values of the declared types. What is not given takes its
 * default; an optional input without one stays absent. All errors at once, each a whole sentence for the person who
 * gave the inputs.
 */
export function resolveInputs(
  definitions: Readonly<Record<string, InputDefinition>>,
  given: Readonly<Record<string, string>>,
): InputsResult {
  const bytes = Object.entries(given).reduce(
    (sum, [name, value]) => sum + Buffer.byteLength(name) + Buffer.byteLength(value),
    0,
  );
  if (bytes > MAX_INPUT_BYTES) {
    return { ok: false, errors: [`the inputs have ${bytes} bytes together, at most ${MAX_INPUT_BYTES} are allowed`] };
  }
  const errors: string[] = [];
  const values: Record<string, InputValue> = {};
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(definitions, name)) errors.push(unknownInput(name, definitions));
  }
  for (const [name, definition] of Object.entries(definitions)) {
    const text = ownValue(given, name);
    if (text !== undefined) {
      const result = convertInput(definition, text);
      if (result.ok) values[name] = result.value;
      else errors.push(`input ${name}: ${result.message}`);
    } else if (definition.default !== undefined) {
      values[name] = definition.default;
    } else if (definition.required) {
      errors.push(`input ${name}: is required${definition.description ? ` (${definition.description})` : ''}`);
    }
  }
  return errors.length === 0 ? { ok: true, values } : { ok: false, errors };
}

function unknownInput(name: string, definitions: Readonly<Record<string, InputDefinition>>): string {
  const known = Object.keys(definitions);
  const problem =
    known.length === 0 ? 'the workflow declares no inputs' : `the workflow has no such input${suggestion(name, known)}`;
  return `input ${name.slice(0, MAX_SHOWN)}: ${problem}`;
}

/** One value by its definition: type, then enum, min and max. A number is decimal, a boolean is `true` or `false`. */
export function convertInput(definition: InputDefinition, text: string): InputResult {
  const shown = JSON.stringify(text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}...` : text);
  switch (definition.type) {
    case 'string':
      if (definition.enum !== undefined && !definition.enum.includes(text)) {
        return { ok: false, message: `expected ${oneOf(definition.enum)}, got ${shown}` };
      }
      return { ok: true, value: text };
    case 'boolean':
      if (text !== 'true' && text !== 'false') return { ok: false, message: `expected true or false, got ${shown}` };
      return { ok: true, value: text === 'true' };
    case 'number': {
      // Adding zero turns -0 into 0, which JSON would anyway.
      const value = NUMBER.test(text) ? Number(text) + 0 : Number.NaN;
      if (!Number.isFinite(value)) return { ok: false, message: `expected a number, got ${shown}` };
      if (definition.enum !== undefined && !definition.enum.includes(value)) {
        return { ok: false, message: `expected ${oneOf(definition.enum)}, got ${text}` };
      }
      if (definition.min !== undefined && value < definition.min) {
        return { ok: false, message: `expected at least ${definition.min}, got ${text}` };
      }
      if (definition.max !== undefined && value > definition.max) {
        return { ok: false, message: `expected at most ${definition.max}, got ${text}` };
      }
      return { ok: true, value };
    }
  }
}
