import { describe, expect, it } from 'vitest';
import { type TakoRunStatus, takoRunStatusSchema } from '../../api/takorun-status.ts';
import type { PlannedChild } from '../../fanout/children.ts';
import type { FirstRun } from '../../fanout/claim.ts';
import type { RunManifest, RunObject } from '../../fanout/objects.ts';
import type { EventObservation } from './event-observation.ts';
import type { Expansion, Matching } from './expand.ts';
import { planEventRun } from './plan-event.ts';
import { at, COMMIT, CREATED, eventObservation, eventRun, settings, workflowRun } from './testing/builders.ts';

const plan = (changes: Partial<EventObservation> = {}) => planEventRun(eventObservation(changes));
const ofStep = { parent: { step: 'emit', deadline: at(600_000) } };

const manifests = (count: number): RunManifest[] =>
  Array.from(
    { length: count },
    (_, index) => workflowRun({ name: `child-${index}`, parent: {} }) as unknown as RunManifest,
  );

function expanded(count: number, changes: Partial<Extract<Expansion, { kind: 'expanded' }>> = {}): Expansion {
  return {
    kind: 'expanded',
    children: manifests(count),
    shared: [],
    subscribersFound: count,
    withoutConsent: 0,
    deduplicated: 0,
    skippedCount: 0,
    skipped: [],
    warnings: [],
    ...changes,
  };
}

const child = (index: number, status: TakoRunStatus = {}, spec = {}): RunObject =>
  workflowRun({ name: `child-${index}`, parent: {}, status, spec });

/** An event that went out to this many. */
const latched = (triggeredCount: number, status: TakoRunStatus = {}): TakoRunStatus => ({
  phase: 'Waiting',
  startTime: at(0),
  fanOut: { expanded: true, triggeredCount },
  ...status,
});

describe('an event that has not gone out', () => {
  it('given a canceled run, then it ends as Canceled', () => {
    expect(plan({ run: eventRun({ spec: { cancel: true } }), expansion: expanded(1) })).toMatchObject({
      verdict: { phase: 'Canceled', reason: 'Canceled' },
      status: { errorType: 'canceled', completionTime: at(1_000), repository: 'acme/core-lib' },
      events: [{ type: 'Warning', reason: 'Canceled' }],
    });
  });

  it('given a run whose time is over, then it is TimedOut', () => {
    expect(plan({ now: CREATED + settings.defaultTimeoutMs })).toMatchObject({
      verdict: { phase: 'TimedOut' },
      status: { timeoutExceeded: true, errorType: 'timeout' },
    });
  });

  it('given a suspended run, then it waits', () => {
    expect(plan({ run: eventRun({ spec: { suspend: true } }), expansion: expanded(1) })).toMatchObject({
      verdict: { phase: 'Pending', reason: 'Suspended' },
    });
  });

  it('given a parent that is being deleted, then nothing happens; given one that is gone, then it ends', () => {
    const run = eventRun(ofStep);
    expect(plan({ run, lineage: 'ending', expansion: expanded(1) })).toEqual({
      before: [],
      after: [],
      events: [],
      requeueAfterMs: 10_000,
    });
    expect(plan({ run, lineage: 'gone', expansion: expanded(1) }).verdict).toMatchObject({
      phase: 'Canceled',
      reason: 'ParentGone',
    });
  });

  it('given nothing matched yet, then nothing happens', () => {
    expect(plan()).toEqual({ before: [], after: [], events: [] });
  });

  const missing: Expansion = { kind: 'waiting', reason: 'SourceNotFound', message: 'there is no TakoRepository' };

  it('given a source that may come, then it waits, tells it once, and fails when the time is over', () => {
    expect(plan({ expansion: missing })).toMatchObject({
      verdict: { phase: 'Pending', reason: 'SourceNotFound' },
      events: [{ type: 'Warning', reason: 'SourceNotFound' }],
      requeueAfterMs: 5_000,
    });
    const ready = {
      type: 'Ready',
      status: 'Unknown' as const,
      lastTransitionTime: at(0),
      reason: 'SourceNotFound',
      message: '',
    };
    expect(plan({ expansion: missing, run: eventRun({ status: { conditions: [ready] } }) }).events).toEqual([]);
    expect(plan({ expansion: missing, now: CREATED + settings.repositoryTimeoutMs })).toMatchObject({
      verdict: { phase: 'Failed', reason: 'SourceNotFound' },
      status: { errorType: 'execution_failed' },
    });
  });

  it('given a cycle, then it fails, once children of a try that was cut off have ended', () => {
    const expansion: Expansion = { kind: 'failed', reason: 'CycleDetected', message: 'a -> b -> a' };
    const done = child(1, { phase: 'Succeeded' });
    expect(plan({ expansion, children: [child(0), done] })).toMatchObject({
      verdict: { phase: 'Running', reason: 'StoppingChildren', message: 'a -> b -> a; first ends what runs below' },
      before: [{ kind: 'cancelRun', name: 'child-0' }],
      status: { childrenSummary: { total: 2, completed: 1, pending: 1 } },
    });
    expect(plan({ expansion, children: [child(0, { phase: 'Canceled' }), done] })).toMatchObject({
      verdict: { phase: 'Failed', reason: 'CycleDetected' },
      before: [],
      status: { childrenSummary: { total: 2, completed: 1, canceled: 1 } },
      events: [{ type: 'Warning', reason: 'CycleDetected' }],
    });
  });

  it('given a cancel before all children exist, then those that do are ended first', () => {
    const run = eventRun({ spec: { cancel: true } });
    expect(plan({ run, children: [child(0)] })).toMatchObject({
      verdict: { phase: 'Running', reason: 'Canceling' },
      before: [{ kind: 'cancelRun', name: 'child-0' }],
      requeueAfterMs: 5_000,
    });
    expect(plan({ run, children: [child(0, { phase: 'Canceled' })] }).verdict).toMatchObject({ phase: 'Canceled' });
  });

  it('given a time limit that passes before all children exist, then those that do may say so themselves at first', () => {
    const late = { now: CREATED + settings.defaultTimeoutMs, children: [child(0)] };
    expect(plan(late)).toMatchObject({ verdict: { phase: 'Running', reason: 'TimingOut' }, before: [] });
    expect(plan({ ...late, now: late.now + 30_000 }).before).toMatchObject([{ kind: 'cancelRun' }]);
  });

  it("given a step's fan-out that fails, then its own run tells it, not another event", () => {
    const expansion: Expansion = { kind: 'failed', reason: 'ArtifactNotFound', message: 'no artifact' };
    expect(plan({ run: eventRun(ofStep), expansion })).toMatchObject({ verdict: { phase: 'Failed' }, events: [] });
  });
});

