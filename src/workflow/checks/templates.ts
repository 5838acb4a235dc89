import type { FileDraft } from '../build/file.ts';
import type { Reader } from '../build/reader.ts';
import type { WorkflowDraft } from '../build/workflow.ts';
import { checkTemplate } from '../template/index.ts';
import { checkScript } from '../template/script.ts';
import { lineStarts, positionAt } from '../yaml/lines.ts';
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
  const inputTypes = Object.fromEntries(
    Object.values(draft.workflow.inputs).map(({ name, type }) => [name, type] as const),
  );
  for (const place of [...workflowPlaces(draft), ...draft.steps.flatMap(templatePlaces)]) {
    if (place.kind === 'text') checkText(reader, place);
    else for (const { message, line } of checkScript(place.text, { inputTypes })) report(reader, place, line, message);
  }
}

function checkText(reader: Reader, place: TemplatePlace, roots?: readonly string[]): void {
  for (const { message, offset } of checkTemplate(place.text, roots === undefined ? {} : { roots })) {
    report(reader, place, positionAt(lineStarts(place.text), offset).line, message);
  }
}

/** A long text says in which of its lines; the key's place says where it begins. */
function report(reader: Reader, { at, text }: TemplatePlace, line: number, message: string): void {
  const told = message.replace(/^\d+:\d+ /, '');
  reader.report(at, text.trimEnd().includes('\n') ? `in line ${line}, ${told}` : told);
}
