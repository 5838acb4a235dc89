import { type BudgetResult, checkBudget } from '../../fanout/budget.ts';
import { rootOf } from '../../fanout/lineage.ts';
import type { ObjectName } from '../../fanout/objects.ts';
import { keyOf } from '../../kube/objects.ts';
import type { ReadonlyStore } from '../../kube/store.ts';
import { RUN_INDEXES } from './indexes.ts';
import type { LiveRun } from './observed.ts';

/**
 * Keeps trees within their budget. How many runs a tree has the store's index says at once; what is on its way there, because an event
 * is being expanded now, is remembered here, so that events that go out at the same moment do not each take the same room. Nothing of it
 * has to outlive the process: after a restart the store is filled before anything is decided.
 */
export interface TreeBudget {
  /**
   * Whether an event may have these children. If so their room is taken until the store shows them, or `release`. Children that exist
   * already, of a try that was cut off, count once.
   */
  take(event: LiveRun, children: readonly ObjectName[]): BudgetResult;
  /** As `take`, for a plan that is not carried out. */
  check(event: LiveRun, children: readonly ObjectName[]): BudgetResult;
  /** The event is expanded, has ended or is gone: what the store does not show by now is no run. */
  release(eventKey: string): void;
}

export function createTreeBudget(runs: ReadonlyStore<LiveRun>, budget: number): TreeBudget {
  /** By the UID of the root, then by the key of the event: keys of children that the store does not show yet. */
  const pending = new Map<string, Map<string, Set<string>>>();
  const rootsOf = new Map<string, string>();

  const missing = (keys: Iterable<string>): Set<string> =>
    new Set([...keys].filter(key => runs.get(key) === undefined));

  /** Runs that other events of the tree are creating. */
  function underWay(rootUid: string, eventKey: string): number {
    let count = 0;
    for (const [key, children] of pending.get(rootUid) ?? []) {
      if (key === eventKey) continue;
      for (const child of children) if (runs.get(child) !== undefined) children.delete(child);
      count += children.size;
    }
    return count;
  }

  function check(event: LiveRun, children: readonly ObjectName[]): { result: BudgetResult; added: Set<string> } {
    const root = rootOf(event);
    const added = missing(children.map(keyOf));
    const existing = runs.countByIndex(RUN_INDEXES.tree, root.uid) + underWay(root.uid, keyOf(event.metadata));
    return { result: checkBudget({ root, existing, added: added.size, budget }), added };
  }

  return {
    check: (event, children) => check(event, children).result,
    take(event, children) {
      const { result, added } = check(event, children);
      if (!result.ok || added.size === 0) return result;
      const { uid } = rootOf(event);
      const key = keyOf(event.metadata);
      const events = pending.get(uid) ?? new Map<string, Set<string>>();
      pending.set(uid, events.set(key, added));
      rootsOf.set(key, uid);
      return result;
    },
    release(eventKey) {
      const rootUid = rootsOf.get(eventKey);
      if (rootUid === undefined) return;
      rootsOf.delete(eventKey);
      const events = pending.get(rootUid);
      events?.delete(eventKey);
      if (events?.size === 0) pending.delete(rootUid);
    },
  };
}
