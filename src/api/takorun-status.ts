import { z } from 'zod';
import { conditionsSchema, count, listMap, objectName, stringMap, time } from './common.ts';
import { MAX_INPUT_BYTES } from './takorun.ts';

/** How many errors a parent keeps in full. */
export const MAX_DETAILED_ERRORS = 100;
/** Longest message of such an error, UTF-16 units: a sentence, and the last lines of the failed step's output. */
export const MAX_ERROR_MESSAGE = 1_536;
/** How many branches of a tree a retry may name. */
export const MAX_CHOSEN = 32;
/** How many skipped subscribers a parent names. */
export const MAX_SKIPPED = 100;
/** How many children a dry run lists. */
export const MAX_PLANNED = 100;

export const PHASES = [
  'Pending',
  'Queued',
  'Running',
  'Waiting',
  'Succeeded',
  'Failed',
  'TimedOut',
  'Canceled',
] as const;
export const ERROR_TYPES = ['execution_failed', 'workflow_failed', 'timeout', 'circuit_breaker', 'canceled'] as const;

const summaryShape = {
  total: count('All children.'),
  completed: count('Those that succeeded.'),
  failed: count('Those that failed.'),
  timedOut: count('Those that ran out of time.'),
  canceled: count('Those that were canceled or disappeared.'),
  running: count('Those that run or wait for their own children.'),
  pending: count('Those that have not started.'),
};

export const childrenSummarySchema = z
  .object(summaryShape)
  .describe('The children by state. The six states sum to total.');
export const treeSummarySchema = z
  .object({ ...summaryShape, depth: count('Levels below this run.') })
  .describe('All descendants by state, without this run.');

const stepStatusSchema = z.object({
  id: z.string().max(128).describe('Id of the step.'),
  phase: z.enum(['Succeeded', 'Failed', 'TimedOut', 'Skipped', 'Canceled']).describe('How it ended.'),
  exitCode: z.int().min(0).max(255).optional().describe('Exit code of its script.'),
  durationMilliseconds: count('How long it ran.').optional(),
  message: z.string().max(1024).optional().describe('Why it failed.'),
});

const attemptSchema = z.object({
  number: z.int().min(1).max(1_000_000).describe('Counts from 1.'),
  podName: z.string().max(253).describe('Name of its Pod.'),
  podUID: z.string().max(64).describe('UID of its Pod.'),
  startTime: time('When the Pod was created.').optional(),
  completionTime: time('When its outcome was known.').optional(),
  reason: z.string().max(128).optional().describe('How it ended, for programs.'),
  message: z.string().max(1024).optional().describe('How it ended, for people.'),
});

const skippedSchema = z.object({
  repository: z.string().max(255).describe('owner/repo of the subscriber.'),
  workflow: z.string().max(128).describe('The workflow that did not run.'),
  reason: z
    .enum([
      'Schema',
      'FilterFalse',
      'FilterError',
      'InputError',
      'Suspended',
      'NotReady',
      'LaterSubscription',
      'Cycle',
      'Refused',
    ])
    .describe('Why, for programs.'),
  message: z.string().max(512).optional().describe('Why, for people.'),
});

const plannedSchema = z.object({
  repository: z.string().max(255).describe('owner/repo of the subscriber.'),
  namespace: z.string().min(1).max(63).describe('Namespace that the run would be in.'),
  workflow: z.string().max(128).describe('The workflow that would run.'),
  revision: z.string().max(64).describe('The commit that would run.'),
  inputs: stringMap('The inputs that it would get.', MAX_INPUT_BYTES).optional(),
});

const fanOutSchema = z
  .object({
    eventId: z.string().max(128).optional().describe('Identity of the event.'),
    fingerprint: z.string().max(64).optional().describe('SHA-256 of the event, hexadecimal.'),
    eventEmitted: z.boolean().optional().describe('Whether the event went out.'),
    startTime: time('When matching began.').optional(),
    completionTime: time('When the last child ended.').optional(),
    expanded: z.boolean().optional().describe('True once all children exist. The event is never matched again.'),
    subscribersFound: count('Repositories that listen to this source and type.').optional(),
    triggeredCount: count('Children that were created.').optional(),
    deduplicated: count('Children that were left out because an equal one runs.').optional(),
    sharedCount: count(
      'Of deduplicated: runs that another event of the tree has started. This run waits for them, and does not count them as its children.',
    ).optional(),
    skippedCount: count('Subscribers that did not run.').optional(),
    withoutConsent: count('Subscribers elsewhere that do not accept events of this namespace.').optional(),
    skipped: z
      .array(skippedSchema)
      .max(MAX_SKIPPED)
      .optional()
      .describe('The first of those that did not run, with the reason.'),
    plannedCount: count('Of a dry run: children that would be created.').optional(),
    planned: z
      .array(plannedSchema)
      .max(MAX_PLANNED)
      .optional()
      .describe('Of a dry run: the first of the children that would be created, at most 40 KiB of them.'),
    plannedOmitted: count('Of a dry run: children that would be created and are not listed.').optional(),
  })
  .describe('What became of the event.');

const retryStatusSchema = z
  .object({
    requestedAt: z
      .string()
      .max(64)
      .describe('The annotation tako.dev/retry-at that was acted on last. The same value is never acted on again.'),
    message: z.string().max(1024).describe('What became of it: what runs again, or why nothing does.'),
    count: count('How often the run was retried.'),
    startTime: time('When the operator began the retry. Time limits count from then.').optional(),
    deadline: time('When the retried tree ends at the latest.').optional(),
    only: z
      .array(z.string().max(255))
      .max(MAX_CHOSEN)
      .optional()
      .describe('The branches that were chosen, as in the annotation tako.dev/retry-only.'),
    attempts: count('Attempts of the run before the retry.').optional(),
  })
  .describe('The last retry of the finished run.');

