import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PHASES } from '../api/takorun-status.ts';
import {
  addSummaries,
  addTreeSummaries,
  childrenText,
  childState,
  finishedCount,
  summarise,
  treeSummary,
  unfinishedCount,
} from './summary.ts';
import { anyChild, sumOfStates } from './testing/arbitraries.ts';
import { buildWorkflowRun } from './testing/builders.ts';

describe('summarise', () => {
  it('given a child of each phase, then each is counted in its place', () => {
    expect(summarise([...PHASES, undefined].map(phase => ({ phase })))).toEqual({
      total: 9,
      completed: 1,
      failed: 1,
      timedOut: 1,
      canceled: 1,
      running: 2,
      pending: 3,
    });
  });

  it('given any children, then the six states sum to total, and so do finished and unfinished', () => {
    fc.assert(
      fc.property(fc.array(anyChild()), fc.nat({ max: 20 }), (children, expected) => {
        const summary = summarise(children, expected);
        expect(sumOfStates(summary)).toBe(summary.total);
        expect(summary.total).toBe(Math.max(children.length, expected));
        expect(finishedCount(summary) + unfinishedCount(summary)).toBe(summary.total);
      }),
    );
  });

  it('given fewer children than were created, then those that are missing count as canceled', () => {
    expect(summarise([{ phase: 'Succeeded' }], 3)).toMatchObject({ total: 3, completed: 1, canceled: 2 });
  });
});

describe('treeSummary', () => {
  it('given children with children, then all are counted, and the deepest says how deep it is', () => {
    const leaf = treeSummary([{ phase: 'Succeeded' }, { phase: 'Failed' }]);
    const middle = treeSummary([{ phase: 'Failed', treeSummary: leaf }, { phase: 'Running' }]);
    expect(middle).toEqual({
      total: 4,
      completed: 1,
      failed: 2,
      timedOut: 0,
      canceled: 0,
      running: 1,
      pending: 0,
      depth: 2,
    });
  });

  it('given no children, then there are no levels, and a child that disappeared makes one', () => {
    expect(treeSummary([])).toMatchObject({ total: 0, depth: 0 });
    expect(treeSummary([], 1)).toMatchObject({ total: 1, canceled: 1, depth: 1 });
  });

  it('given any trees, then the six states sum to total', () => {
    fc.assert(
      fc.property(fc.array(anyChild()), fc.nat({ max: 20 }), (children, expected) => {
        const summary = treeSummary(children, expected);
        expect(sumOfStates(summary)).toBe(summary.total);
      }),
    );
  });
});

describe('sums over the event runs of a workflow run', () => {
  it('given any event runs, then they are transparent: the sum is that of all their children together', () => {
    fc.assert(
      fc.property(fc.array(fc.array(anyChild(), { maxLength: 5 }), { maxLength: 4 }), eventRuns => {
        expect(addSummaries(...eventRuns.map(children => summarise(children)))).toEqual(summarise(eventRuns.flat()));
        expect(addTreeSummaries(...eventRuns.map(children => treeSummary(children)))).toEqual(
          treeSummary(eventRuns.flat()),
        );
      }),
    );
  });
});

describe('childrenText', () => {
  it('given children, then finished and all', () => {
    expect(childrenText(summarise([{ phase: 'Succeeded' }, { phase: 'Canceled' }, { phase: 'Running' }], 5))).toBe(
      '4/5',
    );
  });
});

describe('childState', () => {
  it('given a run that the operator has not seen, then what its spec says', () => {
    expect(childState(buildWorkflowRun())).toMatchObject({
      identity: { namespace: 'team', name: 'core-lib-release' },
      repository: 'core-lib',
      workflow: 'release',
      phase: undefined,
      attempts: undefined,
    });
  });

  it('given a run that ended, then what its status says', () => {
    const attempts = [1, 2].map(number => ({ number, podName: `p-${number}`, podUID: `${number}` }));
    const status = { repository: 'acme/core-lib', phase: 'Failed', runId: 'exec-1', message: 'm', attempts } as const;
    expect(childState(buildWorkflowRun({ status: structuredClone(status) }))).toMatchObject({
      repository: 'acme/core-lib',
      phase: 'Failed',
      runId: 'exec-1',
      message: 'm',
      attempts: 2,
    });
  });

  it('given an event run or a bare manifest, then nothing is made up', () => {
    expect(childState({ metadata: {}, spec: {} })).toMatchObject({
      identity: { namespace: '', name: '' },
      repository: '',
      workflow: '',
    });
  });
});
