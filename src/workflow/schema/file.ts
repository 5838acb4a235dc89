import type * as z from 'zod';
import { checkRelativePath } from '../paths.ts';
import { parseVersionRange } from '../version-range.ts';
import { environment, list, mapOf, section, textOr } from './collections.ts';
import { choice, later, text } from './fields.ts';
import { ENV_NAME, EVENT_SOURCE, EVENT_TYPE, FILE_VERSION, IMAGE, NAME, SCHEMA_VERSION, VARIABLE } from './patterns.ts';
import { resourcesSchema } from './step.ts';

/**
 * The first level. What holds many things is read entry by entry, so that one bad entry does not hide the others'
 * errors.
 */
export const fileSchema = section({
  version: text({ form: FILE_VERSION }),
  artifacts: later(),
  workflows: later(),
  subscriptions: later(),
  events: later(),
  repos: later(),
});

export const eventsSchema = section({ subscriptions: later(), produces: later() });

export const artifactSchema = section({
  path: text({ check: checkRelativePath }).default('.'),
  ecosystem: text({ form: NAME }).optional(),
  description: text().optional(),
});

export const workflowSchema = section({
  on: choice('exec').optional(),
  description: text().optional(),
  image: text({ form: IMAGE }).optional(),
  env: environment(VARIABLE).default({}),
  secrets: list(text({ form: ENV_NAME })).default([]),
  resources: resourcesSchema.optional(),
  inputs: later(),
  steps: later(),
});

const range = () =>
  text({
    check: value => {
      const parsed = parseVersionRange(value);
      return parsed.ok ? undefined : parsed.message;
    },
  });

/**
 * Both spellings: `events` as words or as maps with a range of their own, `filters` as a list or `filter` as one text.
 */
export const subscriptionSchema = section({
  artifact: text({ form: EVENT_SOURCE }),
  events: list(
    textOr(section({ type: text({ form: EVENT_TYPE }), schema_version: range().optional() }), type => ({ type })),
  ),
  schema_version: range().optional(),
  filters: list(text()).optional(),
  filter: text().optional(),
  workflow: text({ form: NAME }),
  inputs: mapOf(NAME, text({ mayBeEmpty: true })).default({}),
});

export type SubscriptionSection = z.output<typeof subscriptionSchema>;

export const producedEventSchema = textOr(
  section({
    type: text({ form: EVENT_TYPE }),
    schema_version: text({ form: SCHEMA_VERSION }).optional(),
    artifact: text({ form: NAME }).optional(),
    description: text().optional(),
  }),
  type => ({ type }),
);
