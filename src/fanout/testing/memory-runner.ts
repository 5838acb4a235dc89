import { isTerminal, type TakoRunStatus } from '../../api/takorun-status.ts';
import type { ObjectIdentity, ObjectName, RunManifest } from '../objects.ts';
import { isChildOf } from '../parentage.ts';
import { RunConflictError, type WorkflowRunner } from '../runner.ts';
import { isShared } from '../shared.ts';
import { childState } from '../summary.ts';

/** A run that exists in memory only. */
interface MemoryRun {
  readonly identity: ObjectIdentity;
  readonly manifest: RunManifest;
  readonly status: TakoRunStatus;
  readonly cancelRequested: boolean;
  /** Who waits for it besides its parent. */
  readonly waiters: readonly ObjectIdentity[];
}

/** A `WorkflowRunner` for tests, with what a test needs to play the cluster's part. */
export interface MemoryRunner extends WorkflowRunner {
  /** In the order of their start. */
  runs(): MemoryRun[];
  get(run: ObjectName): MemoryRun | undefined;
  /** Merges into the status of a run, as its controller would write it. Throws for an unknown run. */
  report(run: ObjectName, status: TakoRunStatus): void;
  /** Takes a run away, as `kubectl delete` would. */
  delete(run: ObjectName): void;
}

export function createMemoryRunner(): MemoryRunner {
  const runs = new Map<string, MemoryRun>();
  let started = 0;

  const keyOf = ({ namespace, name }: ObjectName): string => `${namespace}/${name}`;
  const liveOf = ({ identity, manifest, status }: MemoryRun) => ({
    metadata: { ...manifest.metadata, uid: identity.uid },
    spec: manifest.spec,
    status,
  });

  return {
    start: async (manifest, { signal } = {}) => {
      signal?.throwIfAborted();
      const { namespace, name } = manifest.metadata;
      const found = runs.get(keyOf(manifest.metadata));
      if (found !== undefined) {
        const parent = manifest.spec.parent?.run;
        const shared = parent === undefined || !isChildOf(liveOf(found), parent);
        if (shared && !isShared(found.manifest, manifest)) throw new RunConflictError(manifest.metadata);
        return { identity: found.identity, created: false, shared };
      }
      started += 1;
      const identity = { namespace, name, uid: `memory-${started}` };
      runs.set(keyOf(identity), {
        identity,
        manifest: structuredClone(manifest),
        status: {},
        cancelRequested: false,
        waiters: [],
      });
      return { identity, created: true, shared: false };
    },
    share: async (run, waiter, { signal } = {}) => {
      signal?.throwIfAborted();
      const found = runs.get(keyOf(run));
      if (found?.identity.uid !== run.uid) return false;
      const others = found.waiters.filter(({ uid }) => uid !== waiter.uid);
      runs.set(keyOf(run), { ...found, waiters: [...others, waiter] });
      return true;
    },
    observe: async (run, { signal } = {}) => {
      signal?.throwIfAborted();
      const found = runs.get(keyOf(run));
      return found && childState(liveOf(found));
    },
    cancel: async (run, { signal } = {}) => {
      signal?.throwIfAborted();
      const found = runs.get(keyOf(run));
      if (found === undefined || isTerminal(found.status.phase)) return;
      runs.set(keyOf(run), { ...found, cancelRequested: true });
    },
    runs: () => [...runs.values()],
    get: run => runs.get(keyOf(run)),
    report: (run, status) => {
      const found = runs.get(keyOf(run));
      if (found === undefined) throw new Error(`no run ${keyOf(run)}`);
      runs.set(keyOf(run), { ...found, status: { ...found.status, ...status } });
    },
    delete: run => {
      runs.delete(keyOf(run));
    },
  };
}