describe('an event that goes out', () => {
  it('given children, then it is latched and waits for them', () => {
    const decision = plan({ expansion: expanded(2, { subscribersFound: 3, skippedCount: 1 }) });
    expect(decision).toMatchObject({
      verdict: { phase: 'Waiting', reason: 'WaitingForChildren' },
      status: {
        children: '0/2',
        childrenSummary: { total: 2, pending: 2 },
        treeSummary: { total: 2, depth: 1 },
        fanOut: {
          expanded: true,
          eventEmitted: true,
          triggeredCount: 2,
          subscribersFound: 3,
          skippedCount: 1,
          eventId: 'uid-release',
          fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/),
          startTime: at(1_000),
        },
      },
      events: [{ type: 'Normal', reason: 'EventEmitted', message: '2 of 3 subscribers run' }],
      requeueAfterMs: settings.defaultTimeoutMs - 1_000,
    });
  });

  it('given subscribers elsewhere that do not accept it, then the event does not speak of them', () => {
    expect(plan({ expansion: expanded(2, { subscribersFound: 9, withoutConsent: 6 }) }).events).toMatchObject([
      { reason: 'EventEmitted', message: '2 of 3 subscribers run' },
    ]);
  });

  it('given no subscriber, then it has succeeded at once and says why nothing runs', () => {
    expect(plan({ expansion: expanded(0) })).toMatchObject({
      verdict: {
        phase: 'Succeeded',
        reason: 'NoSubscribers',
        message: expect.stringContaining('no repository listens'),
      },
      status: { completionTime: at(1_000), fanOut: { completionTime: at(1_000) } },
    });
  });

  it('given a run that does not wait, then it has succeeded when the children exist', () => {
    const run = eventRun({ spec: { waitForChildren: false } });
    expect(plan({ run, expansion: expanded(2) })).toMatchObject({
      before: [],
      verdict: { phase: 'Succeeded', reason: 'EventEmitted' },
      status: { children: '0/2' },
    });
  });

  it('given a deep tree, then a warning goes out as an event and becomes a condition', () => {
    const warnings = [{ type: 'DeepTree' as const, message: 'level 7 of 10' }];
    const decision = plan({ run: eventRun(ofStep), expansion: expanded(1, { warnings }) });
    expect(decision.events).toEqual([{ type: 'Warning', reason: 'DeepTree', message: 'level 7 of 10' }]);
    expect(decision.warnings).toEqual(warnings);
  });
});

