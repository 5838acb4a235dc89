import { describe, expect, it } from 'vitest';
import { fanOutRunName } from './names.ts';
import { currentFanOuts, isAbandoned, isOfEarlierAttempt } from './step-fan-outs.ts';
import { buildEventRun } from './testing/builders.ts';

const run = { name: 'release', uid: 'uid-release' };
const fanOut = (step: string, generation: number) =>
  buildEventRun({ name: fanOutRunName(run, step, generation), parent: { step } });
const names = (...list: Parameters<typeof currentFanOuts>[1][number][]) =>
  currentFanOuts(run, list).map(({ metadata }) => metadata.name);

describe('the fan-outs of a run that count', () => {
  it('given one of each step, then all of them', () => {
    const all = [fanOut('a', 0), fanOut('b', 2)];
    expect(currentFanOuts(run, all)).toBe(all);
  });

  it('given several of a step, then the last one, whatever order they come in', () => {
    const [first, second, third] = [0, 1, 11].map(generation => fanOut('a', generation));
    const last = third!.metadata.name;
    expect(names(first!, third!, second!)).toEqual([last]);
    expect(names(third!, second!, first!, fanOut('b', 0))).toEqual([last, fanOut('b', 0).metadata.name]);
  });

  it('given others of a name that nobody knows, then the one that is known counts', () => {
    const stray = buildEventRun({ name: 'stray', parent: { step: 'a' } });
    expect(names(stray, fanOut('a', 0))).toEqual([fanOut('a', 0).metadata.name]);
    expect(names(stray, { ...stray })).toEqual(['stray']);
  });
});

describe('a fan-out of an earlier attempt', () => {
  const made = buildEventRun();
  const canceled = buildEventRun({ spec: { cancel: true } });

  it('given that it was made before the attempt started, then it is one, and abandoned when it was canceled', () => {
    expect(isOfEarlierAttempt(made, '2026-01-01T00:00:01Z')).toBe(true);
    expect(isOfEarlierAttempt(made, '2026-01-01T00:00:00Z')).toBe(false);
    expect(isAbandoned(made, '2026-01-01T00:00:01Z')).toBe(false);
    expect(isAbandoned(canceled, '2026-01-01T00:00:01Z')).toBe(true);
    expect(isAbandoned(canceled, '2026-01-01T00:00:00Z')).toBe(false);
  });

  it('given that nobody knows when either began, then it is none', () => {
    expect(isOfEarlierAttempt(made, undefined)).toBe(false);
    expect(isOfEarlierAttempt({ ...made, metadata: {} }, '2026-01-01T00:00:01Z')).toBe(false);
  });
});
