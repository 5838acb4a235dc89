import type { KeyPath } from '../key-path.ts';
import { withoutUndefined } from '../objects.ts';
import { got } from '../schema/fields.ts';
import { workflowSchema } from '../schema/file.ts';
import { NAME } from '../schema/patterns.ts';
import type { InputDefinition, Workflow } from '../types.ts';
import { isYamlMap, type YamlValue } from '../yaml/value.ts';
import { buildInput } from './input.ts';
import { listParts, namedParts, part, type Reader } from './reader.ts';
import { buildResources, buildStep, type StepDraft } from './step.ts';

/** A workflow as far as it could be read. */
export interface WorkflowDraft {
  name: string;
  at: KeyPath;
  /** Without the inputs and steps that are broken. */
  workflow: Workflow;
  /** Names of all inputs, broken ones included. */
  inputNames: Set<string>;
  /** Whether the file has an `inputs` key here at all. */
  declaresInputs: boolean;
  steps: StepDraft[];
}

export function buildWorkflow(reader: Reader, name: string, value: YamlValue, at: KeyPath): WorkflowDraft {
  if (!isYamlMap(value)) reader.report(at, `expected a map with steps, ${got(value)}`);
  // What is broken in the head is reported; the defaults then stand in, so that inputs and steps are checked as well.
  const head = reader.read(workflowSchema, isYamlMap(value) ? value : {}, at) ?? workflowSchema.parse({});
  const inputs: Record<string, InputDefinition> = {};
  const inputParts = namedParts(reader, part(value, 'inputs'), [...at, 'inputs'], NAME);
  for (const [inputName, entry, place] of inputParts) {
    const definition = buildInput(reader, inputName, entry ?? {}, place);
    if (definition !== undefined) inputs[inputName] = definition;
  }
  const secrets = new Set(head.secrets);
  const stepsAt = [...at, 'steps'];
  const steps = listParts(reader, part(value, 'steps'), stepsAt).map(([entry, place], index) =>
    buildStep(reader, entry, index, place, secrets),
  );
  const listed = part(value, 'steps');
  if (isYamlMap(value) && (listed === undefined || (Array.isArray(listed) && listed.length === 0))) {
    reader.report(stepsAt, 'expected at least one step');
  }
  return {
    name,
    at,
    inputNames: new Set(inputParts.map(([inputName]) => inputName)),
    declaresInputs: part(value, 'inputs') !== undefined,
    steps,
    workflow: {
      name,
      onExec: head.on === 'exec',
      ...withoutUndefined({
        description: head.description,
        image: head.image,
        resources: head.resources && buildResources(head.resources),
      }),
      env: head.env,
      secrets: [...secrets],
      inputs,
      steps: steps.flatMap(draft => draft.step ?? []),
    },
  };
}
