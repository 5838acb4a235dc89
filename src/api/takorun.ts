import { z } from 'zod';
import { duration, objectName, retrySchema, rules, stringMap, time, workspaceSchema } from './common.ts';

/** Longest event payload, in bytes of JSON. */
export const MAX_PAYLOAD_BYTES = 64 * 1024;
/** Longest inputs of one run, in bytes of JSON. */
export const MAX_INPUT_BYTES = 16 * 1024;

const workflowRunSchema = z
  .object({
    repositoryRef: z
      .object({ name: objectName('Name of the TakoRepository, in the namespace of the run.') })
      .describe('The repository whose workflow runs.'),
    name: z
      .string()
      .min(1)
      .max(128)
      .regex(/^[A-Za-z0-9_-]+$/)
      .describe('Name of the workflow in its tako.yml.'),
    ref: z
      .string()
      .min(1)
      .max(255)
      .meta(
        rules({
          rule: "!self.startsWith('-') && !self.contains('..') && !self.matches('[ ~^:?*\\\\[\\\\\\\\]')",
          message: 'ref must be a branch, a tag or a full commit name',
        }),
      )
      .optional()
      .describe("Branch, tag or commit to run. Default: the repository's revision."),
    inputs: stringMap(
      'Inputs by name. They are strings here and are converted to the types that the workflow declares.',
      16_384,
    ).optional(),
  })
  .describe('Runs one workflow of a repository in a Pod.');

const eventSchema = z
  .object({
    type: z
      .string()
      .max(128)
      .regex(/^[a-z][a-z0-9]*(_[a-z0-9]+)*$/)
      .describe('Type of the event, in snake_case, such as library_built.'),
    schemaVersion: z
      .string()
      .max(64)
      .regex(/^[0-9]+\.[0-9]+\.[0-9]+$/)
      .optional()
      .describe('Version of the payload, x.y.z. Subscriptions with a range do not match an event without it.'),
    source: z
      .string()
      .max(512)
      .regex(/^[A-Za-z0-9._-]+\/[A-Za-z0-9._-]+:[A-Za-z0-9_-]+$/)
      .describe('What the event is about, owner/repo:artifact. It must be a Ready TakoRepository of this namespace.'),
    payload: z
      .unknown()
      .meta({ 'x-kubernetes-preserve-unknown-fields': true })
      .optional()
      .describe('Any JSON, at most 64 KiB. Subscribers filter on it and take their inputs from it.'),
    id: z.string().min(1).max(128).optional().describe('Tells two events with the same content apart.'),
  })
  .describe('Fans an event out: each subscriber gets a child run.');

const runReferenceSchema = z.object({
  namespace: z.string().min(1).max(63).describe('Namespace of the run.'),
  name: objectName('Name of the run.'),
  uid: z.string().min(1).max(64).describe('UID of the run.'),
});

const parentSchema = z
  .object({
    run: runReferenceSchema.describe('The run that this one was started by.'),
    root: runReferenceSchema.describe('The run at the top of the tree.'),
    depth: z.int().min(1).max(64).describe('Distance from the root.'),
    deadline: time('When the tree ends at the latest.').optional(),
    ancestors: z
      .array(
        z.object({
          repository: z.string().max(255).describe('owner/repo.'),
          workflow: z.string().max(128).describe('Name of the workflow.'),
        }),
      )
      .max(64)
      .optional()
      .describe('The workflows above this run, from the root.'),
    step: z.string().max(128).optional().describe('The fan-out step of the parent that this run belongs to.'),
  })
  .describe('Where the run stands in its tree. Only the operator sets it.');

const IMMUTABLE = [
  'workflow',
  'event',
  'waitForChildren',
  'concurrencyLimit',
  'dedupe',
  'idempotent',
  'dryRun',
  'timeout',
  'childTimeout',
  'queueTimeout',
  'retry',
  'workspace',
  'parent',
] as const;

/** has() on both sides: a field can be neither changed, nor added, nor removed. */
function immutable(field: string) {
  return {
    rule: `has(self.${field}) == has(oldSelf.${field}) && (!has(self.${field}) || self.${field} == oldSelf.${field})`,
    message: `${field} cannot be changed: create another TakoRun`,
    fieldPath: `.${field}`,
  };
}

export const takoRunSpecSchema = z
  .object({
    workflow: workflowRunSchema.optional(),
    event: eventSchema.optional(),
    waitForChildren: z
      .boolean()
      .optional()
      .describe('Whether the run ends only when its children have, and fails when one fails. Default true.'),
    concurrencyLimit: z
      .int()
      .min(1)
      .max(10_000)
      .optional()
      .describe(
        'How many children of one fan-out may have a Pod at once; others are Queued. Children that wait for their own do not count. Default: no limit.',
      ),
    dedupe: z
      .enum(['Event', 'Tree'])
      .optional()
      .describe(
        'Run equal children (repository, workflow and inputs) once per event, or once in the whole tree. The whole tree has it from its root. Default Event.',
      ),
    idempotent: z
      .boolean()
      .optional()
      .describe(
        'Sends an event once: one with the same type, version, source, payload and id within 24 hours takes the result of the first, unless that failed.',
      ),
    dryRun: z
      .boolean()
      .optional()
      .describe(
        'Creates nothing. Of an event, status.fanOut then says who would run, with which inputs, and who not and why.',
      ),
    timeout: duration('Time limit of the run and of all below it. Default: that of the repository, or 1h.').optional(),
    childTimeout: duration(
      'Time limit of each run below, counted from its start; its time in the queue does not count.',
    ).optional(),
    queueTimeout: duration(
      'How long this run, and each one below it, may be Queued before it ends as TimedOut. Default: until the time limit of the tree.',
    ).optional(),
    retry: retrySchema.optional(),
    workspace: workspaceSchema.optional(),
    ttlSecondsAfterFinished: z
      .int()
      .min(0)
      .max(31_536_000)
      .optional()
      .describe('Seconds after which a finished run is deleted. Default: never.'),
    childrenTTL: duration('How long finished children stay. Default 24h.').optional(),
    suspend: z
      .boolean()
      .optional()
      .describe(
        'While true, neither this run nor any below it gets a new Pod; Pods that are there go on, and so do time limits.',
      ),
    cancel: z.boolean().optional().describe('Ends the run and all below it. It cannot be taken back.'),
    parent: parentSchema.optional(),
  })
  .meta(
    rules(
      {
        rule: 'has(self.workflow) != has(self.event)',
        message: 'give exactly one of workflow (to run one) and event (to fan one out)',
      },
      ...IMMUTABLE.map(immutable),
      {
        rule: '!(has(oldSelf.cancel) && oldSelf.cancel) || (has(self.cancel) && self.cancel)',
        message: 'cancel cannot be taken back: create another TakoRun',
        fieldPath: '.cancel',
      },
    ),
  )
  .describe('What to run: one workflow, or an event and with it every subscriber.');

export type TakoRunSpec = z.infer<typeof takoRunSpecSchema>;
export type RunEvent = z.infer<typeof eventSchema>;
export type RunParent = z.infer<typeof parentSchema>;
export type RunReference = z.infer<typeof runReferenceSchema>;
