import type { TakoRunStatus } from './takorun-status.ts';

/*
 * What statuses look like, for the reference: of each field the first value found here is shown. Runs of one tree, in which the test of
 * acme/app-two failed, was put right and was retried; and what else there is.
 */

const ROOT_UID = '3f0c2f4e-8a57-4d0e-9a40-6d5b7b7f6a11';
const COMMIT = '0c7d1e5b9a64f23e8d7c6b5a4f3e2d1c0b9a8f7e';
const DIGEST = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08';

/** The root: a workflow whose last step has sent an event. */
const root: TakoRunStatus = {
  observedGeneration: 1,
  runId: 'exec-20260801-093012-3f0c2f4e',
  phase: 'Failed',
  conditions: [
    {
      type: 'Ready',
      status: 'False',
      observedGeneration: 1,
      lastTransitionTime: '2026-08-01T09:30:52Z',
      reason: 'ChildrenFailed',
      message:
        'fan-out announce: 1 of 6 children failed: acme/app-two ci: step test: the script ended with exit code 3; the last lines of its output:\nFAIL farewell',
    },
  ],
  startTime: '2026-08-01T09:30:13Z',
  completionTime: '2026-08-01T09:30:52Z',
  repository: 'acme/core-lib',
  revision: '4be1f6c0e2b1c7d6a98f0b7f5a3a2f1d9c8e7b60',
  errorType: 'workflow_failed',
  message:
    'fan-out announce: 1 of 6 children failed: acme/app-two ci: step test: the script ended with exit code 3; the last lines of its output:\nFAIL farewell',
  traceId: ROOT_UID.replaceAll('-', ''),
  outputs: { 'build.version': '2.3.0' },
  resultRef: { name: 'release-1-5c1de9d1c2a9f0b4', digest: DIGEST },
  stepsOmitted: 12,
  children: '6/6',
  childrenSummary: { total: 6, completed: 5, failed: 1, timedOut: 0, canceled: 0, running: 0, pending: 0 },
  treeSummary: { total: 18, completed: 16, failed: 2, timedOut: 0, canceled: 0, running: 0, pending: 0, depth: 2 },
  detailedErrors: [
    {
      repository: 'acme/app-two',
      workflow: 'ci',
      run: 'app-two-ci-d6e3f7204a49a3c2',
      runId: 'exec-20260801-093036-a1b2c3d4',
      errorType: 'workflow_failed',
      errorMessage: 'step test: the script ended with exit code 3; the last lines of its output:\nFAIL farewell',
      startTime: '2026-08-01T09:30:37Z',
      durationMilliseconds: 11_000,
      retryCount: 0,
    },
  ],
  detailedErrorsOmitted: 3,
  retry: {
    requestedAt: '2026-08-01T10:15:00Z',
    message: 'what failed below the run is repeated',
    count: 1,
    startTime: '2026-08-01T10:15:01Z',
    deadline: '2026-08-01T11:15:01Z',
    only: ['acme/app-two'],
    attempts: 1,
  },
};

/** The run that failed, before the retry. */
const failed: TakoRunStatus = {
  queuedTime: '2026-08-01T09:30:36Z',
  attempts: [
    {
      number: 1,
      podName: 'app-two-ci-9c2f1e0d3b4a5968',
      podUID: '7d3c0a52-41cf-4f5c-8f0a-3a1b9a1c2d3e',
      startTime: '2026-08-01T09:30:37Z',
      completionTime: '2026-08-01T09:30:48Z',
      reason: 'StepFailed',
      message: 'step test: the script ended with exit code 3; the last lines of its output:\nFAIL farewell',
    },
  ],
  steps: [
    {
      id: 'test',
      phase: 'Failed',
      exitCode: 3,
      durationMilliseconds: 8_412,
      message: 'the script ended with exit code 3',
    },
  ],
  retainedWorkspace: {
    podName: 'app-two-ci-9c2f1e0d3b4a5968',
    podUID: '7d3c0a52-41cf-4f5c-8f0a-3a1b9a1c2d3e',
    container: 'step-0',
    until: '2026-08-01T10:30:48Z',
    command: 'kubectl -n team exec -it app-two-ci-9c2f1e0d3b4a5968 -c step-0 -- sh',
  },
};

/** The event of a step. */
const event: TakoRunStatus = {
  timeoutExceeded: true,
  fanOut: {
    eventId: '3f0c2f4e-8a57-4d0e-9a40-6d5b7b7f6a11',
    fingerprint: DIGEST,
    eventEmitted: true,
    startTime: '2026-08-01T09:30:20Z',
    completionTime: '2026-08-01T09:30:51Z',
    expanded: true,
    subscribersFound: 8,
    triggeredCount: 6,
    deduplicated: 1,
    sharedCount: 1,
    skippedCount: 1,
    withoutConsent: 1,
    skipped: [
      {
        repository: 'acme/legacy-app',
        workflow: 'ci',
        reason: 'Schema',
        message: 'schema version 1.2.0 is not in [0.1.0...1.0.0)',
      },
    ],
  },
};

/** An equal event within a day. */
const duplicate: TakoRunStatus = { duplicateOf: 'core-lib-built-1' };

const dryRun: TakoRunStatus = {
  fanOut: {
    plannedCount: 130,
    planned: [
      {
        repository: 'acme/app-two',
        namespace: 'team',
        workflow: 'ci',
        revision: COMMIT,
        inputs: { version: '2.3.0' },
      },
    ],
    plannedOmitted: 30,
  },
};

/** Statuses of TakoRuns that show every field. */
export const TAKO_RUN_STATUS_EXAMPLES: readonly TakoRunStatus[] = [root, failed, event, duplicate, dryRun];
