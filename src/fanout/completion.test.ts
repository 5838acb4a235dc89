import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DetailedError, Phase } from '../api/takorun-status.ts';
import {
  type EventRunState,
  eventCompletion,
  executionFailed,
  type FanOutOutcome,
  type WorkflowRunState,
  workflowCompletion,
} from './completion.ts';
import { summarise, unfinishedCount } from './summary.ts';
import { anyChild } from './testing/arbitraries.ts';

const error: DetailedError = {
  repository: 'acme/app-two',
  workflow: 'ci',
  runId: 'exec-1',
  errorType: 'workflow_failed',
  errorMessage: 'step test ended with exit code 1',
  retryCount: 0,
};

function eventRun(phases: (Phase | undefined)[], changes: Partial<EventRunState> = {}): EventRunState {
  return {
    type: 'library_built',
    source: 'acme/core-lib:core',
    waitForChildren: true,
    expanded: true,
    summary: summarise(phases.map(phase => ({ phase }))),
    errors: [],
    cancel: false,
    now: 1_000,
    ...changes,
  };
}

describe('eventCompletion', () => {
  it('given an event whose children do not all exist, then it runs', () => {
    expect(eventCompletion(eventRun([], { expanded: false }))).toEqual({ state: 'running', phase: 'Running' });
  });

  it('given children that go on, then it waits', () => {
    expect(eventCompletion(eventRun(['Succeeded', 'Running']))).toEqual({ state: 'running', phase: 'Waiting' });
    expect(eventCompletion(eventRun(['Failed', undefined]))).toEqual({ state: 'running', phase: 'Waiting' });
  });

  describe('with runs that another event of the tree started', () => {
    const shared = (...phases: (Phase | undefined)[]) => ({
      summary: summarise(phases.map(phase => ({ phase }))),
      errors: phases.includes('Failed') ? [error] : [],
    });
    const end = (own: (Phase | undefined)[], others: (Phase | undefined)[], changes: Partial<EventRunState> = {}) =>
      eventCompletion(eventRun(own, { shared: shared(...others), ...changes }));

    it('given that they go on, then it waits for them as for its children', () => {
      expect(end(['Succeeded'], ['Running'])).toEqual({ state: 'running', phase: 'Waiting' });
      expect(end([], [undefined])).toEqual({ state: 'running', phase: 'Waiting' });
      expect(end([], ['Running'], { waitForChildren: false })).toMatchObject({
        reason: 'EventEmitted',
        message: expect.stringContaining('started nothing that another event of the tree had not started'),
      });
    });

    it('given that they ended, then it ends as they and its children did', () => {
      expect(end(['Succeeded'], ['Succeeded'])).toMatchObject({
        reason: 'ChildrenSucceeded',
        message: 'the one child succeeded, and so did 1 run that another event of the tree started',
      });
      expect(end([], ['Succeeded', 'Succeeded'])).toMatchObject({
        reason: 'ChildrenSucceeded',
        message: '2 runs that another event of the tree started succeeded',
      });
      expect(end(['Succeeded'], ['Failed'])).toMatchObject({
        phase: 'Failed',
        message:
          '1 of 1 run that another event of the tree started failed: acme/app-two ci: step test ended with exit code 1',
      });
      expect(end(['Failed'], ['Canceled'], { errors: [error] })).toMatchObject({
        message: expect.stringMatching(/^1 of 1 child failed: .*; 1 of 1 run that another event .* was canceled$/),
      });
    });

    it('given a cancel or the end of its time, then it stops its own children only', () => {
      expect(end([], ['Running'], { cancel: true })).toMatchObject({ state: 'ended', phase: 'Canceled' });
      expect(end(['Running'], ['Running'], { cancel: true })).toMatchObject({ state: 'stopping' });
      expect(end([], ['Running', 'Running'], { deadlineMs: 500 })).toMatchObject({
        phase: 'TimedOut',
        message: 'the time limit passed, 2 runs that another event of the tree started still run',
      });
      expect(end(['Succeeded'], ['TimedOut'], { deadlineMs: 500 })).toMatchObject({ phase: 'TimedOut' });
    });
  });

  it('given an event that does not wait, then it ends as soon as its children exist', () => {
    expect(eventCompletion(eventRun([undefined, 'Failed'], { waitForChildren: false }))).toEqual({
      state: 'ended',
      phase: 'Succeeded',
      reason: 'EventEmitted',
      message: 'library_built of acme/core-lib:core started 2 children',
      timeoutExceeded: false,
    });
  });

  it('given children that all succeeded, then it does', () => {
    expect(eventCompletion(eventRun(['Succeeded', 'Succeeded']))).toMatchObject({
      phase: 'Succeeded',
      reason: 'ChildrenSucceeded',
      message: 'all 2 children succeeded',
    });
  });

  it('given nobody who listens, then it succeeds and says so', () => {
    expect(eventCompletion(eventRun([]))).toMatchObject({
      phase: 'Succeeded',
      reason: 'NoSubscribers',
      message: 'no repository listens to library_built of acme/core-lib:core',
    });
    expect(eventCompletion(eventRun([], { skippedCount: 3 }))).toMatchObject({
      message: expect.stringContaining('none of 3 subscriptions matched'),
    });
    expect(eventCompletion(eventRun([], { skippedCount: 1 }))).toMatchObject({
      message: expect.stringContaining('the one subscription to it did not match'),
    });
  });

  it.each<[(Phase | undefined)[], string]>([
    [['Succeeded', 'Failed'], '1 of 2 children failed: acme/app-two ci: step test ended with exit code 1'],
    [['Failed'], '1 of 1 child failed: acme/app-two ci: step test ended with exit code 1'],
    [
      ['Failed', 'Failed', 'TimedOut', 'Canceled', 'Succeeded'],
      '2 of 5 children failed, 1 timed out, 1 was canceled: acme/app-two ci: step test ended with exit code 1',
    ],
    [['TimedOut', 'Succeeded'], '1 of 2 children timed out: acme/app-two ci: step test ended with exit code 1'],
    [['Canceled', 'Canceled'], '2 of 2 children were canceled: acme/app-two ci: step test ended with exit code 1'],
  ])('given children that ended as %j, then it fails with %s', (phases, message) => {
    expect(eventCompletion(eventRun(phases, { errors: [error] }))).toEqual({
      state: 'ended',
      phase: 'Failed',
      errorType: 'workflow_failed',
      reason: 'ChildrenFailed',
      message,
      timeoutExceeded: false,
    });
  });

  it('given a child that disappeared, then it fails, although there is no error to show', () => {
    const run = { ...eventRun([]), summary: summarise([{ phase: 'Succeeded' }], 2) };
    expect(eventCompletion(run)).toMatchObject({ phase: 'Failed', message: '1 of 2 children was canceled' });
  });

  it('given the deadline and children that go on, then they are stopped first', () => {
    expect(eventCompletion(eventRun(['Succeeded', 'Running'], { deadlineMs: 1_000 }))).toEqual({
      state: 'stopping',
      phase: 'Waiting',
      cause: 'Timeout',
      message: 'the time limit passed, 1 below still run',
    });
  });

  it('given the deadline and children that it ended, then the run timed out', () => {
    expect(eventCompletion(eventRun(['Succeeded', 'TimedOut'], { deadlineMs: 999 }))).toMatchObject({
      phase: 'TimedOut',
      errorType: 'timeout',
      reason: 'DeadlineExceeded',
      message: '1 of 2 children timed out',
      timeoutExceeded: true,
    });
  });

  it('given a child that ended by its own limit before the deadline, then the run failed', () => {
    expect(eventCompletion(eventRun(['TimedOut'], { deadlineMs: 1_001 }))).toMatchObject({
      phase: 'Failed',
      timeoutExceeded: false,
    });
  });

  it('given children that ended in time, then a late look does not make them late', () => {
    expect(eventCompletion(eventRun(['Succeeded'], { deadlineMs: 1 }))).toMatchObject({ phase: 'Succeeded' });
    expect(eventCompletion(eventRun(['Failed'], { deadlineMs: 1 }))).toMatchObject({ phase: 'Failed' });
    expect(eventCompletion(eventRun(['Running'], { deadlineMs: 1, waitForChildren: false }))).toMatchObject({
      phase: 'Succeeded',
    });
  });

  it('given the deadline before all children existed, then those that do are stopped, then it timed out', () => {
    const late = { expanded: false, deadlineMs: 1 };
    expect(eventCompletion(eventRun([undefined], late))).toMatchObject({ state: 'stopping', phase: 'Running' });
    expect(eventCompletion(eventRun([], late))).toMatchObject({
      phase: 'TimedOut',
      message: 'the time limit passed before all children existed',
    });
  });

  it('given a cancel, then children are stopped first, waited for or not, and then it is canceled', () => {
    for (const waitForChildren of [true, false]) {
      const run = eventRun(['Running'], { cancel: true, waitForChildren });
      expect(eventCompletion(run)).toMatchObject({ state: 'stopping', cause: 'Cancel' });
    }
    expect(eventCompletion(eventRun(['Canceled', 'Succeeded'], { cancel: true }))).toMatchObject({
      phase: 'Canceled',
      errorType: 'canceled',
      reason: 'Canceled',
    });
  });

  it('given any children, then it ends when and only when they have, and succeeds only if all did', () => {
    const state = fc.record({
      children: fc.array(anyChild(), { maxLength: 6 }),
      cancel: fc.boolean(),
      expanded: fc.constant(true),
      deadlineMs: fc.option(fc.constantFrom(999, 1_000, 1_001), { nil: undefined }),
    });
    fc.assert(
      fc.property(state, ({ children, ...changes }) => {
        const summary = summarise(children);
        const completion = eventCompletion({ ...eventRun([]), ...changes, summary });
        expect(completion.state === 'ended').toBe(unfinishedCount(summary) === 0);
        if (completion.state !== 'ended') return;
        const allSucceeded = summary.completed === summary.total && !changes.cancel;
        expect(completion.phase === 'Succeeded').toBe(allSucceeded);
        expect(completion.errorType === undefined).toBe(allSucceeded);
        expect(completion.timeoutExceeded).toBe(completion.phase === 'TimedOut');
      }),
    );
  });
});

