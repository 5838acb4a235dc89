import type { ErrorType, StepStatus } from '../api/takorun-status.ts';
import type { TreeLimits } from '../git/inspect-tree.ts';
import type { TagDescription } from '../git/tags.ts';
import type { CacheUse, Grant, Publication, Renewal, Waiting, Want } from '../locks/types.ts';
import type { JsonValue, Workflow } from '../workflow/types.ts';

/**
 * What the operator and the agent in a run's Pod say to each other. Types and constants only: the agent loads this file, and it
 * is held to 80 MiB of memory.
 *
 * Three ways: the `Assignment` (operator to agent, an environment variable of the Pod), the gateway's HTTP API (agent to
 * operator) and the `AgentResult` (agent to operator, the termination message of its container).
 */

/** Version of this contract. An operator serves agents of its own version and of the one before. */
export const PROTOCOL_VERSION = 1;
/** Header in which an agent names its version of the contract. */
export const PROTOCOL_HEADER = 'tako-protocol';

/** Environment variable of the agent's container that holds the `Assignment` as JSON. */
export const ASSIGNMENT_VARIABLE = 'TAKO_ASSIGNMENT';

/** Name of the agent's container. Step containers are named by their plan, `step-0` and so on. */
export const AGENT_CONTAINER = 'agent';

/** Paths inside the containers of a run's Pod. */
export const PATHS = {
  /** The workspace, in every container. */
  workspace: '/workspace',
  /** In the agent: one directory per step container below it. In a step container: its own, read-only. */
  io: '/tako/io',
  /** Agent only: the projected token for the gateway, file `token`. */
  token: '/tako/token/token',
  /** Agent only: the Git credentials Secret, one file a key. */
  gitCredentials: '/tako/git-credentials',
  /** Agent only: values of the secrets that steps use, one file a name, for masking. */
  secrets: '/tako/secrets',
  /** Agent only: a small volume for its own Git directory. */
  state: '/tako/state',
  /** Agent only: the cache of the namespace, when it has one (`Assignment.cache`). */
  cache: '/tako/cache',
  /** Agent only: where the kubelet reads the result (terminationMessagePath). */
  terminationLog: '/dev/termination-log',
} as const;

/** User and group IDs of a run's Pod. All are in the group `shared` (the Pod's fsGroup). */
export const IDS = { agent: 65_532, step: 1_000, shared: 2_000 } as const;

/** Environment variable of a step container that holds the secret `name`; the script's prelude renames it. */
export function secretVariable(name: string): string {
  return `TAKO_SECRET_${name}`;
}

/**
 * Longest `definition`, bytes of JSON. All of an assignment is one variable, which Linux limits to 128 KiB (MAX_ARG_STRLEN, execve(2)), and
 * payload and inputs may take 80 of them.
 */
export const MAX_DEFINITION_BYTES = 32 * 1024;

/** A step container as the agent knows it. */
export interface AssignedContainer {
  /** Name of the container and of its directory below `PATHS.io`. */
  readonly name: string;
  /** Indices of the steps whose scripts run in it, `on_failure` scripts among them. */
  readonly steps: readonly number[];
}

/** What Git says about a checked-out commit. */
export type CheckoutFacts = Pick<TagDescription, 'tag' | 'describe'>;

/** Bounds of the cache of a namespace, as its operator has set them. */
export interface CacheSettings {
  /** Size of all entries together, bytes. Above it, entries that were not used for long are removed. */
  readonly maxBytes: number;
  /** An entry that was not used for so long is removed, seconds. */
  readonly maxAgeSeconds: number;
  /** How long a lock stays with a holder that has fallen silent, seconds: from 60 to 7,200. */
  readonly seconds: number;
}

