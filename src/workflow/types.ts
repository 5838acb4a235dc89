/**
 * The model of a `tako.yml` after parsing. Both spellings of the file lead to it, defaults are filled in, and
 * everything is plain JSON: it is stored in a TakoRepository's status and travels to the agent as it is.
 *
 * Strings that the file's author may write templates in (`{{ .inputs.version }}`) stay as written; rendering is the
 * reader's work.
 */

/** Any value that JSON can hold. */
export type JsonValue = null | boolean | number | string | JsonValue[] | JsonObject;
export interface JsonObject {
  [key: string]: JsonValue;
}

/**
 * A whole file. Records keep the file's order of keys, apart from keys that look like integers (JavaScript puts those
 * first).
 */
export interface TakoFile {
  /** As written: `0.1.0`, `1`, `v1` or `1.0`. */
  version: string;
  /** By name; never empty: `default` at path `.` exists when the file declares none. */
  artifacts: Record<string, Artifact>;
  /** By name. */
  workflows: Record<string, Workflow>;
  /** In file order, which decides: the first that matches wins for its workflow. */
  subscriptions: Subscription[];
  /** `events.produces` of the second spelling: documentation of what the repository emits, it triggers nothing. */
  producedEvents: ProducedEvent[];
}

/** Something that the repository produces and that others subscribe to by `owner/repo:name`. */
export interface Artifact {
  name: string;
  /** Relative to the repository's root. */
  path: string;
  ecosystem?: string;
  description?: string;
}

export interface Workflow {
  name: string;
  description?: string;
  /** `on: exec` is written: meant to be started by a person. A mark only; a subscription may trigger any workflow. */
  onExec: boolean;
  /** Default image of the steps; absent: the operator's. */
  image?: string;
  /** Literal variables for every step; may carry templates. */
  env: Record<string, string>;
  /** Names that the repository's `spec.secrets` must provide. A step gets those that its `env` names, no others. */
  secrets: string[];
  resources?: Resources;
  inputs: Record<string, InputDefinition>;
  steps: Step[];
}

/** Limits, as Kubernetes quantities (`500m`, `512Mi`). */
export interface Resources {
  cpuLimit?: string;
  memLimit?: string;
  diskLimit?: string;
}

export type InputDefinition = StringInput | NumberInput | BooleanInput;

interface InputBase {
  name: string;
  description?: string;
  required: boolean;
}
export interface StringInput extends InputBase {
  type: 'string';
  default?: string;
  enum?: string[];
}
export interface NumberInput extends InputBase {
  type: 'number';
  default?: number;
  enum?: number[];
  /** Inclusive. */
  min?: number;
  /** Inclusive. */
  max?: number;
}
export interface BooleanInput extends InputBase {
  type: 'boolean';
  default?: boolean;
}

export type Step = RunStep | UsesStep;

/** What every step has, whatever it does. */
export interface StepBase {
  /** Position in the workflow, from 0. */
  index: number;
  /** As given, else `step-<index + 1>`. Unique in its workflow. */
  id: string;
  /** As given, else the id. */
  name: string;
  /** CEL. A leading dot (`.inputs.bump`) is allowed. */
  if?: string;
  env: Record<string, EnvValue>;
  /** The step's own; absent: the workflow's, then the operator's. */
  image?: string;
  /** Runs beside the following steps and is stopped at the end. Only `run` steps. */
  longRunning: boolean;
  network: Network;
  /** Without the `CAP_` prefix, sorted, without duplicates. What is allowed is the operator's to decide. */
  capabilities: string[];
  securityProfile: SecurityProfile;
  volumes: VolumeMount[];
  resources?: Resources;
  /** A glob in the workspace. */
  cacheKeyFiles?: string;
  produces: Produces;
  /** Run in order, in the step's own container, when the step failed. */
  onFailure: FailureScript[];
}

/** A shell script; `run` may carry templates. */
export interface RunStep extends StepBase {
  kind: 'run';
  run: string;
}

/** A built-in, told apart by `uses`. */
export type UsesStep = FanOutStep | CheckoutStep | UpdateDependencyStep | CreatePullRequestStep | PollStep;

export interface FanOutStep extends StepBase {
  kind: 'uses';
  uses: 'tako/fan-out@v1';
  with: FanOutWith;
}
export interface CheckoutStep extends StepBase {
  kind: 'uses';
  uses: 'tako/checkout@v1';
  with: CheckoutWith;
}
export interface UpdateDependencyStep extends StepBase {
  kind: 'uses';
  uses: 'tako/update-dependency@v1';
  with: UpdateDependencyWith;
}
export interface CreatePullRequestStep extends StepBase {
  kind: 'uses';
  uses: 'tako/create-pull-request@v1';
  with: CreatePullRequestWith;
}
export interface PollStep extends StepBase {
  kind: 'uses';
  uses: 'tako/poll@v1';
  with: PollWith;
}

