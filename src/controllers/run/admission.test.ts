import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createAdmission } from './admission.ts';

function harness() {
  const woken: string[] = [];
  const admission = createAdmission(key => woken.push(key));
  return { admission, woken, ask: (key: string, limit = 1) => admission.request({ key, group: 'g', limit }) };
}

describe('admission', () => {
  it('given a free place, when a run asks, then it has it, and keeps it when it asks again', () => {
    const { ask, admission } = harness();
    expect(ask('a')).toBe(true);
    expect(ask('a')).toBe(true);
    expect(admission.running('g')).toBe(1);
  });

  it('given no free place, when a holder ends, then the first in the queue is woken and gets it', () => {
    const { ask, admission, woken } = harness();
    ask('a');
    expect([ask('b'), ask('c'), ask('b')]).toEqual([false, false, false]);
    admission.release('a');
    expect(woken).toEqual(['b']);
    expect(ask('c')).toBe(false);
    expect(ask('b')).toBe(true);
  });

  it('given a woken run that gives up, when it leaves the queue, then the next one is woken', () => {
    const { ask, admission, woken } = harness();
    ask('a');
    ask('b');
    ask('c');
    admission.release('a');
    admission.release('b');
    expect(woken).toEqual(['b', 'c']);
    expect(ask('c')).toBe(true);
  });

  it('given a run in the middle of the queue that gives up, then nobody is woken for nothing', () => {
    const { ask, admission, woken } = harness();
    for (const key of ['a', 'b', 'c']) ask(key);
    admission.release('b');
    expect(woken).toEqual([]);
  });

  it('given runs with Pods after a restart, then they count before anybody asks, even beyond the limit', () => {
    const { ask, admission, woken } = harness();
    admission.hold({ key: 'a', group: 'g' });
    admission.hold({ key: 'b', group: 'g' });
    expect(ask('c')).toBe(false);
    expect(ask('a')).toBe(true);
    admission.release('a');
    expect(ask('c')).toBe(false);
    expect(woken).toEqual([]);
    admission.release('b');
    expect(woken).toEqual(['c']);
    expect(ask('c')).toBe(true);
  });

  it('given two fan-outs, then their limits do not touch each other', () => {
    const { admission } = harness();
    expect(admission.request({ key: 'a', group: 'one', limit: 1 })).toBe(true);
    expect(admission.request({ key: 'b', group: 'two', limit: 1 })).toBe(true);
  });

  it('given an unknown run, when it is released, then nothing happens', () => {
    const { admission, woken } = harness();
    admission.release('nobody');
    expect(woken).toEqual([]);
    expect(admission.running('g')).toBe(0);
  });

  it('given 20,000 runs in a queue, when each asks again, then that takes no time to speak of', () => {
    const { ask } = harness();
    const keys = Array.from({ length: 20_000 }, (_, index) => `run-${index}`);
    for (const key of keys) ask(key, 4);
    const start = performance.now();
    for (const key of keys) ask(key, 4);
    expect(performance.now() - start).toBeLessThan(1_000);
  });

  type Step = { kind: 'arrive' | 'leave' | 'reconcile'; run: number };
  const steps = fc.array(
    fc.record<Step>({
      kind: fc.constantFrom('arrive', 'leave', 'reconcile'),
      run: fc.nat({ max: 9 }),
    }),
    { maxLength: 80 },
  );

  it('property: never above the limit, first come first served, and a free place never stays with somebody waiting unwoken', () => {
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 4 }), (script, limit) => {
        const woken = new Set<string>();
        const admission = createAdmission(key => woken.add(key));
        const holders = new Set<string>();
        const waiting: string[] = [];
        const ask = (key: string) => {
          woken.delete(key);
          const admitted = admission.request({ key, group: 'g', limit });
          if (admitted && !holders.has(key)) {
            const position = waiting.indexOf(key);
            // Only those before it that could have a place as well may still wait.
            expect(position === -1 ? waiting.length : position).toBeLessThan(limit - holders.size);
            if (position !== -1) waiting.splice(position, 1);
            holders.add(key);
          } else if (!admitted && !waiting.includes(key)) waiting.push(key);
          expect(holders.size).toBeLessThanOrEqual(limit);
          expect(admission.running('g')).toBe(holders.size);
        };
        for (const { kind, run } of script) {
          const key = `run-${run}`;
          const known = holders.has(key) || waiting.includes(key);
          if (kind === 'arrive' || (kind === 'reconcile' && known)) ask(key);
          if (kind === 'leave') {
            admission.release(key);
            woken.delete(key);
            holders.delete(key);
            if (waiting.includes(key)) waiting.splice(waiting.indexOf(key), 1);
          }
          const entitled = waiting.slice(0, Math.max(0, limit - holders.size));
          for (const waiter of entitled) expect([...woken]).toContain(waiter);
        }
        // Whoever is woken asks: in the end nobody waits while there is room.
        while (woken.size > 0) for (const key of [...woken]) ask(key);
        expect(waiting.length === 0 || holders.size === limit).toBe(true);
      }),
    );
  });
});
