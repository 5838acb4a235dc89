import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSetbacks } from './setbacks.ts';

const times = { retryMs: 600, trialMs: 100 };

describe('setbacks', () => {
  it('given none, then nobody goes without', () => {
    expect(createSetbacks(times).isHeld('team', 0)).toBe(false);
  });

  it('given one, then the namespace goes without until its time is over, and others do not', () => {
    const setbacks = createSetbacks(times);
    setbacks.add('team', 0);
    expect([0, 599].map(now => setbacks.isHeld('team', now))).toEqual([true, true]);
    expect(setbacks.isHeld('other', 0)).toBe(false);
  });

  it('given its time is over, then one tries it, and the others wait for what becomes of that', () => {
    const setbacks = createSetbacks(times);
    setbacks.add('team', 0);
    expect([600, 601, 699].map(now => setbacks.isHeld('team', now))).toEqual([false, true, true]);
    expect([700, 700].map(now => setbacks.isHeld('team', now))).toEqual([false, false]);
  });

  it('given the try fails too, then it all begins again', () => {
    const setbacks = createSetbacks(times);
    setbacks.add('team', 0);
    expect(setbacks.isHeld('team', 600)).toBe(false);
    setbacks.add('team', 650);
    expect([1_249, 1_250, 1_251].map(now => setbacks.isHeld('team', now))).toEqual([true, false, true]);
  });

  it('given that it works again, then nobody goes without', () => {
    const setbacks = createSetbacks(times);
    setbacks.add('team', 0);
    setbacks.clear('team');
    expect(setbacks.isHeld('team', 1)).toBe(false);
  });

  it('property: whoever is let through and fails is the first one after the time of the last setback', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 300 }), { maxLength: 200 }), waits => {
        const setbacks = createSetbacks(times);
        let now = 0;
        let last = 0;
        setbacks.add('team', now);
        for (const wait of waits) {
          now += wait;
          const isLetThrough = !setbacks.isHeld('team', now);
          expect(isLetThrough).toBe(now - last >= times.retryMs);
          if (!isLetThrough) continue;
          setbacks.add('team', now);
          last = now;
        }
      }),
    );
  });
});
