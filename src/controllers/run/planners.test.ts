import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LABELS } from '../../api/meta.ts';
import { isTerminal, type Phase, type TakoRunStatus, takoRunStatusSchema } from '../../api/takorun-status.ts';
import { nextStatus } from './apply.ts';
import type { Decision } from './decision.ts';
import type { LiveRun } from './observed.ts';
import { planEventRun } from './plan-event.ts';
import { planWorkflowRun } from './plan-workflow.ts';
import { isOver } from './pod-state.ts';
import { anyEventObservation, anyWorkflowObservation, parseConditions } from './testing/arbitraries.ts';
import { attemptOf, hasEnded } from './workflow-observation.ts';

const RUNS = { numRuns: 2_000 };

interface Observation {
  readonly run: LiveRun;
  readonly now: number;
}

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const member of Object.values(value)) freeze(member);
  }
  return value;
}

const EXPECTED: Record<'going' | 'good' | 'bad', string> = {
  going: 'Ready=Unknown Reconciling=True Stalled=False',
  good: 'Ready=True Reconciling=False Stalled=False',
  bad: 'Ready=False Reconciling=False Stalled=True',
};

function expectConsistent(status: TakoRunStatus): void {
  const phase = status.phase as Phase;
  const kind = phase === 'Succeeded' ? 'good' : isTerminal(phase) ? 'bad' : 'going';
  const conditions = parseConditions(status.conditions);
  const [ready, reconciling, stalled, ...warnings] = conditions.map(({ type, status }) => `${type}=${status}`);
  expect([ready, reconciling, stalled].join(' ')).toBe(EXPECTED[kind]);
  expect(['', 'DeepTree=True']).toContain(warnings.join(' '));
}

/** What holds for the decision of any planner. */
function check<O extends Observation>(
  observation: O,
  plan: (observation: O) => Decision,
  afterWrite: (observation: O) => O = same => same,
): Decision {
  const { run, now } = freeze(observation);
  const decision = plan(observation);
  expect(plan(observation)).toEqual(decision);
  expect(decision.requeueAfterMs ?? 1).toBeGreaterThanOrEqual(0);

  const status = nextStatus(run, decision, now);
  if (status === undefined) {
    expect(decision.events).toEqual([]);
    return decision;
  }
  if (isTerminal(run.status?.phase)) expect(status.phase).toBe(run.status?.phase);
  else {
    expectConsistent(status);
    if (isTerminal(status.phase)) expect(status.completionTime).toBeDefined();
  }
  expect(takoRunStatusSchema.safeParse(status).error).toBeUndefined();
  expect(JSON.parse(JSON.stringify(status))).toStrictEqual(status);
  expect(Buffer.byteLength(JSON.stringify(status))).toBeLessThan(100 * 1_024);

  const written = afterWrite({ ...observation, run: { ...run, status } });
  const again = plan(written);
  // The same once more, right after the write: nothing is written, told or looked at in a circle.
  expect(nextStatus(written.run, again, now) ?? status).toStrictEqual(status);
  if (!isTerminal(status.phase)) expect(again.events).toEqual([]);
  return decision;
}

describe('planners', () => {
  it('property: a workflow run is never decided wrongly, whatever is observed', () => {
    fc.assert(
      fc.property(anyWorkflowObservation(), observation => {
        const decision = check(observation, planWorkflowRun);
        const { run, pods, preparation } = observation;
        const creations = decision.before.filter(({ kind }) => kind === 'createPod');
        expect(decision.after.filter(({ kind }) => kind === 'createPod')).toEqual([]);
        if (creations.length > 0) {
          expect(creations).toHaveLength(1);
          expect(isTerminal(run.status?.phase) || run.status?.phase === 'Waiting').toBe(false);
          // Never two Pods at once, and never one twice.
          expect(pods.filter(pod => !isOver(pod))).toEqual([]);
          const last = run.status?.attempts?.at(-1);
          const number = last?.number ?? 0;
          expect(creations).toMatchObject([
            { pod: { metadata: { labels: { [LABELS.attempt]: String(number + 1) } } } },
          ]);
          expect(pods.filter(pod => attemptOf(pod) > number)).toEqual([]);
          if (last !== undefined) expect(last.completionTime).toBeDefined();
          expect([run.spec.cancel === true, run.spec.suspend === true, run.spec.dryRun === true]).not.toContain(true);
          expect(observation).toMatchObject({ lineage: 'live', circuit: undefined });
          expect(observation.held).toBeUndefined();
          expect(preparation?.kind).toBe('ready');
          expect(decision.status).toBeUndefined();
        }
        const { retainedWorkspace } = decision.status ?? {};
        if (retainedWorkspace !== undefined) {
          expect(['Failed', 'TimedOut']).toContain(decision.verdict?.phase);
          expect(observation.retention).toBe('granted');
          const others = decision.after.filter(action => 'uid' in action && action.uid === retainedWorkspace.podUID);
          expect(others.filter(({ kind }) => kind !== 'releasePod')).toEqual([]);
        }
        const ends = decision.verdict !== undefined && isTerminal(decision.verdict.phase);
        const released = decision.after.flatMap(action => (action.kind === 'releasePod' ? [action.uid] : []));
        if (!ends && !isTerminal(run.status?.phase) && decision.verdict?.phase !== 'Waiting') {
          const after = { ...run, status: { ...run.status, ...decision.status } };
          for (const pod of pods.filter(({ metadata }) => released.includes(metadata.uid)))
            expect([hasEnded(after, attemptOf(pod)), isOver(pod)]).toEqual([true, true]);
        }
        if (isTerminal(run.status?.phase)) expect([decision.verdict, decision.before]).toEqual([undefined, []]);
      }),
      RUNS,
    );
  });

  it('property: an event run is never decided wrongly, whatever is observed', () => {
    fc.assert(
      fc.property(anyEventObservation(), observation => {
        // The controller decides nothing before the store shows the children that it created.
        const decision = check(observation, planEventRun, written => {
          const { expansion } = observation;
          const isExpanded = ({ run }: typeof written) => run.status?.fanOut?.expanded === true;
          const isNew = expansion?.kind === 'expanded' && !isExpanded(observation) && isExpanded(written);
          return isNew
            ? { ...written, children: expansion.children, shared: expansion.shared, cycle: undefined }
            : written;
        });
        const { run } = observation;
        if (isTerminal(run.status?.phase)) expect(decision.verdict).toBeUndefined();
        const summary = decision.status?.childrenSummary;
        if (summary !== undefined) {
          const { total, ...states } = summary;
          expect(Object.values(states).reduce((sum, count) => sum + count, 0)).toBe(total);
        }
        // A latch never opens again.
        const latched = run.status?.fanOut?.expanded === true;
        if (latched && decision.status !== undefined) expect(decision.status.fanOut).toMatchObject({ expanded: true });
      }),
      RUNS,
    );
  });
});