const detailedErrorSchema = z.object({
  repository: z.string().max(255).describe('owner/repo.'),
  workflow: z.string().max(128).describe('Name of the workflow.'),
  run: z.string().max(253).optional().describe('Name of its TakoRun, in this namespace.'),
  runId: z.string().max(64).optional().describe('Its runId.'),
  errorType: z.enum(ERROR_TYPES).describe('execution_failed: it could not be run. workflow_failed: a step failed.'),
  errorMessage: z
    .string()
    .max(MAX_ERROR_MESSAGE)
    .describe('What happened: the step, its exit code and the last lines of its output, secrets masked.'),
  startTime: time('When it started.').optional(),
  durationMilliseconds: count('How long it ran.').optional(),
  retryCount: count('How many attempts were made after the first.').optional(),
});

const retainedWorkspaceSchema = z
  .object({
    podName: z.string().max(253).describe('Name of the Pod.'),
    podUID: z.string().max(64).describe('UID of the Pod.'),
    container: z
      .string()
      .max(63)
      .describe('The container of the step that failed, or another one that has the workspace too.'),
    until: time('When its containers end.'),
    command: z.string().max(512).describe('Opens a shell in it.'),
  })
  .describe('The workspace of a failed run that is kept for a look, see spec.workspace.retain.');

export const takoRunStatusSchema = z
  .object({
    observedGeneration: z.int().min(0).optional().describe('The generation that the status speaks of.'),
    runId: z.string().max(64).optional().describe('exec-YYYYMMDD-HHMMSS-<8 hexadecimal digits>.'),
    phase: z.enum(PHASES).optional().describe('Where the run stands.'),
    conditions: conditionsSchema.optional(),
    queuedTime: time('When the run had to wait for its turn.').optional(),
    startTime: time('When the run started.').optional(),
    completionTime: time('When the run ended.').optional(),
    repository: z.string().max(255).optional().describe('owner/repo of the workflow or the event.'),
    revision: z.string().max(64).optional().describe('The commit that the run is pinned to.'),
    errorType: z.enum(ERROR_TYPES).optional().describe('Kind of the failure.'),
    message: z.string().max(4096).optional().describe('What happened, for people.'),
    attempts: z
      .array(attemptSchema)
      .max(16)
      .meta(listMap('number'))
      .optional()
      .describe('The Pods of the run, the last ones.'),
    steps: z.array(stepStatusSchema).max(64).optional().describe('The steps of the last attempt.'),
    stepsOmitted: count('Steps that are not listed.').optional(),
    outputs: stringMap('Outputs of the workflow, <step>.<name>. Larger ones are in resultRef.', 4096, 64).optional(),
    resultRef: z
      .object({
        name: objectName('Name of the ConfigMap.'),
        digest: z.string().max(64).describe('SHA-256 of its content, hexadecimal.'),
      })
      .optional()
      .describe('The ConfigMap with results that are too large for the Pod to report itself.'),
    retainedWorkspace: retainedWorkspaceSchema.optional(),
    duplicateOf: z
      .string()
      .max(253)
      .optional()
      .describe('The run of an equal event whose result this one takes; see idempotent.'),
    traceId: z
      .string()
      .max(32)
      .optional()
      .describe(
        'Trace id of the tree for OpenTelemetry, 32 hexadecimal digits, the same for all its runs: the UID of the root.',
      ),
    children: z.string().max(32).optional().describe('Finished and all children, done/total, for kubectl get.'),
    fanOut: fanOutSchema.optional(),
    childrenSummary: childrenSummarySchema.optional(),
    treeSummary: treeSummarySchema.optional(),
    detailedErrors: z
      .array(detailedErrorSchema)
      .max(MAX_DETAILED_ERRORS)
      .optional()
      .describe(
        'What went wrong below this run, at any depth: the first runs that ended without success, those left out that failed only because of others below them. Of a run in another namespace only its end and the error type are told.',
      ),
    detailedErrorsOmitted: count('Errors that are not listed.').optional(),
    retry: retryStatusSchema.optional(),
    timeoutExceeded: z.boolean().optional().describe('Whether the time limit ended the run.'),
  })
  .describe('How the run stands.');

export type TakoRunStatus = z.infer<typeof takoRunStatusSchema>;
export type Phase = (typeof PHASES)[number];
export type ErrorType = (typeof ERROR_TYPES)[number];
export type ChildrenSummary = z.infer<typeof childrenSummarySchema>;
export type TreeSummary = z.infer<typeof treeSummarySchema>;
export type Attempt = z.infer<typeof attemptSchema>;
export type RetainedWorkspace = z.infer<typeof retainedWorkspaceSchema>;
export type StepStatus = z.infer<typeof stepStatusSchema>;
export type SkippedSubscriber = z.infer<typeof skippedSchema>;
export type PlannedRun = z.infer<typeof plannedSchema>;
export type RetryStatus = z.infer<typeof retryStatusSchema>;
export type DetailedError = z.infer<typeof detailedErrorSchema>;

export const TERMINAL_PHASES: ReadonlySet<Phase> = new Set(['Succeeded', 'Failed', 'TimedOut', 'Canceled']);
export function isTerminal(phase: Phase | undefined): boolean {
  return phase !== undefined && TERMINAL_PHASES.has(phase);
}