export type BuiltinName = UsesStep['uses'];

export interface FanOutWith {
  /** snake_case; may carry templates. */
  eventType: string;
  waitForChildren: boolean;
  /** Milliseconds; absent: the run's. */
  timeoutMs?: number;
  /** At least 1; absent: no limit. */
  concurrencyLimit?: number;
  /** x.y.z; may carry templates. */
  schemaVersion?: string;
  /** Templates in every string, at any depth. */
  payload: JsonObject;
  /** The artifact that the event comes from; absent: the producing step's, then `default`. */
  artifact?: string;
  idempotent: boolean;
}

export interface CheckoutWith {
  /** Branch, tag or commit; may carry templates. Absent: the run's pinned commit. */
  ref?: string;
  /** Commits of history; 0 is all of it, absent: the operator's default. */
  depth?: number;
  /** Below the workspace; may carry templates. */
  path?: string;
}

export interface UpdateDependencyWith {
  /** May carry templates. */
  name: string;
  /** May carry templates. */
  version: string;
  /** Absent: found from the files present. */
  ecosystem?: Ecosystem;
  updateLockFiles: boolean;
}
export type Ecosystem = 'npm' | 'go' | 'maven' | 'pip' | 'cargo';

/** All may carry templates. The token comes from a secret in the step's `env`. */
export interface CreatePullRequestWith {
  title: string;
  body?: string;
  base?: string;
  head?: string;
  commitMessage?: string;
}

/** Waits until something holds. `path` and `url` may carry templates; times are milliseconds. */
export type PollWith = PollFileWith | PollHttpWith | PollStepWith;
interface PollBase {
  intervalMs: number;
  /** Absent: the run's. */
  timeoutMs?: number;
}
/** Until the file exists. */
export interface PollFileWith extends PollBase {
  target: 'file';
  /** Below the workspace. */
  path: string;
}
/** Until a GET answers with that status. */
export interface PollHttpWith extends PollBase {
  target: 'http';
  url: string;
  successOnStatus: number;
}
/** Until an earlier long-running step has ended; another exit code than the expected one fails the poll. */
export interface PollStepWith extends PollBase {
  target: 'step';
  stepId: string;
  successOnExitCode: number;
}

/** A step's variable: text (templates allowed), or a secret that the workflow declares. */
export type EnvValue = { kind: 'literal'; value: string } | { kind: 'secret'; name: string };

/** `default` is the cluster's network under the operator's policy. The Pod gets the union of its steps'. */
export type Network = 'none' | 'default';
export type SecurityProfile = 'default' | 'strict';

/** A volume that the repository's runTemplate allows. */
export interface VolumeMount {
  source: string;
  /** Absolute path in the step's container. */
  destination: string;
  readOnly: boolean;
}

export interface Produces {
  /** Name of a declared artifact: the source of the step's events. */
  artifact?: string;
  /** Files to keep; each may be a glob, below the workspace. */
  artifacts: ProducedFile[];
  outputs: Record<string, OutputSource>;
  events: EmittedEvent[];
}
export interface ProducedFile {
  name?: string;
  path: string;
}

export type OutputSource =
  /** Without the last newline, at most 64 KiB. */
  | { kind: 'stdout' }
  | { kind: 'stderr' }
  /** Below the workspace, read inside the step's container. */
  | { kind: 'file'; path: string }
  | { kind: 'env'; name: string }
  | { kind: 'template'; text: string };

/**
 * An event that the step declares; a later fan-out step of its type emits it, with this payload and version unless it has its own. `type`,
 * `schemaVersion` and the payload's strings may carry templates.
 */
export interface EmittedEvent {
  type: string;
  schemaVersion?: string;
  payload: JsonObject;
}

/** An `on_failure` entry: a script with the step's environment, and variables of its own on top. */
export interface FailureScript {
  /** As given, else `<step id>-on-failure-<number from 1>`. */
  id: string;
  name: string;
  if?: string;
  run: string;
  env: Record<string, EnvValue>;
}

export interface Subscription {
  /** Position among the file's subscriptions, from 0. */
  index: number;
  /** The source it listens to: `owner/repo:artifact`. */
  artifact: string;
  /** At least one, snake_case. */
  events: string[];
  /** Text for `parseVersionRange`. Absent: any version, or none. */
  schemaVersion?: string;
  /** CEL; all must be true. */
  filters: string[];
  /** Name of a workflow of the same file. */
  workflow: string;
  /** Templates for the workflow's inputs, by name. */
  inputs: Record<string, string>;
}

export interface ProducedEvent {
  type: string;
  schemaVersion?: string;
  artifact?: string;
  description?: string;
}
