import { DEFAULT_TREE_BUDGET } from '../../fanout/budget.ts';
import { DEFAULT_TREE_LIMITS } from '../../git/inspect-tree.ts';

/** What an administrator decides about runs. Times are milliseconds. */
export interface RunOptions {
  /** Image of the agent: the operator's own. */
  readonly agentImage: string;
  /** Image of steps that name none. */
  readonly stepImage: string;
  /** Where agents find the gateway, https://host:port. */
  readonly gatewayUrl: string;
  /** Time limit of a run that sets none. */
  readonly defaultTimeoutMs: number;
  /** How long a run waits for a repository that is unknown or not ready before it fails. */
  readonly repositoryTimeoutMs: number;
  /** How long a Pod may fail to start a container (image, Secret, scheduling) before the run fails. */
  readonly startTimeoutMs: number;
  /** Longest checkout by the agent. */
  readonly gitTimeoutMs: number;
  /** Files, links and directories that a commit may have. */
  readonly checkoutEntries: number;
  /** How long a finished Pod stays for `kubectl logs`. */
  readonly podRetentionMs: number;
  /** How many failed workspaces a namespace may keep for people (spec.workspace.retain). */
  readonly retainedPerNamespace: number;
  /** How long children stay after their parent has ended. */
  readonly childrenTtlMs: number;
  /** How many workflow runs a tree may have below its root. */
  readonly treeBudget: number;
  /** Time between two writes of a parent's status while its children run. */
  readonly parentWriteIntervalMs: number;
  /** Time that a step gets after SIGTERM. */
  readonly gracePeriodMs: number;
  /** Runs of one repository that may have a Pod at once, where it does not say itself. */
  readonly repositoryConcurrency: number;
  /** Requests of the container that does the work; other containers ask for a minimum. */
  readonly stepRequests: Readonly<Record<string, string>>;
  /** Limits of a step container that sets none. */
  readonly stepLimits: Readonly<Record<string, string>>;
}

export const DEFAULT_RUN_OPTIONS: Omit<RunOptions, 'agentImage' | 'gatewayUrl'> = {
  stepImage: 'docker.io/library/busybox:1.36',
  defaultTimeoutMs: 3_600_000,
  // Longer than a Git call may take, so that the repository can say what is wrong with it.
  repositoryTimeoutMs: 90_000,
  startTimeoutMs: 90_000,
  gitTimeoutMs: 100_000,
  checkoutEntries: DEFAULT_TREE_LIMITS.entries,
  podRetentionMs: 3_600_000,
  retainedPerNamespace: 5,
  childrenTtlMs: 86_400_000,
  treeBudget: DEFAULT_TREE_BUDGET,
  parentWriteIntervalMs: 1_000,
  gracePeriodMs: 10_000,
  repositoryConcurrency: Number.POSITIVE_INFINITY,
  stepRequests: { cpu: '50m', memory: '64Mi' },
  stepLimits: { memory: '1Gi', 'ephemeral-storage': '10Gi' },
};
