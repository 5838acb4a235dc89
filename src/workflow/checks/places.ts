import { part } from '../build/reader.ts';
import type { ScriptSource, StepDraft } from '../build/step.ts';
import type { SubscriptionDraft } from '../build/subscription.ts';
import type { WorkflowDraft } from '../build/workflow.ts';
import type { KeyPath } from '../key-path.ts';
import { hasTemplate } from '../schema/patterns.ts';
import { isYamlMap, type YamlValue } from '../yaml/value.ts';

/** A text that holds templates. */
export interface TemplatePlace {
  at: KeyPath;
  text: string;
  /** A script is lexed as shell: a template may not stand everywhere in it. */
  kind: 'text' | 'script';
  /** It is rendered after its own step has run. */
  afterStep: boolean;
}

/** Keys of a step under which every string may be a template. `if` is CEL and not among them. */
const TEXT_KEYS = ['env', 'with'] as const;
const AFTER_KEYS = ['artifacts', 'outputs', 'events'] as const;

/** All texts with templates in a step, in no particular order. */
export function templatePlaces({ source, at, runAt, failureSources }: StepDraft): TemplatePlace[] {
  const produces = part(source, 'produces');
  return [
    ...scripts({ source, at, runAt }, false),
    ...TEXT_KEYS.flatMap(key => texts(part(source, key), [...at, key], false)),
    ...AFTER_KEYS.flatMap(key => texts(part(produces, key), [...at, 'produces', key], true)),
    ...failureSources.flatMap(failure => [
      ...scripts(failure, true),
      ...texts(part(failure.source, 'env'), [...failure.at, 'env'], true),
    ]),
  ];
}

/** A workflow's own variables. */
export function workflowPlaces({ at, workflow }: WorkflowDraft): TemplatePlace[] {
  return texts(workflow.env, [...at, 'env'], false);
}

/** A subscription's inputs. */
export function subscriptionPlaces({ at, source }: SubscriptionDraft): TemplatePlace[] {
  return texts(part(source, 'inputs'), [...at, 'inputs'], false);
}

function scripts({ source, runAt }: ScriptSource, afterStep: boolean): TemplatePlace[] {
  const run = part(source, 'run');
  return typeof run === 'string' && hasTemplate(run) ? [{ at: runAt, text: run, kind: 'script', afterStep }] : [];
}

function texts(value: YamlValue | undefined, at: KeyPath, afterStep: boolean): TemplatePlace[] {
  if (typeof value === 'string') return hasTemplate(value) ? [{ at, text: value, kind: 'text', afterStep }] : [];
  if (Array.isArray(value)) return value.flatMap((item, index) => texts(item, [...at, index], afterStep));
  if (!isYamlMap(value)) return [];
  return Object.entries(value).flatMap(([key, item]) => texts(item, [...at, key], afterStep));
}
