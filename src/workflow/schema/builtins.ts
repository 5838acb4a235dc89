import { checkRelativePath } from '../paths.ts';
import type { BuiltinName } from '../types.ts';
import { section } from './collections.ts';
import { choice, duration, flag, integer, jsonMap, text } from './fields.ts';
import { EVENT_TYPE, NAME, SCHEMA_VERSION } from './patterns.ts';

/** A run that waits needs at least this; a shorter time is a typing error (`2` ms for `2m`). */
const MIN_TIMEOUT_MS = 1_000;
const MIN_POLL_INTERVAL_MS = 1_000;
const MAX_CONCURRENCY = 10_000;

const templated = () => text({ templates: true });
const path = () => text({ templates: true, check: checkRelativePath });
const timeout = () => duration({ min: MIN_TIMEOUT_MS }).optional();

export const fanOutSchema = section({
  event_type: text({ form: EVENT_TYPE, templates: true }),
  wait_for_children: flag().default(true),
  timeout: timeout(),
  concurrency_limit: integer({ min: 1, max: MAX_CONCURRENCY }).optional(),
  schema_version: text({ form: SCHEMA_VERSION, templates: true }).optional(),
  payload: jsonMap().optional(),
  artifact: text({ form: NAME }).optional(),
  idempotent: flag().default(false),
});

export const checkoutSchema = section({
  ref: templated().optional(),
  depth: integer({ min: 0, max: 1_000_000 }).optional(),
  path: path().optional(),
});

export const updateDependencySchema = section({
  name: templated(),
  version: templated(),
  ecosystem: choice('npm', 'go', 'maven', 'pip', 'cargo').optional(),
  update_lock_files: flag().default(true),
});

export const createPullRequestSchema = section({
  title: templated(),
  body: text({ mayBeEmpty: true }).optional(),
  base: templated().optional(),
  head: templated().optional(),
  commit_message: templated().optional(),
});

const polling = { interval: duration({ min: MIN_POLL_INTERVAL_MS }).default(10_000), timeout: timeout() };

export const pollSchemas = {
  file: section({ target: choice('file'), path: path(), ...polling }),
  http: section({
    target: choice('http'),
    url: text({ templates: true, form: { pattern: /^https?:\/\/\S+$/, expected: 'an http or https URL' } }),
    success_on_status: integer({ min: 100, max: 599 }).default(200),
    ...polling,
  }),
  step: section({
    target: choice('step'),
    step_id: text({ form: NAME }),
    success_on_exit_code: integer({ min: 0, max: 255 }).default(0),
    ...polling,
  }),
};

/** Every value of `uses`. */
export const BUILTINS: readonly BuiltinName[] = [
  'tako/checkout@v1',
  'tako/fan-out@v1',
  'tako/update-dependency@v1',
  'tako/create-pull-request@v1',
  'tako/poll@v1',
];
