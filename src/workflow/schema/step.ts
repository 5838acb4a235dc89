import type * as z from 'zod';
import { checkMountPath, checkRelativePath } from '../paths.ts';
import type { OutputSource } from '../types.ts';
import { environment, list, mapOf, section, textOr } from './collections.ts';
import { asText, choice, field, flag, got, jsonMap, later, text } from './fields.ts';
import {
  CAPABILITY,
  ENV_NAME,
  EVENT_TYPE,
  hasTemplate,
  IMAGE,
  NAME,
  QUANTITY,
  SCHEMA_VERSION,
  VARIABLE,
  VOLUME_NAME,
} from './patterns.ts';

export const resourcesSchema = section({
  cpu_limit: text({ form: QUANTITY }).optional(),
  mem_limit: text({ form: QUANTITY }).optional(),
  disk_limit: text({ form: QUANTITY }).optional(),
});

const volumeSchema = section({
  source: text({ form: VOLUME_NAME }),
  destination: text({ check: checkMountPath }),
  read_only: flag().default(false),
});

const FROM = /^from_(file|env):(.*)$/s;

/** Where an output comes from, by its text. */
const outputSchema = field((value, fail): OutputSource => {
  const source = asText(value);
  if (source === 'from_stdout') return { kind: 'stdout' };
  if (source === 'from_stderr') return { kind: 'stderr' };
  const from = source === undefined ? null : FROM.exec(source);
  if (from?.[1] === 'file') {
    const wrong = hasTemplate(from[2]!) ? undefined : checkRelativePath(from[2]!);
    return wrong === undefined ? { kind: 'file', path: from[2]! } : fail(wrong);
  }
  if (from?.[1] === 'env') {
    return ENV_NAME.pattern.test(from[2]!)
      ? { kind: 'env', name: from[2]! }
      : fail(`expected ${ENV_NAME.expected}, got ${from[2]}`);
  }
  if (source !== undefined && hasTemplate(source)) return { kind: 'template', text: source };
  return fail(`expected from_stdout, from_stderr, from_file:path, from_env:NAME or a template, ${got(value)}`);
});

const producesSchema = section({
  artifact: text({ form: NAME }).optional(),
  artifacts: list(
    textOr(
      section({ path: text({ templates: true, check: checkRelativePath }), name: text({ form: NAME }).optional() }),
      path => ({ path }),
    ),
  ).default([]),
  outputs: mapOf(NAME, outputSchema).default({}),
  events: list(
    section({
      type: text({ form: EVENT_TYPE, templates: true }),
      schema_version: text({ form: SCHEMA_VERSION, templates: true }).optional(),
      payload: jsonMap().optional(),
    }),
  ).default([]),
});

/** A step but for what depends on `run` or `uses`: the step's reader sees to that. */
export const stepSchema = section({
  id: text({ form: NAME }).optional(),
  name: text().optional(),
  if: text().optional(),
  run: text().optional(),
  uses: text().optional(),
  with: later(),
  image: text({ form: IMAGE }).optional(),
  env: environment(VARIABLE).default({}),
  long_running: flag().default(false),
  network: choice('none', 'default').default('none'),
  capabilities: list(text({ form: CAPABILITY })).default([]),
  security_profile: choice('default', 'strict').default('default'),
  volumes: list(volumeSchema).default([]),
  resources: resourcesSchema.optional(),
  cache_key_files: text({ check: checkRelativePath }).optional(),
  produces: producesSchema.optional(),
  on_failure: later(),
});

export type StepSection = z.output<typeof stepSchema>;

export const failureScriptSchema = section({
  id: text({ form: NAME }).optional(),
  name: text().optional(),
  if: text().optional(),
  run: text(),
  env: environment(VARIABLE).default({}),
});
