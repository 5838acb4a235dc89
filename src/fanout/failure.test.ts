import { describe, expect, it } from 'vitest';
import type { Phase, StepStatus, TakoRunStatus } from '../api/takorun-status.ts';
import { failedBelow, stepsEndedWell } from './failure.ts';

const statusOf = (phase: Phase, reason: string, steps: StepStatus['phase'][] = []): TakoRunStatus => ({
  phase,
  conditions: [
    { type: 'Ready', status: 'False', reason, message: '', lastTransitionTime: '2026-01-01T00:00:00Z' } as const,
  ],
  steps: steps.map((step, index) => ({ id: `step-${index}`, phase: step })),
});

describe('a run that failed because of what is below it', () => {
  it.each([
    ['Failed', 'ChildrenFailed', ['Succeeded'], true],
    ['Failed', 'ChildrenFailed', ['Failed'], true],
    ['Failed', 'FanOutTimedOut', ['Succeeded'], true],
    ['TimedOut', 'DeadlineExceeded', ['Succeeded', 'Skipped'], true],
    ['TimedOut', 'DeadlineExceeded', ['Succeeded', 'TimedOut'], false],
    ['TimedOut', 'DeadlineExceeded', [], false],
    ['Failed', 'FanOutFailed', ['Succeeded'], false],
    ['Failed', 'StepFailed', ['Failed'], false],
    ['Canceled', 'Canceled', ['Succeeded'], false],
    ['Succeeded', 'Succeeded', ['Succeeded'], false],
  ] as const)('given %s, %s with steps %s, then %s', (phase, reason, steps, expected) => {
    expect(failedBelow({ status: statusOf(phase, reason, [...steps]) })).toBe(expected);
  });

  it('given a run without a status, then no', () => {
    expect(failedBelow({ status: undefined })).toBe(false);
  });

  it('given steps that are not all listed, then nobody knows how they ended', () => {
    expect(stepsEndedWell({ ...statusOf('Failed', 'x', ['Succeeded']), stepsOmitted: 1 })).toBe(false);
  });
});
