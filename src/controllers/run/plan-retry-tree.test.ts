import { describe, expect, it } from 'vitest';
import { ANNOTATIONS } from '../../api/meta.ts';
import type { TakoRunStatus } from '../../api/takorun-status.ts';
import type { RunObject } from '../../fanout/objects.ts';
import type { LiveRun } from './observed.ts';
import { planEventRun } from './plan-event.ts';
import { planWorkflowRun } from './plan-workflow.ts';
import {
  at,
  CREATED,
  eventObservation,
  eventRun,
  fanOutOf,
  finishedPod,
  prepared,
  settings,
  workflowObservation,
  workflowRun,
} from './testing/builders.ts';

const T = at(7_200_000);
const NOW = CREATED + 7_200_000;
const taken = { requestedAt: T, count: 1, startTime: T, attempts: 1 };
const retry = { ...taken, message: 'm' };
const attempts = [
  { number: 1, podName: 'p', podUID: 'pod-uid', startTime: at(1_000), completionTime: at(9_000), reason: 'StepFailed' },
];
const summary = (changes: object = {}) => ({
  total: 1,
  completed: 0,
  failed: 0,
  timedOut: 0,
  canceled: 0,
  running: 0,
  pending: 0,
  ...changes,
});

const asked = (run: LiveRun, more: Record<string, string> = {}): LiveRun => ({
  ...run,
  metadata: { ...run.metadata, annotations: { [ANNOTATIONS.retryAt]: T, ...more } },
});
const failedStatus: TakoRunStatus = {
  phase: 'Failed',
  errorType: 'workflow_failed',
  startTime: at(1_000),
  completionTime: at(9_000),
  revision: 'b'.repeat(40),
  attempts,
  steps: [{ id: 'test', phase: 'Failed', exitCode: 1 }],
  outputs: { 'a.b': 'c' },
};
/** A child of an event, as far as it matters whether it is told. */
const child = (name: string, status: TakoRunStatus, told?: string): RunObject => {
  const run = workflowRun({ name, parent: {}, status });
  return told === undefined
    ? run
    : { ...run, metadata: { ...run.metadata, annotations: { [ANNOTATIONS.retryAt]: told } } };
};