describe('an event of a tree in which equal children run once', () => {
  it('given children that another event has started, then it counts them as deduplicated, and waits for them', () => {
    const [own, other] = manifests(2);
    expect(
      plan({ expansion: expanded(1, { children: [own!], shared: [other!], deduplicated: 2, subscribersFound: 2 }) }),
    ).toMatchObject({
      verdict: { phase: 'Waiting' },
      status: {
        children: '0/1',
        childrenSummary: { total: 1 },
        treeSummary: { total: 1 },
        fanOut: { triggeredCount: 1, deduplicated: 3, sharedCount: 1 },
      },
      events: [{ message: '1 of 2 subscribers run, 1 run already for another event of the tree' }],
    });
  });

  const shared = latched(0, { fanOut: { expanded: true, triggeredCount: 0, sharedCount: 1 } });

  it('given a shared run, then the event ends with it, and does not count it', () => {
    const run = eventRun({ status: shared });
    expect(plan({ run, shared: [child(0, { phase: 'Running' })] }).verdict?.phase).toBe('Waiting');
    const ended = plan({ run, shared: [child(0, { phase: 'Failed', message: 'exit code 1' })] });
    expect(ended).toMatchObject({
      verdict: { phase: 'Failed', reason: 'ChildrenFailed', message: expect.stringContaining('exit code 1') },
      status: { childrenSummary: { total: 0 }, treeSummary: { total: 0 } },
    });
    expect(ended.status?.detailedErrors ?? []).toEqual([]);
  });

  it('given a shared run that disappeared, then it counts as canceled', () => {
    expect(plan({ run: eventRun({ status: shared }) }).verdict).toMatchObject({
      phase: 'Failed',
      message: '1 of 1 run that another event of the tree started was canceled',
    });
  });

  it('given a cancel, then shared runs are left alone', () => {
    const run = eventRun({ spec: { cancel: true }, status: shared });
    expect(plan({ run, shared: [child(0, { phase: 'Running' })] })).toMatchObject({
      before: [],
      verdict: { phase: 'Canceled' },
    });
  });

  it('given a shared run that waits for it in turn, then it fails with the path and stops its own children', () => {
    const run = eventRun({ status: latched(1, { fanOut: { expanded: true, triggeredCount: 1, sharedCount: 1 } }) });
    const cycle = 'acme/b go -> acme/c go';
    expect(plan({ run, children: [child(1, { phase: 'Running' })], shared: [child(0)], cycle })).toMatchObject({
      before: [{ kind: 'cancelRun', name: 'child-1' }],
      verdict: { phase: 'Failed', reason: 'CycleDetected', message: expect.stringContaining(cycle) },
    });
  });
});

