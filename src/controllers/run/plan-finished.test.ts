import { describe, expect, it } from 'vitest';
import type { RunObject } from '../../fanout/objects.ts';
import { type FinishedObservation, planFinished } from './plan-finished.ts';
import { at, CREATED, observedPod, settings, workflowRun } from './testing/builders.ts';

const ENDED = CREATED + 60_000;
const status = { phase: 'Succeeded', completionTime: at(60_000) } as const;
const run = workflowRun({ status });
const stopped = { phase: 'Succeeded', finalizers: [] };
const plan = (changes: Partial<FinishedObservation> = {}) =>
  planFinished({ run, now: ENDED + 1_000, options: settings, pods: [], children: [], settled: true, ...changes });
const child = (phase?: 'Running' | 'Succeeded'): RunObject =>
  workflowRun({ name: 'child', ...(phase && { status: { phase } }) });

describe('a run that has ended', () => {
  it('given nothing left, then there is nothing to do, ever', () => {
    expect(plan()).toEqual({ before: [], after: [], events: [], requeueAfterMs: undefined });
  });

  it('given a Pod that is still held, then it is let go', () => {
    expect(plan({ pods: [observedPod({ phase: 'Succeeded' })] }).after).toMatchObject([
      { kind: 'releasePod', uid: 'pod-uid' },
    ]);
  });

  it("given a Pod with somebody else's finalizer, then that is left alone", () => {
    expect(plan({ pods: [observedPod({ phase: 'Succeeded', finalizers: ['other/one'] })] }).after).toEqual([]);
  });

  it('given a finished Pod, then it stays for its logs, and goes after its time', () => {
    const pods = [observedPod(stopped)];
    expect(plan({ pods })).toMatchObject({ after: [], requeueAfterMs: settings.podRetentionMs - 1_000 });
    expect(plan({ pods, now: ENDED + settings.podRetentionMs }).after).toMatchObject([{ kind: 'deletePod' }]);
  });

  it('given containers that do not end, then they are ended soon', () => {
    const pods = [observedPod({ phase: 'Running', finalizers: [] })];
    expect(plan({ pods })).toMatchObject({ after: [], requeueAfterMs: 29_000 });
    expect(plan({ pods, now: ENDED + 30_000 }).after).toMatchObject([{ kind: 'deletePod' }]);
  });

  describe('given a workspace that is kept for people', () => {
    const retainedWorkspace = {
      podName: 'p',
      podUID: 'pod-uid',
      container: 'step-0',
      until: at(660_000),
      command: 'x',
    };
    const failed = { phase: 'Failed', completionTime: at(60_000), retainedWorkspace } as const;
    const kept = workflowRun({ status: failed });
    const pods = [observedPod({ phase: 'Running', finalizers: [], claimed: true })];

    it('then its Pod stays until its time is over, though it lingers and has a claim', () => {
      expect(plan({ run: kept, pods, now: ENDED + 599_000 })).toMatchObject({ after: [], requeueAfterMs: 31_000 });
    });

    it('when it has not ended by itself then, then it is deleted', () => {
      expect(plan({ run: kept, pods, now: ENDED + 630_000 }).after).toMatchObject([{ kind: 'deletePod' }]);
    });

    it('when it has, then its claim is freed at once, or its log stays for the usual time', () => {
      const ended = [observedPod({ ...stopped, claimed: true })];
      expect(plan({ run: kept, pods: ended, now: ENDED + 600_000 }).after).toMatchObject([{ kind: 'deletePod' }]);
      expect(plan({ run: kept, pods: [observedPod(stopped)], now: ENDED + 600_000 }).after).toEqual([]);
    });

    const canceled = workflowRun({ status: failed, spec: { cancel: true } });

    it('when the run is canceled, then it goes at once, for it has a claim', () => {
      expect(plan({ run: canceled, pods }).after).toMatchObject([{ kind: 'deletePod' }]);
    });

    it('when the run is canceled and there is no claim, then its containers are ended, and its log stays for the usual time', () => {
      const held = [observedPod({ phase: 'Running', finalizers: [] })];
      expect(plan({ run: canceled, pods: held })).toMatchObject({
        after: [{ kind: 'stopPod', uid: 'pod-uid' }],
        requeueAfterMs: 629_000,
      });
      expect(plan({ run: canceled, pods: held, now: ENDED + 630_000 }).after).toMatchObject([{ kind: 'deletePod' }]);
      expect(plan({ run: canceled, pods: [observedPod(stopped)] })).toMatchObject({
        after: [],
        requeueAfterMs: settings.podRetentionMs - 1_000,
      });
    });

    it('when the time to live of its run is over before, then the run waits for it, and no longer', () => {
      const short = workflowRun({ status: failed, spec: { ttlSecondsAfterFinished: 10 } });
      expect(plan({ run: short, pods, now: ENDED + 599_000 })).toMatchObject({ after: [], requeueAfterMs: 31_000 });
      const goes = { kind: 'deleteRun' };
      expect(plan({ run: short, pods, now: ENDED + 630_000 }).after).toContainEqual(expect.objectContaining(goes));
      const ended = [observedPod(stopped)];
      expect(plan({ run: short, pods: ended, now: ENDED + 20_000 }).after).toMatchObject([goes]);
      expect(plan({ run: short, pods: [], now: ENDED + 20_000 }).after).toMatchObject([goes]);
    });

    it('when it is of another Pod, then that one goes as ever', () => {
      const other = [observedPod({ phase: 'Running', finalizers: [], uid: 'other' })];
      expect(plan({ run: kept, pods: other, now: ENDED + 30_000 }).after).toMatchObject([{ kind: 'deletePod' }]);
    });
  });

  it('given a volume claim, then the Pod goes at once, but not while it works', () => {
    expect(plan({ pods: [observedPod({ ...stopped, claimed: true })] }).after).toMatchObject([{ kind: 'deletePod' }]);
    expect(plan({ pods: [observedPod({ ...stopped, phase: 'Running', claimed: true })] }).after).toEqual([]);
  });

  it('given a Pod whose agent has told its end before the kubelet, then it stays for the usual time, whatever the kubelet is at', () => {
    const early = { message: '{}', toldMs: ENDED };
    const pods = [{ ...observedPod({ phase: 'Running', finalizers: [] }), early }];
    expect(plan({ pods, now: ENDED + 60_000 }).after).toEqual([]);
    expect(plan({ pods, now: ENDED + 3_600_000 }).after).toMatchObject([{ kind: 'deletePod' }]);
  });

  it('given a Pod that is being deleted, then it is not deleted again', () => {
    expect(plan({ pods: [observedPod({ ...stopped, deletedAfter: 1_000 })], now: ENDED * 2 }).after).toEqual([]);
  });

  it('given a time to live, then the run goes after it, and not before', () => {
    const short = workflowRun({ status, spec: { ttlSecondsAfterFinished: 10 } });
    expect(plan({ run: short })).toMatchObject({ after: [], requeueAfterMs: 9_000 });
    expect(plan({ run: short, now: ENDED + 10_000 }).after).toEqual([
      { kind: 'deleteRun', namespace: 'team', name: 'core-lib-release', uid: 'uid-core-lib-release' },
    ]);
  });

  it('given no time to live, then the run stays', () => {
    expect(plan({ now: ENDED + 365 * 86_400_000 }).after).toEqual([]);
  });

  it('given children of a root, then they go after their time', () => {
    expect(plan({ children: [child('Succeeded')] })).toMatchObject({
      after: [],
      requeueAfterMs: settings.childrenTtlMs - 1_000,
    });
    const due = { children: [child('Succeeded')], now: ENDED + settings.childrenTtlMs };
    expect(plan(due).after).toEqual([{ kind: 'deleteChildren' }]);
    const short = workflowRun({ status, spec: { childrenTTL: '1m' } });
    expect(plan({ run: short, children: [child('Succeeded')], now: ENDED + 60_000 }).after).toHaveLength(1);
  });

  it('given a child that still runs, or a run that is no root, then no children are deleted', () => {
    const late = ENDED + settings.childrenTtlMs;
    expect(plan({ children: [child('Succeeded'), child('Running')], now: late }).after).toEqual([]);
    const inner = workflowRun({ status, parent: {} });
    expect(plan({ run: inner, children: [child('Succeeded')], now: late }).after).toEqual([]);
  });

  it('given several times, then the next one decides when to look again', () => {
    const short = workflowRun({ status, spec: { ttlSecondsAfterFinished: 7_200 } });
    expect(plan({ run: short, pods: [observedPod(stopped)] }).requeueAfterMs).toBe(settings.podRetentionMs - 1_000);
  });
});