describe('a finished workflow run that is to be retried', () => {
  it('given that its step failed, then it is Pending again, without what its attempt left in the status', () => {
    const run = asked(workflowRun({ status: failedStatus }));
    const decision = planWorkflowRun(workflowObservation({ run, now: NOW, pods: [finishedPod({ state: 'failed' })] }));
    expect(decision).toMatchObject({
      verdict: { phase: 'Pending', reason: 'Retrying' },
      status: { attempts, retry: taken },
      events: [{ type: 'Normal', reason: 'Retrying' }],
      before: [],
      after: [],
    });
    for (const field of ['completionTime', 'errorType', 'startTime', 'revision', 'steps', 'outputs'] as const)
      expect(decision.status?.[field]).toBeUndefined();
  });

  it('given that it took the retry up, then another attempt starts at once, with a time limit of its own', () => {
    const run = asked(workflowRun({ status: { phase: 'Pending', attempts, retry } }));
    const pods = [finishedPod({ state: 'failed' }, { phase: 'Failed', finalizers: [] })];
    const decision = planWorkflowRun(workflowObservation({ run, now: NOW, pods, preparation: prepared() }));
    const [action] = decision.before;
    expect(action).toMatchObject({ kind: 'createPod', pod: { metadata: { labels: { 'tako.dev/attempt': '2' } } } });
    const assignment = JSON.stringify(action);
    expect(assignment).toContain(at(7_200_000 + settings.defaultTimeoutMs));
  });

  it('given a child, then its time limit is that of the retried tree, and it says nothing of it', () => {
    const status = { ...failedStatus };
    const parent = { deadline: at(10_000) };
    const run = asked(workflowRun({ parent, status }), { [ANNOTATIONS.retryDeadline]: at(9_000_000) });
    const above = eventRun({ status: { phase: 'Waiting', retry } });
    const decision = planWorkflowRun(workflowObservation({ run, now: NOW, parent: above }));
    expect(decision).toMatchObject({ status: { retry: { deadline: at(9_000_000) } }, events: [] });
    const open = workflowRun({
      parent,
      status: { phase: 'Pending', attempts, retry: { ...retry, deadline: at(9_000_000) } },
    });
    const started = planWorkflowRun(
      workflowObservation({ run: open, now: NOW, parent: above, preparation: prepared() }),
    );
    expect(started.before).toMatchObject([{ kind: 'createPod' }]);
  });

  const waited: TakoRunStatus = {
    ...failedStatus,
    steps: [{ id: 'emit', phase: 'Succeeded' }],
    childrenSummary: summary({ failed: 1 }),
    treeSummary: { ...summary({ failed: 1 }), depth: 1 },
  };
  const emitted = (run: LiveRun, status: TakoRunStatus) => fanOutOf(run, 'emit', { status });
  const failedEvent: TakoRunStatus = {
    phase: 'Failed',
    completionTime: at(8_000),
    fanOut: { expanded: true, triggeredCount: 1 },
    childrenSummary: summary({ failed: 1 }),
    treeSummary: { ...summary({ failed: 1 }), depth: 1 },
  };

  it('given that only its children failed, then it waits for them again, and its steps stay as they ended', () => {
    const run = asked(workflowRun({ status: waited }));
    const fanOuts = [emitted(run, failedEvent)];
    const below = (one: RunObject) =>
      one.spec.event === undefined ? fanOuts : [child('leaf', { phase: 'Failed', completionTime: at(7_000) })];
    const decision = planWorkflowRun(workflowObservation({ run, now: NOW, fanOuts, below }));
    expect(decision).toMatchObject({
      verdict: { phase: 'Waiting', reason: 'Retrying' },
      status: { steps: waited.steps, revision: waited.revision, retry: taken },
    });
    expect(decision.status?.completionTime).toBeUndefined();
  });

  it('given that it waits again, then its fan-out is told, and has not ended until it took the retry up', () => {
    const run = asked(workflowRun({ status: { ...waited, phase: 'Waiting', retry } }));
    const fanOuts = [emitted(run, failedEvent)];
    const decision = planWorkflowRun(workflowObservation({ run, now: NOW + 1_000, fanOuts }));
    expect(decision.verdict?.phase).toBe('Waiting');
    expect(decision.after).toEqual([
      {
        kind: 'retryRun',
        namespace: 'team',
        name: fanOuts[0]!.metadata.name,
        requestedAt: T,
        deadline: at(7_200_000 + settings.defaultTimeoutMs),
      },
    ]);
    const told = [{ ...fanOuts[0]!, metadata: asked(fanOuts[0]!).metadata }];
    const again = planWorkflowRun(workflowObservation({ run, now: NOW + 1_000, fanOuts: told }));
    expect(again).toMatchObject({ verdict: { phase: 'Waiting' }, after: [] });
    const failedOnce = [emitted(run, { ...failedEvent, retry, completionTime: at(7_300_000) })];
    expect(planWorkflowRun(workflowObservation({ run, now: NOW + 1_000, fanOuts: failedOnce })).verdict).toMatchObject({
      phase: 'Failed',
    });
  });

  it('given that it succeeded without waiting, then it stays so, and what failed below is told', () => {
    const status: TakoRunStatus = { ...waited, phase: 'Succeeded' };
    const run = asked(workflowRun({ status }));
    const fanOuts = [emitted(run, { ...failedEvent, phase: 'Succeeded' })];
    const below = () => [child('leaf', { phase: 'Failed' })];
    const accepted = planWorkflowRun(workflowObservation({ run, now: NOW, fanOuts, below }));
    expect(accepted.verdict).toBeUndefined();
    expect(accepted.status).toEqual({ retry: { ...taken, message: expect.any(String) } });
    const retried = workflowRun({ status: { ...status, retry } });
    expect(planWorkflowRun(workflowObservation({ run: retried, now: NOW, fanOuts })).after).toContainEqual(
      expect.objectContaining({ kind: 'retryRun' }),
    );
    const counting = [
      emitted(run, {
        ...failedEvent,
        phase: 'Succeeded',
        retry,
        treeSummary: { ...summary({ running: 1 }), depth: 1 },
      }),
    ];
    expect(planWorkflowRun(workflowObservation({ run: retried, now: NOW, fanOuts: counting })).status).toMatchObject({
      treeSummary: { running: 1 },
    });
  });

  it('given that nothing can be repeated, then the status says so, and nothing else happens to it', () => {
    const run = asked(workflowRun({ status: { phase: 'Succeeded', completionTime: at(9_000) } }));
    const decision = planWorkflowRun(workflowObservation({ run, now: NOW }));
    expect(decision).toMatchObject({
      status: { retry: { requestedAt: T, count: 0 } },
      events: [{ type: 'Warning', reason: 'RetryRefused' }],
    });
    expect(decision.verdict).toBeUndefined();
  });
});

