import type { FileDraft } from '../build/file.ts';
import type { Reader } from '../build/reader.ts';
import type { SubscriptionDraft } from '../build/subscription.ts';
import type { WorkflowDraft } from '../build/workflow.ts';
import { convertInput } from '../inputs.ts';
import { suggestion } from '../nearest.ts';
import { ownValue } from '../objects.ts';
import { hasTemplate } from '../schema/patterns.ts';

/**
 * A subscription's workflow exists and can be started with the inputs that the subscription gives. Files of the second spelling give
 * inputs to workflows that declare none: those inputs become optional strings of the workflow, with a note.
 */
export function checkSubscriptions(reader: Reader, draft: FileDraft): void {
  for (const subscription of draft.subscriptions) {
    const { workflow: name } = subscription.subscription;
    const target = draft.workflows.find(workflow => workflow.name === name);
    if (target !== undefined) checkInputs(reader, subscription, target);
    else if (!draft.workflowNames.has(name)) {
      const message = `there is no workflow ${JSON.stringify(name)}${suggestion(name, [...draft.workflowNames])}`;
      reader.report([...subscription.at, 'workflow'], message);
    }
  }
}

function checkInputs(reader: Reader, { at, subscription }: SubscriptionDraft, target: WorkflowDraft): void {
  const given = subscription.inputs;
  for (const [name, text] of Object.entries(given)) {
    const place = [...at, 'inputs', name];
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
    if (definition === undefined || hasTemplate(text)) continue;
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
