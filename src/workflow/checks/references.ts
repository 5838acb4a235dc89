import { part, type Reader } from '../build/reader.ts';
import type { StepDraft } from '../build/step.ts';
import type { WorkflowDraft } from '../build/workflow.ts';
import type { KeyPath } from '../key-path.ts';
import { suggestion } from '../nearest.ts';
import { asText } from '../schema/fields.ts';
import { isYamlMap } from '../yaml/value.ts';
import { templatePlaces } from './places.ts';

interface Reference {
  root: 'inputs' | 'steps';
  name: string;
  /** For steps: the output that is read. */
  output?: string;
}

const TEMPLATE = /\{\{(.*?)\}\}/gs;
const QUOTED = /"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`[^`]*`/g;
/** Both spellings: `.inputs.x` and `.Inputs.x`. */
const IN_TEMPLATE = /(?<![\w.\])])\.([Ii]nputs|[Ss]teps)\.([\w-]+)(?:\.[Oo]utputs\.([\w-]+))?/g;
const IN_CEL = /(?<![\w.\])])\.?(inputs|steps)\.([\w-]+)(?:\.outputs\.([\w-]+))?/g;

/**
 * Templates and `if` speak only of inputs that the workflow declares and of steps that come before (or, once a step has run, of itself).
 * An output that the step does not declare is a note: long-running steps may write others at run time, and templates may give a default.
 */
export function checkReferences(reader: Reader, draft: WorkflowDraft): void {
  for (const step of draft.steps) {
    for (const { at, text, afterStep } of templatePlaces(step)) {
      for (const reference of inTemplates(text)) checkReference(reader, draft, step.index, afterStep, reference, at);
    }
    const places = [
      { source: step.source, at: step.at, afterStep: false },
      ...step.failureSources.map(failure => ({ ...failure, afterStep: true })),
    ];
    for (const { source, at, afterStep } of places) {
      const condition = asText(part(source, 'if') ?? null);
      if (condition === undefined) continue;
      for (const reference of inExpression(condition)) {
        checkReference(reader, draft, step.index, afterStep, reference, [...at, 'if']);
      }
    }
  }
}

function inTemplates(text: string): Reference[] {
  return [...text.matchAll(TEMPLATE)].flatMap(([, action]) => references(action!.replace(QUOTED, '""'), IN_TEMPLATE));
}

function inExpression(expression: string): Reference[] {
  return references(expression.replace(QUOTED, '""'), IN_CEL);
}

function references(text: string, pattern: RegExp): Reference[] {
  return [...text.matchAll(pattern)].map(([, root, name, output]) => ({
    root: root!.toLowerCase() as Reference['root'],
    name: name!,
    ...(output !== undefined && { output }),
  }));
}

function checkReference(
  reader: Reader,
  draft: WorkflowDraft,
  index: number,
  afterStep: boolean,
  reference: Reference,
  at: KeyPath,
): void {
  if (reference.root === 'inputs') {
    const known = [...new Set([...draft.inputNames, ...Object.keys(draft.workflow.inputs)])];
    if (resolve(reference.name, known) !== undefined) return;
    const meant = known.length === 0 ? ', the workflow has none' : suggestion(reference.name, known);
    reader.report(at, `there is no input ${JSON.stringify(reference.name)}${meant}`);
    return;
  }
  const name = resolve(
    reference.name,
    draft.steps.map(({ id }) => id),
  );
  const step = draft.steps.find(({ id }) => id === name);
  const before = draft.steps.slice(0, afterStep ? index + 1 : index);
  if (step === undefined) {
    reader.report(
      at,
      `there is no step ${JSON.stringify(reference.name)}${suggestion(
        reference.name,
        before.map(({ id }) => id),
      )}`,
    );
  } else if (!before.includes(step)) {
    const which = step.index === index ? 'is this step, which has not run yet' : 'comes after this step';
    reader.report(at, `the step ${step.id} ${which}`);
  } else if (reference.output !== undefined) {
    noteOutput(reader, step, reference.output, at);
  }
}

function noteOutput(reader: Reader, step: StepDraft, output: string, at: KeyPath): void {
  const declared = part(part(step.source, 'produces'), 'outputs');
  const known = isYamlMap(declared) ? Object.keys(declared) : [];
  const decided =
    part(step.source, 'uses') === undefined && asText(part(step.source, 'long_running') ?? null) !== 'true';
  if (!decided || resolve(output, known) !== undefined) return;
  const meant = known.length === 0 ? ', it declares none' : suggestion(output, known);
  reader.note(at, `the step ${step.id} declares no output ${JSON.stringify(output)}${meant}`);
}

/** In `a.b-c` the hyphen may belong to the name or be a minus: the longest known name wins. */
function resolve(text: string, known: readonly string[]): string | undefined {
  for (let end = text.length; end > 0; end = text.lastIndexOf('-', end - 1)) {
    const name = text.slice(0, end);
    if (known.includes(name)) return name;
  }
  return undefined;
}
