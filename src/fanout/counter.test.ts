import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSummaryCounter } from './counter.ts';
import { type Counted, summarise, treeSummary } from './summary.ts';
import { anyChild } from './testing/arbitraries.ts';

describe('summary counter', () => {
  it('given any history of children, then it equals a fresh summary at every moment', () => {
    const change = fc.record({ child: fc.nat({ max: 5 }), next: fc.option(anyChild(), { nil: undefined }) });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 40 }), fc.nat({ max: 8 }), (history, expected) => {
        const counter = createSummaryCounter();
        const children = new Map<number, Counted>();
        for (const { child, next } of history) {
          counter.transition(children.get(child), next);
          if (next === undefined) children.delete(child);
          else children.set(child, next);
          expect(counter.children(expected)).toEqual(summarise(children.values(), expected));
          expect(counter.tree(expected)).toEqual(treeSummary(children.values(), expected));
        }
      }),
    );
  });

  it('given children that are there already, then it starts with them', () => {
    const counter = createSummaryCounter([{ phase: 'Running' }, { phase: 'Succeeded' }]);
    expect(counter.children()).toMatchObject({ total: 2, running: 1, completed: 1 });
    expect(counter.tree()).toMatchObject({ total: 2, depth: 1 });
  });

  it('given what it told once, then later changes do not reach into it', () => {
    const counter = createSummaryCounter([{ phase: 'Running' }]);
    const before = counter.children();
    counter.transition({ phase: 'Running' }, { phase: 'Succeeded' });
    expect(before).toMatchObject({ running: 1, completed: 0 });
  });
});