describe('an event that another run has sent', () => {
  const duplicate = (first: Partial<FirstRun> = {}, changes: Partial<EventObservation> = {}) =>
    plan({
      expansion: { kind: 'duplicate', of: { name: 'first', phase: 'Waiting', expanded: true, ...first } },
      ...changes,
    });

  it('given a first run that goes on, then it waits for it, starts nothing and says whose result it will take', () => {
    const decision = duplicate();
    expect(decision).toMatchObject({
      before: [],
      verdict: { phase: 'Waiting', reason: 'DuplicateEvent', message: expect.stringContaining('TakoRun first') },
      status: { duplicateOf: 'first', fanOut: { eventEmitted: false, expanded: false } },
      events: [],
      requeueAfterMs: 300_000,
    });
    expect(decision.status?.childrenSummary).toBeUndefined();
    const late = { now: CREATED + settings.defaultTimeoutMs - 5_000 };
    expect(duplicate({}, late).requeueAfterMs).toBe(5_000);
  });

  it('given a first run that ended, then so has it, with its message', () => {
    expect(duplicate({ phase: 'Succeeded', message: 'all 2 children succeeded' })).toMatchObject({
      verdict: { phase: 'Succeeded', reason: 'DuplicateEvent', message: expect.stringContaining('all 2 children') },
      status: { duplicateOf: 'first', completionTime: at(1_000) },
      events: [{ type: 'Normal', reason: 'DuplicateEvent' }],
    });
    expect(duplicate({ phase: 'Failed', errorType: 'workflow_failed', message: 'exit code 1' })).toMatchObject({
      verdict: { phase: 'Failed', reason: 'DuplicateFailed', message: expect.stringContaining('exit code 1') },
      status: { duplicateOf: 'first', errorType: 'workflow_failed' },
      events: [{ type: 'Warning', reason: 'DuplicateFailed' }],
    });
  });

  it('given a run that waits for no children, then it has ended when the event has gone out', () => {
    const run = eventRun({ spec: { waitForChildren: false } });
    expect(duplicate({}, { run }).verdict).toMatchObject({ phase: 'Succeeded' });
    expect(duplicate({ expanded: false }, { run }).verdict).toMatchObject({ phase: 'Waiting' });
  });

  it('given a run whose turn it is after all, then it is no duplicate any more', () => {
    const run = eventRun({ status: { phase: 'Waiting', duplicateOf: 'first' } });
    const decision = plan({ run, expansion: expanded(1) });
    expect(decision.verdict?.reason).toBe('WaitingForChildren');
    expect(decision.status).not.toHaveProperty('duplicateOf');
  });

  it('given a cancel or the end of its time while it waits, then it ends by itself', () => {
    const status = { phase: 'Waiting', duplicateOf: 'first' } as const;
    expect(plan({ run: eventRun({ spec: { cancel: true }, status }) }).verdict?.phase).toBe('Canceled');
    expect(plan({ run: eventRun({ status }), now: CREATED + settings.defaultTimeoutMs }).verdict?.phase).toBe(
      'TimedOut',
    );
  });
});

describe('a dry run', () => {
  const child = (index: number, inputs: Record<string, string> = {}): PlannedChild => ({
    name: `child-${index}`,
    namespace: 'team',
    repository: `app-${index}`,
    slug: `acme/app-${index}`,
    workflow: 'ci',
    revision: COMMIT,
    inputs,
  });
  const dryRun = (children: PlannedChild[], changes: Partial<Matching> = {}) => {
    const matching = { ...expanded(0), subscribersFound: children.length, ...changes } as unknown as Matching;
    return plan({
      run: eventRun({ spec: { dryRun: true } }),
      expansion: { ...matching, kind: 'planned', children },
    });
  };

  it('given subscribers, then nothing is latched, and the status says who would run with what', () => {
    const decision = dryRun([child(0, { version: '1.4.0' }), child(1)], { skippedCount: 2 });
    expect(decision).toMatchObject({
      before: [],
      after: [],
      verdict: {
        phase: 'Succeeded',
        reason: 'DryRun',
        message: 'dry run: would start app-0 ci, app-1 ci; 2 skipped',
      },
    });
    expect(decision.status?.fanOut).toMatchObject({
      eventEmitted: false,
      expanded: false,
      triggeredCount: 0,
      subscribersFound: 2,
      plannedCount: 2,
      planned: [
        {
          repository: 'acme/app-0',
          namespace: 'team',
          workflow: 'ci',
          revision: COMMIT,
          inputs: { version: '1.4.0' },
        },
        { repository: 'acme/app-1', namespace: 'team', workflow: 'ci', revision: COMMIT },
      ],
    });
    expect(decision.status?.fanOut?.plannedOmitted).toBeUndefined();
    expect(decision.status?.childrenSummary).toBeUndefined();
  });

  it('given many, then message and list name the first and count the others', () => {
    const decision = dryRun(Array.from({ length: 130 }, (_, index) => child(index)));
    expect(decision.verdict?.message).toMatch(/^dry run: would start app-0 ci, .*, app-19 ci and 110 more$/);
    expect(decision.status?.fanOut).toMatchObject({ plannedCount: 130, plannedOmitted: 30 });
    expect(decision.status?.fanOut?.planned).toHaveLength(100);
  });

  it('given an equal event that another run has sent, then it says that it would take that result', () => {
    const expansion = { ...(expanded(0) as unknown as Matching), kind: 'planned' as const, children: [child(0)] };
    const run = eventRun({ spec: { dryRun: true, idempotent: true } });
    expect(plan({ run, expansion: { ...expansion, duplicateOf: 'first' } }).verdict?.message).toBe(
      'dry run: would start app-0 ci; but an equal event is that of TakoRun first, whose result it would take',
    );
  });

  it('given nobody, then it says so', () => {
    expect(dryRun([]).verdict?.message).toBe('dry run: would start nothing');
  });

  it('given a tree that it would make too deep, then it warns as the event itself would', () => {
    const warnings = [{ type: 'DeepTree' as const, message: 'level 7 of 10' }];
    expect(dryRun([child(0)], { warnings })).toMatchObject({
      warnings,
      events: [{ reason: 'DeepTree' }, { reason: 'DryRun' }],
    });
  });

  it('given the largest inputs, then the status is below 100 KiB, and what the API takes', () => {
    const inputs = Object.fromEntries(['a', 'b', 'c'].map(name => [name, '\u{1F600}'.repeat(1_300)]));
    const skipped = Array.from({ length: 100 }, () => ({
      repository: 'r'.repeat(200),
      workflow: 'w'.repeat(100),
      reason: 'FilterError' as const,
      message: '\u{1F600}'.repeat(250),
    }));
    const { status } = dryRun(
      Array.from({ length: 50 }, (_, index) => child(index, inputs)),
      { skipped, skippedCount: 100 },
    );
    expect(Buffer.byteLength(JSON.stringify(status))).toBeLessThan(100 * 1_024);
    expect(status?.fanOut?.planned?.length).toBeGreaterThan(0);
    expect((status?.fanOut?.planned?.length ?? 0) + (status?.fanOut?.plannedOmitted ?? 0)).toBe(50);
    expect(takoRunStatusSchema.partial().safeParse(status).error).toBeUndefined();
  });
});

