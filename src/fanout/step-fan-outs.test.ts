import { describe, expect, it } from 'vitest';
import { LABELS } from '../api/meta.ts';
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
  const madeBy = (attempt: string | undefined, cancel: boolean) => {
    const run = buildEventRun({ spec: { cancel } });
    return attempt === undefined
      ? run
      : { ...run, metadata: { ...run.metadata, labels: { [LABELS.attempt]: attempt } } };
  };

  it('given the attempt that made it, then it is one for later attempts only, and abandoned when it was canceled', () => {
    expect(isOfEarlierAttempt(madeBy('2', false), 3)).toBe(true);
    expect(isOfEarlierAttempt(madeBy('2', false), 2)).toBe(false);
    expect(isAbandoned(madeBy('2', false), 3)).toBe(false);
    expect(isAbandoned(madeBy('2', true), 3)).toBe(true);
    expect(isAbandoned(madeBy('2', true), 2)).toBe(false);
  });

  it('given that it does not say, then it is of the first attempt', () => {
    expect(isOfEarlierAttempt(madeBy(undefined, false), 1)).toBe(false);
    expect(isOfEarlierAttempt(madeBy(undefined, false), 2)).toBe(true);
  });
});
