import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { conditionsSchema } from '../../api/common.ts';
import { PHASES, type Phase } from '../../api/takorun-status.ts';
import { runConditions } from './conditions.ts';

const NOW = '2026-01-01T00:00:10Z';
const BEFORE = '2026-01-01T00:00:00Z';

function statuses(phase: Phase): string {
  const conditions = runConditions({ phase, reason: 'Word', message: 'text' }, undefined, 3, NOW);
  return conditions.map(({ type, status }) => `${type}=${status}`).join(' ');
}

describe('conditions of a run', () => {
  it.each<[Phase, string]>([
    ['Pending', 'Ready=Unknown Reconciling=True Stalled=False'],
    ['Queued', 'Ready=Unknown Reconciling=True Stalled=False'],
    ['Running', 'Ready=Unknown Reconciling=True Stalled=False'],
    ['Waiting', 'Ready=Unknown Reconciling=True Stalled=False'],
    ['Succeeded', 'Ready=True Reconciling=False Stalled=False'],
    ['Failed', 'Ready=False Reconciling=False Stalled=True'],
    ['TimedOut', 'Ready=False Reconciling=False Stalled=True'],
    ['Canceled', 'Ready=False Reconciling=False Stalled=True'],
  ])('given phase %s, then they are %s', (phase, expected) => {
    expect(statuses(phase)).toBe(expected);
  });

  it('given a status that stays, then its time stays, and reason, message and generation are new', () => {
    const first = runConditions({ phase: 'Pending', reason: 'A', message: 'one' }, undefined, 1, BEFORE);
    const second = runConditions({ phase: 'Running', reason: 'B', message: 'two' }, first, 2, NOW);
    expect(second[0]).toEqual({
      type: 'Ready',
      status: 'Unknown',
      observedGeneration: 2,
      lastTransitionTime: BEFORE,
      reason: 'B',
      message: 'two',
    });
  });

  it('given a status that changes, then its time is now', () => {
    const first = runConditions({ phase: 'Running', reason: 'A', message: '' }, undefined, 1, BEFORE);
    const second = runConditions({ phase: 'Succeeded', reason: 'B', message: '' }, first, 1, NOW);
    expect(second.map(({ lastTransitionTime }) => lastTransitionTime)).toEqual([NOW, NOW, BEFORE]);
  });

  it('given a message of any length, then the conditions are what the API server takes', () => {
    const message = 'x\u{1F600}'.repeat(20_000);
    const conditions = runConditions({ phase: 'Failed', reason: 'ImagePullBackOff', message }, undefined, 1, NOW);
    expect(conditionsSchema.parse(conditions)).toEqual(conditions);
    expect(conditions[0]?.message.isWellFormed()).toBe(true);
  });

  it('given a warning, then it has a condition of its own, which stays with the run and is told anew only in its message', () => {
    const running = { phase: 'Waiting', reason: 'A', message: '' } as const;
    const warned = runConditions(running, undefined, 1, BEFORE, [{ type: 'DeepTree', message: 'level 7' }]);
    expect(warned.at(-1)).toEqual({
      type: 'DeepTree',
      status: 'True',
      observedGeneration: 1,
      lastTransitionTime: BEFORE,
      reason: 'DeepTree',
      message: 'level 7',
    });
    const ended = runConditions({ phase: 'Succeeded', reason: 'B', message: '' }, warned, 1, NOW);
    expect(ended.map(({ type }) => type)).toEqual(['Ready', 'Reconciling', 'Stalled', 'DeepTree']);
    expect(ended.at(-1)).toEqual(warned.at(-1));
    const again = runConditions(running, ended, 2, NOW, [{ type: 'DeepTree', message: 'level 8' }]);
    expect(again.filter(({ type }) => type === 'DeepTree')).toMatchObject([
      { message: 'level 8', lastTransitionTime: BEFORE },
    ]);
  });

  it('property: kstatus never sees two states at once', () => {
    fc.assert(
      fc.property(fc.constantFrom(...PHASES), fc.constantFrom(...PHASES), (one, other) => {
        const first = runConditions({ phase: one, reason: 'A', message: '' }, undefined, 1, BEFORE);
        const second = runConditions({ phase: other, reason: 'A', message: '' }, first, 1, NOW);
        const by = new Map(second.map(({ type, status }) => [type, status]));
        const states = [by.get('Ready') === 'True', by.get('Reconciling') === 'True', by.get('Stalled') === 'True'];
        expect(states.filter(Boolean)).toHaveLength(1);
        expect(second).toEqual(runConditions({ phase: other, reason: 'A', message: '' }, second, 1, 'later'));
      }),
    );
  });
});