function workflowRun(
  changes: Partial<WorkflowRunState>,
  fanOuts: Record<string, FanOutOutcome> = {},
): WorkflowRunState {
  return { pod: { state: 'active' }, fanOuts: new Map(Object.entries(fanOuts)), cancel: false, now: 1_000, ...changes };
}

describe('workflowCompletion', () => {
  const waiting = { state: 'succeeded', waitFor: ['publish'] } as const;

  it.each([
    ['no Pod yet', { state: 'none' }, 'Pending'],
    ['a Pod that works', { state: 'active' }, 'Running'],
  ] as const)('given %s, then it is %s', (_what, pod, phase) => {
    expect(workflowCompletion(workflowRun({ pod: { ...pod }, deadlineMs: 1_001 }))).toMatchObject({
      state: 'running',
      phase,
    });
  });

  it('given steps that all ended, then it succeeded', () => {
    expect(workflowCompletion(workflowRun({ pod: { state: 'succeeded' } }))).toEqual({
      state: 'ended',
      phase: 'Succeeded',
      reason: 'Succeeded',
      message: 'all steps ended',
      timeoutExceeded: false,
    });
  });

  it('given a fan-out that it does not wait for, then it ends before that does', () => {
    const run = workflowRun({ pod: { state: 'succeeded', waitFor: [] } }, { notify: { phase: 'Running' } });
    expect(workflowCompletion(run)).toMatchObject({ phase: 'Succeeded' });
  });

  it('given a fan-out in last position, then it waits for it without a Pod, and ends as it did', () => {
    expect(workflowCompletion(workflowRun({ pod: waiting }, { publish: { phase: 'Running' } }))).toEqual({
      state: 'running',
      phase: 'Waiting',
    });
    expect(workflowCompletion(workflowRun({ pod: waiting }, { publish: { phase: undefined } }))).toMatchObject({
      phase: 'Waiting',
    });
    expect(workflowCompletion(workflowRun({ pod: waiting }, { publish: { phase: 'Succeeded' } }))).toMatchObject({
      phase: 'Succeeded',
      message: 'all steps and children ended',
    });
  });

  it.each<[string, FanOutOutcome, object]>([
    [
      'whose children failed',
      { phase: 'Failed', errorType: 'workflow_failed', message: '1 of 2 children failed: acme/app-two ci: boom' },
      {
        phase: 'Failed',
        errorType: 'workflow_failed',
        reason: 'ChildrenFailed',
        message: 'fan-out publish: 1 of 2 children failed: acme/app-two ci: boom',
      },
    ],
    [
      'that could not be executed',
      { phase: 'Failed', errorType: 'execution_failed', message: 'a workflow would start itself again' },
      { phase: 'Failed', errorType: 'execution_failed', reason: 'FanOutFailed' },
    ],
    [
      'that ran out of its own time',
      { phase: 'TimedOut', errorType: 'timeout' },
      {
        phase: 'Failed',
        errorType: 'timeout',
        reason: 'FanOutTimedOut',
        message: 'fan-out publish: ended as TimedOut',
      },
    ],
    [
      'that somebody canceled',
      { phase: 'Canceled', errorType: 'canceled', message: 'canceled by spec.cancel' },
      { phase: 'Failed', errorType: 'workflow_failed', reason: 'ChildrenFailed' },
    ],
  ])('given a fan-out %s, then the run fails and says so', (_what, outcome, expected) => {
    expect(workflowCompletion(workflowRun({ pod: waiting }, { publish: outcome }))).toMatchObject(expected);
  });

  it('given a fan-out whose run is gone, then the run fails', () => {
    expect(workflowCompletion(workflowRun({ pod: waiting }))).toMatchObject({
      phase: 'Failed',
      message: 'fan-out publish: its run was deleted',
    });
  });

  it('given several fan-outs that failed, then the first is shown and the others are counted', () => {
    const failed = { phase: 'Failed', errorType: 'workflow_failed', message: 'm' } as const;
    const pod = { state: 'succeeded', waitFor: ['a', 'b', 'c'] } as const;
    expect(workflowCompletion(workflowRun({ pod }, { a: failed, b: failed, c: { phase: 'Succeeded' } }))).toMatchObject(
      {
        message: 'fan-out a: m; and 1 more fan-outs',
      },
    );
  });

  it.each([
    ['workflow_failed', 'Failed', false],
    ['execution_failed', 'Failed', false],
    ['circuit_breaker', 'Failed', false],
    ['timeout', 'TimedOut', true],
    ['canceled', 'Canceled', false],
  ] as const)('given a Pod that ended with %s, then the run ends as %s', (errorType, phase, timeoutExceeded) => {
    const pod = { state: 'failed', errorType, reason: 'StepFailed', message: 'step test failed' } as const;
    expect(workflowCompletion(workflowRun({ pod }, { notify: { phase: 'Running' } }))).toEqual({
      state: 'ended',
      phase,
      errorType,
      reason: 'StepFailed',
      message: 'step test failed',
      timeoutExceeded,
    });
  });

  it('given the deadline, then what runs is stopped first', () => {
    expect(workflowCompletion(workflowRun({ deadlineMs: 1_000 }))).toMatchObject({
      state: 'stopping',
      phase: 'Running',
      cause: 'Timeout',
      message: 'the time limit passed',
    });
    const run = workflowRun({ pod: waiting, deadlineMs: 1_000 }, { publish: { phase: 'Running' } });
    expect(workflowCompletion(run)).toMatchObject({ state: 'stopping', phase: 'Waiting' });
  });

  it('given the deadline and what it ended, then the run timed out', () => {
    const timedOut = { phase: 'TimedOut', timeoutExceeded: true, reason: 'DeadlineExceeded' };
    expect(workflowCompletion(workflowRun({ pod: { state: 'none' }, deadlineMs: 1 }))).toMatchObject(timedOut);
    const run = workflowRun({ pod: waiting, deadlineMs: 1 }, { publish: { phase: 'TimedOut', message: 'late' } });
    expect(workflowCompletion(run)).toMatchObject(timedOut);
  });

  it('given a cancel, then Pod and fan-outs are stopped, waited for or not, and then it is canceled', () => {
    const stopping = { state: 'stopping', cause: 'Cancel' };
    expect(workflowCompletion(workflowRun({ cancel: true }))).toMatchObject(stopping);
    const pod = { state: 'succeeded' } as const;
    expect(workflowCompletion(workflowRun({ cancel: true, pod }, { notify: { phase: 'Running' } }))).toMatchObject(
      stopping,
    );
    expect(workflowCompletion(workflowRun({ cancel: true, pod: { state: 'none' } }))).toMatchObject({
      phase: 'Canceled',
    });
    expect(workflowCompletion(workflowRun({ cancel: true, pod }, { notify: { phase: 'Canceled' } }))).toMatchObject({
      phase: 'Canceled',
      errorType: 'canceled',
    });
  });
});

describe('executionFailed', () => {
  it('given what could not be executed, then that is told apart from a step that failed', () => {
    expect(executionFailed('CycleDetected', 'a -> b -> a')).toEqual({
      state: 'ended',
      phase: 'Failed',
      errorType: 'execution_failed',
      reason: 'CycleDetected',
      message: 'a -> b -> a',
      timeoutExceeded: false,
    });
  });
});
