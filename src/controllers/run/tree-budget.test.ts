import { describe, expect, it } from 'vitest';
import { createStore } from '../../kube/store.ts';
import { inTree, RUN_INDEXES } from './indexes.ts';
import type { LiveRun } from './observed.ts';
import { eventRun, workflowRun } from './testing/builders.ts';
import { createTreeBudget } from './tree-budget.ts';

const root = { namespace: 'team', name: 'root', uid: 'uid-root' };

function harness(limit = 10) {
  const runs = createStore<LiveRun>({ indexes: { [RUN_INDEXES.tree]: inTree } });
  const budget = createTreeBudget(runs, limit);
  const event = (name: string) => eventRun({ name, parent: { root, step: 'emit' } });
  const names = (prefix: string, count: number) =>
    Array.from({ length: count }, (_, index) => ({ namespace: 'team', name: `${prefix}-${index}` }));
  const create = (list: readonly { name: string }[]) => {
    for (const { name } of list) runs.set(workflowRun({ name, parent: { root } }));
  };
  return { runs, budget, event, names, create };
}

describe('the budget of a tree, kept', () => {
  it('given two events of a tree at once, then they do not both take the same room', () => {
    const { budget, event, names } = harness();
    expect(budget.take(event('one'), names('a', 6))).toMatchObject({ ok: true });
    expect(budget.take(event('two'), names('b', 5))).toMatchObject({
      ok: false,
      message: expect.stringContaining('has 6 runs, and this event would add 5'),
    });
    expect(budget.take(event('two'), names('b', 4))).toMatchObject({ ok: true });
  });

  it('given children that the store shows by now, then none is counted twice', () => {
    const { budget, event, names, create } = harness();
    budget.take(event('one'), names('a', 6));
    create(names('a', 3));
    expect(budget.check(event('two'), names('b', 4)).ok).toBe(true);
    create(names('a', 6));
    expect(budget.check(event('two'), names('b', 4)).ok).toBe(true);
    expect(budget.check(event('two'), names('b', 5)).ok).toBe(false);
  });

  it('given a try that was cut off, then the children that exist already need no more room', () => {
    const { budget, event, names, create } = harness();
    create(names('a', 4));
    expect(budget.take(event('one'), names('a', 10)).ok).toBe(true);
    expect(budget.take(event('one'), names('a', 10)).ok).toBe(true);
    expect(budget.take(event('one'), names('a', 11)).ok).toBe(false);
  });

  it('given an event that is let go, then what it did not create has its room back', () => {
    const { budget, event, names } = harness();
    budget.take(event('one'), names('a', 10));
    expect(budget.check(event('two'), names('b', 1)).ok).toBe(false);
    budget.release('team/one');
    budget.release('team/one');
    expect(budget.check(event('two'), names('b', 10)).ok).toBe(true);
  });

  it('given a plan that is only looked at, then it takes no room', () => {
    const { budget, event, names } = harness();
    budget.check(event('one'), names('a', 10));
    expect(budget.check(event('two'), names('b', 10)).ok).toBe(true);
  });

  it('given another tree, or the events of this one, then they do not count', () => {
    const { runs, budget, event, names } = harness();
    budget.take(eventRun({ name: 'other-root' }), names('a', 10));
    for (const { name } of names('event', 5)) runs.set(event(name));
    runs.set(workflowRun({ name: 'root' }));
    expect(budget.check(event('one'), names('b', 10)).ok).toBe(true);
  });
});
