import type { ObjectIdentity, ObjectName, RunManifest } from './objects.ts';
import type { ChildState } from './summary.ts';

interface RunnerOptions {
  readonly signal?: AbortSignal | undefined;
}

interface StartedRun {
  readonly identity: ObjectIdentity;
  /** False when the run existed already. */
  readonly created: boolean;
  /** Another event of the tree has started it (`isShared`). */
  readonly shared: boolean;
}

/**
 * Starts the runs that fan-out decides on. Production creates TakoRuns, tests use one in memory; `testing/runner.conformance.ts` says by
 * tests what both have to do.
 *
 * All three may be called again at any time, by another process too: an operator that was killed in the middle does not know what it did.
 */
export interface WorkflowRunner {
  /**
   * Starts a run. One of that name that has the same parent is adopted as it is, and so is, with `dedupe: Tree`, one of the same tree; a name
   * that is somebody else's is a `RunConflictError`.
   */
  start(run: RunManifest, options?: RunnerOptions): Promise<StartedRun>;
  /**
   * Notes with a run that this one waits for it although another one has started it: from then on the cluster tells its changes to both.
   * False when it is gone.
   */
  share(run: ObjectIdentity, waiter: ObjectIdentity, options?: RunnerOptions): Promise<boolean>;
  /** How a run stands; undefined when there is none of that name. */
  observe(run: ObjectName, options?: RunnerOptions): Promise<ChildState | undefined>;
  /** Asks a run to end. It ends as Canceled some time later; one that ended, or is not there, is left alone. */
  cancel(run: ObjectName, options?: RunnerOptions): Promise<void>;
}

/** The name of a run is taken by one that has another parent. Only a person can solve that. */
export class RunConflictError extends Error {
  override readonly name = 'RunConflictError';

  constructor(run: ObjectName, options?: ErrorOptions) {
    super(
      `TakoRun ${run.namespace}/${run.name} exists and was not started by this run: delete it if nobody needs it`,
      options,
    );
  }
}