/** What an agent is to do. Holds no secret: it can be read by whoever can read the Pod. */
export interface Assignment {
  readonly protocol: typeof PROTOCOL_VERSION;
  readonly run: {
    readonly namespace: string;
    readonly name: string;
    readonly uid: string;
    readonly runId: string;
    /** Which of the run's Pods this is, from 1. */
    readonly attempt: number;
  };
  readonly repository: {
    readonly url: string;
    /** owner/repo */
    readonly slug: string;
    /** The workflow file, such as `tako.yml`. */
    readonly path: string;
    /** Full name of the commit the run is pinned to. */
    readonly commit: string;
    /** SHA-256 of the workflow file at that commit, hexadecimal. */
    readonly configDigest: string;
    /** Whether `PATHS.gitCredentials` is mounted. */
    readonly credentials: boolean;
    /** What the operator knows of the commit's tags. It spares the agent a call to the Git server; absent, it asks for them. */
    readonly facts?: CheckoutFacts;
  };
  /** How to use the cache volume; present when it is mounted at `PATHS.cache`. */
  readonly cache?: CacheSettings;
  /** The workflow's name. */
  readonly workflow: string;
  /**
   * The workflow as the operator has read it at that commit. It spares the agent the parser, which is half of its start and 8 MiB. Absent
   * when it has more than `MAX_DEFINITION_BYTES`: then the agent reads the file, and holds it against `configDigest`.
   */
  readonly definition?: Workflow;
  /** Converted and checked against the workflow's inputs. */
  readonly inputs: Readonly<Record<string, string | number | boolean>>;
  /** The event that started the run, for templates; absent when none did. */
  readonly trigger?: {
    readonly type: string;
    readonly source: string;
    readonly schemaVersion?: string;
    readonly payload?: JsonValue;
  };
  readonly containers: readonly AssignedContainer[];
  /** Secrets that steps use, by the name in tako.yml. */
  readonly secrets: readonly string[];
  /** RFC 3339; the agent ends the run as timed out then. */
  readonly deadline: string;
  /** Longest wait for one step container's start, milliseconds. The operator watches for the cause meanwhile. */
  readonly startTimeoutMs: number;
  /** Longest time for the checkout, milliseconds. */
  readonly gitTimeoutMs: number;
  /** What the commit may contain, where it is not what `DEFAULT_TREE_LIMITS` of src/git says. */
  readonly checkout?: Partial<TreeLimits>;
  readonly gateway: {
    /** https://host:port */
    readonly url: string;
    /** PEM of the one authority that is trusted. */
    readonly ca: string;
  };
  /**
   * How long the step containers stay, for people, after a run that has failed or timed out, seconds. Absent: they end with the run.
   */
  readonly retainSeconds?: number;
  /** Number of bytes that the termination message may have: min(4,096, 12 KiB / containers), with room for injected containers. */
  readonly resultBytes: number;
}

/** How the agent ended. Ways to fail are told apart by `errorType`, as in TakoRun's status. */
export interface AgentResult {
  readonly protocol: typeof PROTOCOL_VERSION;
  readonly state: 'succeeded' | 'failed';
  /** When failed. */
  readonly errorType?: ErrorType;
  /** CamelCase word for the condition, such as StepFailed, CheckoutFailed, StepContainerDied, ResultsUndelivered. */
  readonly reason?: string;
  /** For people, at most 1,024 characters, masked. */
  readonly message?: string;
  /** The last lines that the step wrote which failed, or was stopped: at most 1,000 characters, masked, without control characters. */
  readonly output?: string;
  readonly steps: readonly StepStatus[];
  /** `<step>.<name>` to value, masked. */
  readonly outputs?: Readonly<Record<string, string>>;
  /** Fan-outs that the run still has to wait for: ids of the steps whose child runs the gateway created. */
  readonly waitFor?: readonly string[];
  /** Where steps and outputs are when they do not fit into the message; then they are absent here. */
  readonly ref?: { readonly name: string; readonly digest: string };
  /** The step containers stay for so long, and this is the one to look into; absent when they end. */
  readonly held?: { readonly container: string; readonly seconds: number };
  /** Highest resident size of the agent so far (VmHWM), KiB. */
  readonly rssKiB?: number;
}

/** The part of a result that moves to a ConfigMap when it does not fit. Canonical JSON of it is what `ref.digest` is over. */
export type ResultBody = Pick<AgentResult, 'steps' | 'outputs'>;
/** Key in that ConfigMap. */
export const RESULT_KEY = 'result.json';
/** Longest body that the gateway stores, bytes. */
export const MAX_RESULT_BYTES = 512 * 1024;