describe('an event that went out', () => {
  const waitingFor = (children: RunObject[], status: TakoRunStatus = {}, changes: Partial<EventObservation> = {}) =>
    plan({ run: eventRun({ status: latched(children.length, status) }), children, now: CREATED + 60_000, ...changes });

  it('given children at work, then they are counted', () => {
    expect(waitingFor([child(0, { phase: 'Running' }), child(1, { phase: 'Succeeded' }), child(2)])).toMatchObject({
      verdict: { phase: 'Waiting' },
      status: { children: '1/3', childrenSummary: { total: 3, completed: 1, running: 1, pending: 1 } },
      events: [],
    });
  });

  it('given children that all succeeded, then so has it', () => {
    expect(waitingFor([child(0, { phase: 'Succeeded' })])).toMatchObject({
      verdict: { phase: 'Succeeded', reason: 'ChildrenSucceeded' },
      status: { completionTime: at(60_000), fanOut: { completionTime: at(60_000) } },
      events: [{ type: 'Normal', reason: 'ChildrenSucceeded' }],
    });
  });

  it('given a child that failed, then it has failed, with the error of the child', () => {
    const failed = {
      phase: 'Failed',
      errorType: 'workflow_failed',
      message: 'step test: exit code 1',
      runId: 'exec-1',
    } as const;
    expect(waitingFor([child(0, failed), child(1, { phase: 'Succeeded' })])).toMatchObject({
      verdict: { phase: 'Failed', reason: 'ChildrenFailed', message: expect.stringContaining('exit code 1') },
      status: {
        errorType: 'workflow_failed',
        detailedErrors: [{ errorType: 'workflow_failed', errorMessage: 'step test: exit code 1', runId: 'exec-1' }],
      },
      events: [{ type: 'Warning', reason: 'ChildrenFailed' }],
    });
  });

  it('given a child that disappeared, then it counts as canceled', () => {
    const run = eventRun({ status: latched(2) });
    expect(plan({ run, children: [child(0, { phase: 'Succeeded' })] })).toMatchObject({
      verdict: { phase: 'Failed' },
      status: { childrenSummary: { total: 2, completed: 1, canceled: 1 } },
    });
  });

  it('given a cancel, then the children are canceled once each', () => {
    const run = eventRun({ spec: { cancel: true }, status: latched(3) });
    const children = [child(0, { phase: 'Running' }), child(1, {}, { cancel: true }), child(2, { phase: 'Succeeded' })];
    expect(plan({ run, children })).toMatchObject({
      before: [{ kind: 'cancelRun', namespace: 'team', name: 'child-0' }],
      verdict: { phase: 'Waiting', reason: 'Canceling' },
      requeueAfterMs: 5_000,
    });
  });

  it('given a time limit that passes, then the children may end by themselves first, and are canceled after that', () => {
    const run = eventRun({ spec: { timeout: '2m' }, status: latched(1) });
    const children = [child(0, { phase: 'Running' })];
    expect(plan({ run, children, now: CREATED + 120_000 })).toMatchObject({
      before: [],
      verdict: { phase: 'Waiting', reason: 'TimingOut' },
    });
    expect(plan({ run, children, now: CREATED + 150_000 }).before).toHaveLength(1);
  });

  it.each(['TimedOut', 'Canceled'] as const)(
    'given children that ended as %s after its time, then it is TimedOut',
    phase => {
      const ready = {
        type: 'Ready',
        status: 'Unknown' as const,
        lastTransitionTime: at(0),
        reason: 'TimingOut',
        message: '',
      };
      const run = eventRun({ spec: { timeout: '2m' }, status: latched(1, { conditions: [ready] }) });
      expect(plan({ run, children: [child(0, { phase })], now: CREATED + 160_000 })).toMatchObject({
        verdict: { phase: 'TimedOut' },
        status: { errorType: 'timeout', timeoutExceeded: true },
      });
    },
  );

  it('given a run that ended without waiting, then it goes on counting until its children have ended', () => {
    const summary = { total: 2, completed: 0, failed: 0, timedOut: 0, canceled: 0, running: 1, pending: 1 };
    const status = latched(2, { phase: 'Succeeded', completionTime: at(1_000), childrenSummary: summary });
    const run = eventRun({ spec: { waitForChildren: false, ttlSecondsAfterFinished: 0 }, status });
    const decision = plan({ run, children: [child(0, { phase: 'Failed' }), child(1, { phase: 'Running' })] });
    expect(decision.verdict).toBeUndefined();
    expect(decision.status).toMatchObject({ children: '1/2', childrenSummary: { failed: 1, running: 1 } });
    const done = { ...summary, running: 0, pending: 0, completed: 2 };
    const after = eventRun({ spec: run.spec, status: { ...status, childrenSummary: done } });
    expect(
      plan({ run: after, children: [child(0, { phase: 'Succeeded' })], now: CREATED + 60_000 }).after,
    ).toMatchObject([{ kind: 'deleteRun' }]);
  });

  it('given a child that told later what there is below it, then the tree counts that too', () => {
    const summary = { total: 1, completed: 0, failed: 1, timedOut: 0, canceled: 0, running: 0, pending: 0 };
    const numbers = { childrenSummary: summary, treeSummary: { ...summary, depth: 1 } };
    const run = eventRun({ status: latched(1, { phase: 'Failed', completionTime: at(1_000), ...numbers }) });
    const treeSummary = { ...summary, failed: 0, canceled: 1, depth: 1 };
    expect(plan({ run, children: [child(0, { phase: 'Failed', treeSummary })] }).status?.treeSummary).toMatchObject({
      total: 2,
      failed: 1,
      canceled: 1,
      depth: 2,
    });
  });

  it('given 20,000 children that all failed with long messages, then the status is below 100 KiB and what the API takes', () => {
    const long = {
      phase: 'Failed',
      errorType: 'workflow_failed',
      message: '\u{1F600}'.repeat(2_000),
      completionTime: at(1_000),
    } as const;
    const children = Array.from({ length: 20_000 }, (_, index) => child(index, long));
    const skipped = Array.from({ length: 100 }, () => ({
      repository: 'r'.repeat(200),
      workflow: 'w'.repeat(100),
      reason: 'FilterError' as const,
      message: '\u{1F600}'.repeat(250),
    }));
    const run = eventRun({ status: latched(20_000) });
    const first = plan({ expansion: expanded(0, { skipped, skippedCount: 5_000 }) });
    const status = plan({
      run: eventRun({
        ...run,
        status: { ...latched(20_000), fanOut: { ...first.status?.fanOut, expanded: true, triggeredCount: 20_000 } },
      }),
      children,
    }).status;
    expect(Buffer.byteLength(JSON.stringify(status))).toBeLessThan(100 * 1_024);
    expect(status?.detailedErrors).toHaveLength(100);
    expect(status?.detailedErrorsOmitted).toBe(19_900);
    expect(takoRunStatusSchema.partial().safeParse(status).error).toBeUndefined();
  });
});
