import { part, type Reader } from '../build/reader.ts';
import type { StepDraft } from '../build/step.ts';
import type { WorkflowDraft } from '../build/workflow.ts';
import type { KeyPath } from '../key-path.ts';
import { nearest, suggestion } from '../nearest.ts';
import { asText } from '../schema/fields.ts';
import { referencedPaths } from '../template/index.ts';
import { isYamlMap } from '../yaml/value.ts';
import { templatePlaces } from './places.ts';

interface Reference {
  root: 'inputs' | 'steps';
  name: string;
  /** For steps: the output that is read. */
  output?: string;
  /** In CEL's `a.b-c` the hyphen may belong to the name or be a minus. */
  language: 'template' | 'cel';
}

/** Where references stand. */
interface Place {
  at: KeyPath;
  /** Index of the step. */
  index: number;
  /** It is rendered or evaluated after the step has run. */
  afterStep: boolean;
}

const QUOTED = /"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'/g;
const IN_CEL = /(?<![\w.\])])\.?(inputs|steps)\.([\w-]+)(?:\.outputs\.([\w-]+))?/g;

/**
 * Templates and `if` speak only of inputs that the workflow declares and of steps that come before (or, once a step has
 * run, of itself). An output that the step does not declare is a note: long-running steps may write others at run time,
 * and templates may give a default.
 */
export function checkReferences(reader: Reader, draft: WorkflowDraft): void {
  for (const step of draft.steps) {
    const { index } = step;
    for (const { at, text, afterStep } of templatePlaces(step)) {
      for (const found of inTemplates(text)) checkReference(reader, draft, found, { at, index, afterStep });
    }
    const conditions = [
      { source: step.source, at: step.at, afterStep: false },
      ...step.failureSources.map(failure => ({ ...failure, afterStep: true })),
    ];
    for (const { source, at, afterStep } of conditions) {
      const condition = asText(part(source, 'if')) ?? '';
      const place = { at: [...at, 'if'], index, afterStep };
      for (const found of inExpression(condition)) checkReference(reader, draft, found, place);
    }
  }
}

function inTemplates(text: string): Reference[] {
  return referencedPaths(text).flatMap(([root, name, outputs, output]) =>
    name === undefined ? [] : reference('template', root, name, outputs === 'outputs' ? output : undefined),
  );
}

/** By their text: the checker of expressions may not be there, and its library is not loaded for this. */
function inExpression(expression: string): Reference[] {
  const matches = expression.replace(QUOTED, '""').matchAll(IN_CEL);
  return Array.from(matches).flatMap(([, root, name, output]) => reference('cel', root, name!, output));
}

function reference(
  language: Reference['language'],
  root: string | undefined,
  name: string,
  output: string | undefined,
): Reference[] {
  if (root !== 'inputs' && root !== 'steps') return [];
  return [{ language, root, name, ...(output !== undefined && { output }) }];
}

function checkReference(reader: Reader, draft: WorkflowDraft, found: Reference, place: Place): void {
  if (found.root === 'inputs') checkInput(reader, draft, found, place);
  else checkStep(reader, draft, found, place);
}

function checkInput(reader: Reader, draft: WorkflowDraft, found: Reference, { at }: Place): void {
  const known = [...new Set([...draft.inputNames, ...Object.keys(draft.workflow.inputs)])];
  if (resolve(found.name, known, found.language) !== undefined) return;
  const meant = known.length === 0 ? ', the workflow has none' : suggestion(found.name, known);
  reader.report(at, `there is no input ${JSON.stringify(found.name)}${meant}`);
}

function checkStep(reader: Reader, draft: WorkflowDraft, found: Reference, { at, index, afterStep }: Place): void {
  const ids = [...new Set(draft.steps.map(({ id }) => id))];
  const id = resolve(found.name, ids, found.language);
  const step = draft.steps.find(candidate => candidate.id === id);
  if (step === undefined) {
    const before = draft.steps.filter(({ index: other }) => other < index || (afterStep && other === index));
    const usable = [...new Set(before.map(candidate => candidate.id))];
    const candidates = nearest(found.name, ids) === undefined ? usable : ids;
    const meant = candidates.length === 0 ? ', and none comes before this one' : suggestion(found.name, candidates);
    reader.report(at, `there is no step ${JSON.stringify(found.name)}${meant}`);
  } else if (step.index > index) {
    reader.report(at, `the step ${step.id} comes after this step`);
  } else if (step.index === index && !afterStep) {
    reader.report(at, `the step ${step.id} is this step, which has not run yet`);
  } else if (found.output !== undefined) {
    noteOutput(reader, step, found.output, found.language, at);
  }
}

function noteOutput(
  reader: Reader,
  step: StepDraft,
  output: string,
  language: Reference['language'],
  at: KeyPath,
): void {
  const declared = part(part(step.source, 'produces'), 'outputs');
  const known = isYamlMap(declared) ? Object.keys(declared) : [];
  const decided = part(step.source, 'uses') === undefined && asText(part(step.source, 'long_running')) !== 'true';
  if (!decided || resolve(output, known, language) !== undefined) return;
  const meant = known.length === 0 ? ', it declares none' : suggestion(output, known);
  reader.note(at, `the step ${step.id} declares no output ${JSON.stringify(output)}${meant}`);
}

/** The known name that a text stands for. In CEL the longest one counts: what follows it may be subtracted. */
function resolve(text: string, known: readonly string[], language: Reference['language']): string | undefined {
  if (language === 'template') return known.includes(text) ? text : undefined;
  for (let end = text.length; end > 0; end = text.lastIndexOf('-', end - 1)) {
    const name = text.slice(0, end);
    if (known.includes(name)) return name;
  }
  return undefined;
}