/*
 * The gateway, all under /v1, JSON, `Authorization: Bearer <projected token>`:
 *
 *   PUT  /v1/fan-outs/:step   FanOutRequest  -> 200 | 201 FanOutState   creates the child run of that step, or finds it
 *   GET  /v1/fan-outs/:step?waitSeconds=30&run=NAME -> 200 FanOutState  answers when it ended or the wait is over
 *   PUT  /v1/result           ResultBody     -> 200 | 201 {name, digest}
 *   POST /v1/end              AgentEnd       -> 200 {}             the termination message, ahead of the kubelet; of use or not, it is no matter
 *   POST /v1/locks/acquire    LockRequest    -> 200 LockAnswer     waits for its turn, at most for `waitSeconds`
 *   POST /v1/locks/renew      LockName       -> 200 Renewal
 *   POST /v1/locks/publish    LockPublish    -> 200 Publication  a generation is complete; its writer is a reader of it from then on
 *   POST /v1/locks/evict      LockName       -> 200 {held}         by the writer: nobody is told to read a generation any more
 *   POST /v1/locks/release    LockRelease    -> 200 {}             gives the lock back, or the place in the queue
 *   POST /v1/cache-uses       CacheUse       -> 200 {}             of a checkout that ended without a lock; others tell with their release
 *
 * Any replica answers for any lock, and all of it may be sent again: an id is one acquisition, however often it is asked for.
 *
 * Errors are GatewayError with the matching HTTP status; `retry` tells the agent whether asking again can help.
 */

/** Longest termination message of a container, bytes: https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/ */
export const MAX_MESSAGE_BYTES = 4_096;

export interface FanOutRequest {
  readonly type: string;
  readonly schemaVersion?: string;
  /** Artifact of the run's own repository; `default` when it names none. */
  readonly artifact: string;
  readonly payload?: JsonValue;
  readonly waitForChildren: boolean;
  readonly timeoutMs?: number;
  readonly concurrencyLimit?: number;
  readonly idempotent?: boolean;
}

export interface FanOutState {
  /** Name of the child run. */
  readonly run: string;
  /** Its phase; absent before the operator saw it. */
  readonly phase?: string;
  readonly finished: boolean;
  /** Why it did not succeed; absent otherwise. */
  readonly errorType?: ErrorType;
  readonly message?: string;
}

/** What the agent leaves as its termination message, told as it ends: the kubelet reports it a second or more later. */
export interface AgentEnd {
  /** At most `MAX_MESSAGE_BYTES`. */
  readonly message: string;
}

/** One acquisition of a lock on the cache entry of one repository, in the namespace of the run that asks. */
export interface LockName {
  /** URL of the repository. */
  readonly url: string;
  /** Made by who asks, for one acquisition: 16 to 64 of a-z, 0-9 and `-`. That of another Pod is another one, even when it is the same. */
  readonly id: string;
}

export interface LockRequest extends LockName {
  readonly want: Want;
  /** How long the lock stays with a holder that has fallen silent: 60 to 7,200. Default 1,800. */
  readonly seconds?: number;
  /** The highest generation on the volume: a new one gets a higher number. */
  readonly seenFence?: number;
  /** Time to wait for the lock before the answer is `waiting`, seconds; 60 at most. 0: take it if it is free, and do not queue. */
  readonly waitSeconds: number;
}

/** `waiting`: ask again, with the same id. */
export type LockAnswer = Grant | Waiting;

export interface LockPublish extends LockName {
  /** Full names, newest last. */
  readonly commits: readonly string[];
  /** Size of the generation. */
  readonly bytes: number;
}

export interface LockRelease extends LockName {
  /** What came of the checkout that the lock was for, for the operator's metrics. */
  readonly use?: CacheUse;
}

/** What is asked of a lock, at /v1/locks/KIND, and what is answered. */
export interface LockCalls {
  acquire: { readonly request: LockRequest; readonly answer: LockAnswer };
  renew: { readonly request: LockName; readonly answer: Renewal };
  publish: { readonly request: LockPublish; readonly answer: Publication };
  evict: { readonly request: LockName; readonly answer: { readonly held: boolean } };
  release: { readonly request: LockRelease; readonly answer: Readonly<Record<string, never>> };
}

export interface GatewayError {
  /** CamelCase word. */
  readonly reason: string;
  readonly message: string;
  readonly retry: boolean;
}
