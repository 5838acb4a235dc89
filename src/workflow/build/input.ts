import { convertInput } from '../inputs.ts';
import type { KeyPath } from '../key-path.ts';
import { withoutUndefined } from '../objects.ts';
import { type InputSection, inputSchema } from '../schema/inputs.ts';
import type { InputDefinition } from '../types.ts';
import type { YamlValue } from '../yaml/value.ts';
import type { Reader } from './reader.ts';

/** One entry of a workflow's `inputs`. The default and the enum's values are converted as given inputs are. */
export function buildInput(reader: Reader, name: string, value: YamlValue, at: KeyPath): InputDefinition | undefined {
  const section = reader.read(inputSchema, value, at);
  if (section === undefined) return undefined;
  const definition = withValidation(reader, name, section, [...at, 'validation']);
  if (section.default === undefined) return definition;
  const result = convertInput(definition, section.default);
  if (!result.ok) reader.report([...at, 'default'], result.message);
  return result.ok ? ({ ...definition, default: result.value } as InputDefinition) : definition;
}

function withValidation(reader: Reader, name: string, section: InputSection, at: KeyPath): InputDefinition {
  const { enum: values, min, max } = section.validation ?? {};
  const base = { name, required: section.required, ...withoutUndefined({ description: section.description }) };
  if (section.type !== 'number') {
    for (const [key, bound] of Object.entries({ min, max })) {
      if (bound !== undefined)
        reader.report([...at, key], `is only for inputs of type number, this one is a ${section.type}`);
    }
  } else if (min !== undefined && max !== undefined && min > max) {
    reader.report([...at, 'min'], `expected at most max (${max}), got ${min}`);
  }
  if (values?.length === 0) reader.report([...at, 'enum'], 'expected at least one value, got an empty list');
  switch (section.type) {
    case 'string':
      return { ...base, type: 'string', ...withoutUndefined({ enum: values }) };
    case 'boolean':
      if (values !== undefined) reader.report([...at, 'enum'], 'is not for inputs of type boolean');
      return { ...base, type: 'boolean' };
    case 'number': {
      const bounds = { ...base, type: 'number' as const, ...withoutUndefined({ min, max }) };
      const numbers = values?.flatMap((value, index) => {
        const result = convertInput(bounds, value);
        if (result.ok) return [result.value as number];
        reader.report([...at, 'enum', index], result.message);
        return [];
      });
      // Without its broken values an enum may be empty: then the default is not measured by it.
      return { ...bounds, ...withoutUndefined({ enum: numbers?.length === 0 ? undefined : numbers }) };
    }
  }
}
