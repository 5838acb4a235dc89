import { part, type Reader } from '../build/reader.ts';
import type { StepDraft } from '../build/step.ts';
import type { WorkflowDraft } from '../build/workflow.ts';
import type { KeyPath } from '../key-path.ts';
import { nearest, suggestion } from '../nearest.ts';
import { asText } from '../schema/fields.ts';
import type { EnvValue } from '../types.ts';

/**
 * What the steps of one workflow must agree on: distinct ids, artifacts that exist, polls that wait for a step before
 * them.
 */
export function checkSteps(reader: Reader, draft: WorkflowDraft, artifactNames: ReadonlySet<string>): void {
  checkIds(reader, draft.steps);
  for (const step of draft.steps) {
    checkArtifact(reader, step, ['produces', 'artifact'], artifactNames);
    if (asText(part(step.source, 'uses')) === 'tako/fan-out@v1') {
      checkArtifact(reader, step, ['with', 'artifact'], artifactNames);
    }
    checkPoll(reader, step, draft.steps);
  }
  noteSecrets(reader, draft);
}

function checkIds(reader: Reader, steps: readonly StepDraft[]): void {
  const owners = new Map<string, string>();
  const claim = (id: string, at: StepDraft['at'], given: boolean, label: string) => {
    const owner = owners.get(id);
    if (owner === undefined) owners.set(id, label);
    else reader.report(given ? [...at, 'id'] : at, `the id ${id} is already that of ${owner}`);
  };
  for (const step of steps) claim(step.id, step.at, part(step.source, 'id') !== undefined, `steps[${step.index}]`);
  for (const step of steps) {
    step.failureSources.forEach(({ at, source }, position) => {
      const id = asText(part(source, 'id'));
      if (id !== undefined) claim(id, at, true, `steps[${step.index}].on_failure[${position}]`);
    });
  }
}

function checkArtifact(reader: Reader, step: StepDraft, keys: [string, string], names: ReadonlySet<string>): void {
  const name = asText(part(part(step.source, keys[0]), keys[1]));
  if (name === undefined || names.has(name)) return;
  reader.report([...step.at, ...keys], `there is no artifact ${JSON.stringify(name)}${suggestion(name, [...names])}`);
}

function checkPoll(reader: Reader, { step, at, index }: StepDraft, steps: readonly StepDraft[]): void {
  if (step?.kind !== 'uses' || step.uses !== 'tako/poll@v1' || step.with.target !== 'step') return;
  const { stepId } = step.with;
  const place = [...at, 'with', 'step_id'];
  const target = steps.find(({ id }) => id === stepId);
  if (target === undefined) {
    const before = steps.slice(0, index).map(({ id }) => id);
    reader.report(place, `there is no step ${JSON.stringify(stepId)}${suggestion(stepId, before)}`);
  } else if (target.index >= index) {
    reader.report(place, `the step ${stepId} does not come before this one`);
  } else if (target.step !== undefined && !target.step.longRunning) {
    reader.report(place, `the step ${stepId} is not long_running: it has ended before this step starts`);
  }
}

/** A secret that nobody gets, or a value that looks like a misspelt secret, is legal and most likely a mistake. */
function noteSecrets(reader: Reader, draft: WorkflowDraft): void {
  const { secrets } = draft.workflow;
  const used = new Set<string>();
  for (const { step, at } of draft.steps) {
    if (step === undefined) continue;
    const scopes: [Record<string, EnvValue>, KeyPath][] = [
      [step.env, [...at, 'env']],
      ...step.onFailure.map(({ env }, position): [Record<string, EnvValue>, KeyPath] => [
        env,
        [...at, 'on_failure', position, 'env'],
      ]),
    ];
    for (const [env, place] of scopes) {
      for (const [name, value] of Object.entries(env)) {
        if (value.kind === 'secret') used.add(value.name);
        else noteMisspelt(reader, value.value, secrets, [...place, name]);
      }
    }
  }
  const everyStepRead = draft.steps.every(({ step }) => step !== undefined);
  for (const [index, name] of secrets.entries()) {
    if (everyStepRead && !used.has(name)) {
      reader.note(
        [...draft.at, 'secrets', index],
        `no step gets the secret ${name}: name it as a value in the env of a step`,
      );
    }
  }
}

function noteMisspelt(reader: Reader, value: string, secrets: readonly string[], at: KeyPath): void {
  const meant = value.length >= 6 ? nearest(value, secrets) : undefined;
  if (meant !== undefined) {
    reader.note(at, `${JSON.stringify(value)} is taken as it is: it is close to the secret ${meant}, but not the same`);
  }
}
