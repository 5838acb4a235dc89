import type { FileDraft } from '../build/file.ts';
import type { Reader } from '../build/reader.ts';
import type { WorkflowDraft } from '../build/workflow.ts';
import { checkTemplate } from '../template/index.ts';
import { subscriptionPlaces, type TemplatePlace, templatePlaces, workflowPlaces } from './places.ts';

/** What a subscription's inputs may speak of: there is no run yet. */
const SUBSCRIPTION_ROOTS = ['event', 'payload'];

/** Every template parses and names what there is, and in scripts stands where a value may stand. */
export function checkTemplates(reader: Reader, draft: FileDraft): void {
  for (const subscription of draft.subscriptions) {
    for (const place of subscriptionPlaces(subscription)) checkText(reader, place, SUBSCRIPTION_ROOTS);
  }
  for (const workflow of draft.workflows) checkWorkflow(reader, workflow);
}

function checkWorkflow(reader: Reader, draft: WorkflowDraft): void {
  for (const place of [...workflowPlaces(draft), ...draft.steps.flatMap(templatePlaces)]) checkText(reader, place);
}

function checkText(reader: Reader, { at, text }: TemplatePlace, roots?: readonly string[]): void {
  for (const { message } of checkTemplate(text, roots === undefined ? {} : { roots })) reader.report(at, message);
}