describe('a finished event that is to be retried', () => {
  const expandedStatus = (changes: TakoRunStatus = {}): TakoRunStatus => ({
    phase: 'Failed',
    startTime: at(0),
    completionTime: at(9_000),
    fanOut: { expanded: true, triggeredCount: 2, completionTime: at(9_000) },
    ...changes,
  });
  const children = [
    child('good', { phase: 'Succeeded', completionTime: at(5_000) }),
    child('bad', { phase: 'Failed', completionTime: at(6_000) }),
  ];
  const below = (run: RunObject) => (run.spec.event === undefined ? [] : children);

  it('given children that failed, then it waits for them again', () => {
    const run = asked(eventRun({ status: expandedStatus() }));
    const decision = planEventRun(eventObservation({ run, now: NOW, children, below }));
    expect(decision).toMatchObject({
      verdict: { phase: 'Waiting', reason: 'Retrying' },
      status: { retry: { count: 1 } },
    });
    expect(decision.status?.fanOut?.completionTime).toBeUndefined();
    expect(decision.status?.completionTime).toBeUndefined();
  });

  it('given that it waits again, then the one that failed is told and counts as pending, and the other is left alone', () => {
    const run = asked(eventRun({ status: expandedStatus({ phase: 'Waiting', retry }) }));
    const decision = planEventRun(eventObservation({ run, now: NOW, children, below }));
    expect(decision).toMatchObject({
      verdict: { phase: 'Waiting' },
      status: { childrenSummary: { total: 2, completed: 1, failed: 0, pending: 1 } },
    });
    expect(decision.after).toMatchObject([{ kind: 'retryRun', name: 'bad', requestedAt: T }]);
    expect(decision.status?.detailedErrors).toBeUndefined();
  });

  it('given more children than can be told in one go, then the first, and the rest a second later', () => {
    const many = Array.from({ length: 130 }, (_, index) => child(`bad-${index}`, { phase: 'Failed' }));
    const run = asked(eventRun({ status: expandedStatus({ phase: 'Waiting', retry }) }));
    const decision = planEventRun(eventObservation({ run, now: NOW, children: many }));
    expect(decision.after).toHaveLength(100);
    expect(decision.requeueAfterMs).toBe(1_000);
  });

  it('given an event that never went out, then it is matched anew, with time to wait for what was missing', () => {
    const run = asked(eventRun({ status: { phase: 'Failed', completionTime: at(9_000) } }));
    expect(planEventRun(eventObservation({ run, now: NOW })).verdict).toMatchObject({ phase: 'Pending' });
    const open = eventRun({ status: { phase: 'Pending', retry } });
    const expansion = { kind: 'waiting', reason: 'SourceNotFound', message: 'm' } as const;
    expect(planEventRun(eventObservation({ run: open, now: NOW + 1_000, expansion })).verdict).toMatchObject({
      phase: 'Pending',
      reason: 'SourceNotFound',
    });
  });

  it('given that it succeeded without waiting, then it stays so, tells what failed, and counts on', () => {
    const status = expandedStatus({
      phase: 'Succeeded',
      retry,
      childrenSummary: { ...summary({ completed: 1, failed: 1 }), total: 2 },
      treeSummary: { ...summary({ completed: 1, failed: 1 }), total: 2, depth: 1 },
    });
    const run = eventRun({ spec: { waitForChildren: false }, status });
    const decision = planEventRun(eventObservation({ run, now: NOW, children, below }));
    expect(decision.verdict).toBeUndefined();
    expect(decision.status?.childrenSummary).toMatchObject({ pending: 1, failed: 0 });
    expect(decision.after).toMatchObject([{ kind: 'retryRun', name: 'bad' }]);
    const over = [children[0]!, child('bad', { phase: 'Failed', retry, completionTime: at(7_300_000) }, T)];
    expect(planEventRun(eventObservation({ run, now: NOW, children: over })).after).toEqual([]);
  });
});
