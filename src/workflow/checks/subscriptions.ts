import type { FileDraft } from '../build/file.ts';
import { part, type Reader } from '../build/reader.ts';
import type { SubscriptionDraft } from '../build/subscription.ts';
import type { WorkflowDraft } from '../build/workflow.ts';
import { convertInput } from '../inputs.ts';
import { suggestion } from '../nearest.ts';
import { ownValue } from '../objects.ts';
import { wrongName } from '../schema/collections.ts';
import { asText } from '../schema/fields.ts';
import { hasTemplate, NAME } from '../schema/patterns.ts';
import { isYamlMap } from '../yaml/value.ts';

/**
 * A subscription's workflow exists and can be started with the inputs that the subscription gives. Files of the second
 * spelling give inputs to workflows that declare none: those inputs become optional strings of the workflow, with a
 * note.
 */
export function checkSubscriptions(reader: Reader, draft: FileDraft): void {
  const workflows = new Map(draft.workflows.map(workflow => [workflow.name, workflow]));
  for (const subscription of draft.subscriptions) {
    const name = asText(part(subscription.source, 'workflow'));
    const target = name === undefined ? undefined : workflows.get(name);
    if (target !== undefined) checkInputs(reader, subscription, target);
    else if (name !== undefined && !draft.workflowNames.has(name)) {
      const message = `there is no workflow ${JSON.stringify(name)}${suggestion(name, [...draft.workflowNames])}`;
      reader.report([...subscription.at, 'workflow'], message);
    }
  }
}

function checkInputs(reader: Reader, { at, source }: SubscriptionDraft, target: WorkflowDraft): void {
  const written = part(source, 'inputs');
  const given = isYamlMap(written) ? written : {};
  for (const [name, value] of Object.entries(given)) {
    const place = [...at, 'inputs', name];
    const text = asText(value);
    if (wrongName(name, NAME) !== undefined) continue;
    if (!target.inputNames.has(name)) {
      if (target.declaresInputs) {
        const known = suggestion(name, [...target.inputNames]);
        reader.report(place, `the workflow ${target.name} has no such input${known}`);
        continue;
      }
      target.workflow.inputs[name] ??= { name, type: 'string', required: false };
      reader.note(place, `the workflow ${target.name} declares no inputs: ${name} is taken as an optional string`);
      continue;
    }
    const definition = ownValue(target.workflow.inputs, name);
    if (definition === undefined || text === undefined || hasTemplate(text)) continue;
    const result = convertInput(definition, text);
    if (!result.ok) reader.report(place, result.message);
  }
  for (const definition of Object.values(target.workflow.inputs)) {
    if (definition.required && definition.default === undefined && !Object.hasOwn(given, definition.name)) {
      const message = `the workflow ${target.name} requires the input ${definition.name}, which is not given here`;
      reader.report([...at, 'inputs'], message);
    }
  }
}
