import { describe, expect, it } from 'vitest';
import type { FanOutStep, RunStep, StepBase } from '../workflow/types.ts';
import { releasesPod } from './last-position.ts';

const base: Omit<StepBase, 'index' | 'id' | 'name'> = {
  env: {},
  longRunning: false,
  network: 'none',
  capabilities: [],
  securityProfile: 'default',
  volumes: [],
  produces: { artifacts: [], outputs: {}, events: [] },
  onFailure: [],
};

function runStep(index: number, changes: Partial<RunStep> = {}): RunStep {
  return { ...base, kind: 'run', run: 'true', index, id: `step-${index}`, name: `step-${index}`, ...changes };
}
function fanOutStep(index: number, waitForChildren = true, changes: Partial<FanOutStep> = {}): FanOutStep {
  const { run: _, ...step } = runStep(index);
  const options = { eventType: 'library_built', waitForChildren, payload: {}, idempotent: false };
  return { ...step, kind: 'uses', uses: 'tako/fan-out@v1', with: options, ...changes };
}

describe('releasesPod', () => {
  it('given a waiting fan-out in last position, then the Pod may go', () => {
    expect(releasesPod([runStep(0), fanOutStep(1)], 1)).toBe(true);
  });

  it.each([
    ['one that does not wait', [fanOutStep(0, false)], 0],
    ['a step behind it', [fanOutStep(0), runStep(1)], 0],
    ['a step behind it that may be skipped', [fanOutStep(0), runStep(1, { if: 'false' })], 0],
    ['scripts for its failure', [fanOutStep(0, true, { onFailure: [{ id: 'f', name: 'f', run: 'x', env: {} }] })], 0],
    ['a long-running step beside it', [runStep(0, { longRunning: true }), fanOutStep(1)], 1],
    ['a step that is no fan-out', [runStep(0)], 0],
    ['no such step', [fanOutStep(0)], 1],
  ])('given %s, then the Pod stays', (_what, steps, index) => {
    expect(releasesPod(steps, index)).toBe(false);
  });
});
