import type { ObjectIdentity, ObjectName, RunManifest, RunObject } from '../fanout/objects.ts';
import type { ConfigMap } from '../kube/objects.ts';

/** A TakoRun from the API server. */
export type LiveRun = RunObject & { readonly metadata: ObjectIdentity };

/** A run and what the gateway has to know of its repository. */
export interface RunContext {
  readonly run: LiveRun;
  readonly repository: {
    /** owner/repo: the source of the run's events. */
    readonly slug: string;
    /** Names of the artifacts that it may emit events for; holds `default` when its file declares none. */
    readonly artifacts: readonly string[];
  };
  /** When the run ends at the latest, milliseconds since the epoch. */
  readonly deadlineMs?: number | undefined;
}

/**
 * The cluster as the gateway uses it. Errors are the client's (`ApiError`) and become answers by their class; an aborted signal throws its
 * reason.
 */
export interface GatewayRuns {
  /** The run that has this Pod among `status.attempts`, from the store: no call to the API server. */
  findByPodUid(podUid: string): RunContext | undefined;
  /** As it is now, not from the store; undefined when there is none. */
  get(run: ObjectName, signal: AbortSignal): Promise<LiveRun | undefined>;
  /** Creates a run; undefined when the name is taken. */
  create(run: RunManifest, signal: AbortSignal): Promise<LiveRun | undefined>;
  /** Cancels a run, when it is there and has not ended. */
  cancel(run: ObjectName, signal: AbortSignal): Promise<void>;
  /** Tells a finished run below a retried one to take the retry up; `deadline` is RFC 3339. Undefined when it is gone. */
  retry(
    run: ObjectName,
    order: { readonly requestedAt: string; readonly deadline: string },
    signal: AbortSignal,
  ): Promise<LiveRun | undefined>;
  /**
   * Waits until the run is as asked for, by the store. Resolves with it, with undefined when there is none, and with how it stands when the
   * signal is aborted, which is no error here.
   */
  waitForRun(
    run: ObjectName,
    condition: (run: LiveRun | undefined) => boolean,
    signal: AbortSignal,
  ): Promise<LiveRun | undefined>;
  /** Undefined when there is none. */
  getConfigMap(configMap: ObjectName, signal: AbortSignal): Promise<ConfigMap | undefined>;
  /** False when the name is taken. */
  createConfigMap(configMap: ConfigMap, signal: AbortSignal): Promise<boolean>;
}
