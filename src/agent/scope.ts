import type { CelVariables } from '../workflow/cel/variables.ts';
import { renderText } from '../workflow/template/index.ts';
import type { EnvValue, Workflow } from '../workflow/types.ts';
import type { Assignment, CheckoutFacts } from './contract.ts';
import { checkVariableName, type ResolvedEnv } from './environment.ts';
import type { StepOutputs } from './outputs.ts';

/** What the templates of a run speak of, as far as it has got. */
export interface ScopeSource {
  readonly assignment: Assignment;
  readonly workflow: Pick<Workflow, 'env'>;
  readonly facts: CheckoutFacts;
  /** By step id. */
  readonly outputs: Readonly<Record<string, StepOutputs>>;
}

/** The names that a template may use, with their values. */
export type Scope = Readonly<Record<string, unknown>>;

/** @param env the step's variables, rendered; secrets are none, for no template may put one into a text */
export function templateScope(source: ScopeSource, env: Readonly<Record<string, string>> = {}): Scope {
  const { assignment, facts, outputs } = source;
  const { trigger, repository, run } = assignment;
  return {
    inputs: assignment.inputs,
    steps: Object.fromEntries(Object.entries(outputs).map(([id, values]) => [id, { outputs: values }])),
    outputs: {},
    env,
    event:
      trigger === undefined
        ? {}
        : {
            type: trigger.type,
            source: trigger.source,
            schema_version: trigger.schemaVersion ?? '',
            payload: trigger.payload ?? {},
          },
    payload: trigger?.payload ?? {},
    trigger: { repository: repository.slug, commit: repository.commit, tag: facts.tag ?? '', run_id: run.runId },
    artifacts: {},
  };
}

/** What an `if` may speak of. Of the workflow's variables those that can be rendered: a condition may ask whether there are others. */
export function conditionVariables(source: ScopeSource): CelVariables {
  const scope = templateScope(source);
  const env: Record<string, string> = {};
  for (const [name, text] of Object.entries(source.workflow.env)) {
    const rendered = renderText(text, scope);
    if (rendered.ok) env[name] = rendered.value;
  }
  const { trigger } = source.assignment;
  return {
    inputs: scope.inputs,
    steps: scope.steps,
    env,
    event: scope.event,
    payload: scope.payload,
    event_type: trigger?.type ?? '',
    schema_version: trigger?.schemaVersion ?? '',
    source: trigger?.source ?? '',
    outputs: {},
  };
}

export type EnvResult =
  | {
      readonly ok: true;
      readonly env: Record<string, ResolvedEnv>;
      /** Those of them that are no secrets. */
      readonly literals: Record<string, string>;
    }
  | { readonly ok: false; readonly message: string };

/** The variables of a step: the workflow's, and its own on top, which may speak of those. */
export function resolveEnv(source: ScopeSource, own: Readonly<Record<string, EnvValue>>): EnvResult {
  const env: Record<string, ResolvedEnv> = {};
  const literals: Record<string, string> = {};
  const common = Object.entries(source.workflow.env).map(
    ([name, value]) => [name, { kind: 'literal', value }] as const,
  );
  for (const level of [common, Object.entries(own)]) {
    const scope = templateScope(source, { ...literals });
    for (const [name, value] of level) {
      const problem = checkVariableName(name);
      if (problem !== undefined) return { ok: false, message: problem };
      delete literals[name];
      if (value.kind === 'secret') {
        env[name] = value;
        continue;
      }
      const text = renderText(value.value, scope);
      if (!text.ok) return { ok: false, message: `env.${name}: ${text.error.message}` };
      env[name] = { kind: 'literal', value: text.value };
      literals[name] = text.value;
    }
  }
  return { ok: true, env, literals };
}
