import { z } from 'zod';
import { DEFAULT_RUN_OPTIONS } from '../controllers/run/options.ts';
import { parseQuantity } from '../controllers/run/quantity.ts';
import { DEFAULT_BREAKER_POLICY } from '../fanout/breaker.ts';
import { isHostPattern } from '../git/url.ts';
import { DEFAULT_LOCK_SECONDS, MAX_LOCK_SECONDS } from '../locks/limits.ts';
import { type DurationBounds, parseDuration } from '../workflow/duration.ts';

/** A variable that holds a duration such as `90s`; the value is milliseconds. */
function durationVariable(fallbackMs: number, description: string, bounds: DurationBounds = {}) {
  return z
    .string()
    .transform((text, context) => {
      const parsed = parseDuration(text, bounds);
      if (parsed.ok) return parsed.ms;
      context.addIssue({ code: 'custom', message: parsed.message });
      return z.NEVER;
    })
    .default(fallbackMs)
    .describe(description);
}

/** What the items of a list may be. */
interface Items<Word extends string> {
  /** What is expected, for the message. */
  readonly expected: string;
  readonly fits: (item: string) => item is Word;
}

/** A variable that holds a list, separated by commas. */
function listVariable<Word extends string = string>(fallback: Word[], description: string, items?: Items<Word>) {
  return z
    .string()
    .transform((text, context): Word[] => {
      const given = text
        .split(',')
        .map(item => item.trim())
        .filter((item): item is Word => item !== '');
      for (const item of given) {
        if (items?.fits(item) === false) {
          context.addIssue({ code: 'custom', message: `expected ${items.expected}, got ${shown(item)}` });
        }
      }
      return given;
    })
    .default(fallback)
    .describe(description);
}

/** A variable that holds a size such as `20Gi`; empty: none. */
function sizeVariable(description: string) {
  return z
    .string()
    .transform((text, context) => {
      if (text === '' || (parseQuantity(text) ?? 0) >= 1) return text;
      context.addIssue({ code: 'custom', message: `expected a size such as 20Gi, got ${shown(text)}` });
      return z.NEVER;
    })
    .default('')
    .describe(description);
}

/** Longest part of a wrong value in a message, UTF-16 units. */
const MAX_SHOWN = 40;

/** A wrong value for a message. No setting is a secret; what was put into one by mistake is not told whole. */
function shown(value: string): string {
  return JSON.stringify(value.length > MAX_SHOWN ? `${value.slice(0, MAX_SHOWN)}…` : value);
}

const SCHEMES = ['https', 'http', 'ssh', 'file'] as const;
type Scheme = (typeof SCHEMES)[number];
const schemes: Items<Scheme> = {
  expected: SCHEMES.join(', '),
  fits: (item): item is Scheme => (SCHEMES as readonly string[]).includes(item),
};

const hosts: Items<string> = {
  expected: 'host, host:port, host:*, *.domain or *',
  fits: (item): item is string => isHostPattern(item),
};

/** A variable that holds a whole number from `min` to `max`. */
function numberVariable(min: number, max: number, fallback: number, description: string) {
  const error = `expected a whole number from ${min} to ${max}`;
  const number = z.coerce.number({ error }).int({ error }).min(min, { error }).max(max, { error });
  return number.default(fallback).describe(description);
}

/** A variable that holds a number from `min` to `max`. */
function fractionVariable(min: number, max: number, fallback: number, description: string) {
  const error = `expected a number from ${min} to ${max}`;
  return z.coerce.number({ error }).min(min, { error }).max(max, { error }).default(fallback).describe(description);
}

const port = (fallback: number, description: string) => numberVariable(0, 65_535, fallback, description);

/** A variable that limits how many of something there may be at once; 0 is no limit. */
const limitVariable = (fallback: number, description: string) => numberVariable(0, 1_000_000, fallback, description);

/** A variable that holds how many requests a second there may be on average. */
const rateVariable = (fallback: number, description: string) => fractionVariable(1, 10_000, fallback, description);

/** The operator's settings, all by environment variables. docs/reference/configuration.md is generated from this. */
export const configSchema = z.object({
  POD_NAMESPACE: z.string().min(1).default('tako-system').describe('Namespace of the operator itself.'),
  POD_NAME: z.string().min(1).default('tako-operator').describe('Name of this replica, for the Lease and in events.'),
  TAKO_WATCH_NAMESPACES: listVariable(
    [],
    'Namespaces whose repositories and runs are looked after. Empty: all. Do not take one out while a tree of runs reaches into it.',
  ),
  TAKO_AGENT_IMAGE: z.string().min(1).describe("Image of the agent in every run's Pod: the operator's own image."),
  TAKO_STEP_IMAGE: z
    .string()
    .min(1)
    .default(DEFAULT_RUN_OPTIONS.stepImage)
    .describe('Image of steps that name none, neither in the step nor in the workflow.'),
  TAKO_GATEWAY_SERVICE: z
    .string()
    .min(1)
    .default('tako-gateway')
    .describe('Name of the Service in front of the gateway.'),
  TAKO_GATEWAY_PORT: port(8443, 'Port of the gateway, of the Service and of the operator alike.'),
  TAKO_HTTP_PORT: port(8080, 'Port of /metrics, /healthz and /readyz.'),
  TAKO_LEADER_ELECTION: z
    .enum(['true', 'false'])
    .default('true')
    .transform(text => text === 'true')
    .describe('Whether replicas elect a leader. Off only for a single replica on a developer machine.'),
  TAKO_LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error']).default('info').describe('How much is logged.'),
  TAKO_GIT_SCHEMES: listVariable(
    ['https', 'ssh'],
    'URL schemes that repositories may have, of https, http, ssh and file.',
    schemes,
  ),
  TAKO_GIT_HOSTS: listVariable(
    [],
    'Git hosts that repositories may be on, such as github.com,*.example.com. Empty: any.',
    hosts,
  ),
  TAKO_GIT_FILE_ROOT: z
    .string()
    .default('')
    .describe('Directory below which file:// repositories may be. Empty: none.'),
  TAKO_GIT_TIMEOUT: durationVariable(60_000, 'Time limit of one Git call of the operator.'),
  TAKO_AGENT_GIT_TIMEOUT: durationVariable(DEFAULT_RUN_OPTIONS.gitTimeoutMs, "Time limit of the agent's checkout."),
  TAKO_CHECKOUT_MAX_ENTRIES: numberVariable(
    1,
    10_000_000,
    DEFAULT_RUN_OPTIONS.checkoutEntries,
    'Files, symbolic links and directories that a commit may have to be checked out. Git needs some 450 bytes of memory for each, and has 128 MiB.',
  ),
  TAKO_DEFAULT_TIMEOUT: durationVariable(DEFAULT_RUN_OPTIONS.defaultTimeoutMs, 'Time limit of a run that sets none.'),
  TAKO_REPOSITORY_TIMEOUT: durationVariable(
    DEFAULT_RUN_OPTIONS.repositoryTimeoutMs,
    'How long a run waits for a repository that is unknown or not ready.',
  ),
  TAKO_START_TIMEOUT: durationVariable(
    DEFAULT_RUN_OPTIONS.startTimeoutMs,
    'How long a Pod may fail to start a container (image, Secret, no node) before its run fails.',
  ),
  TAKO_BREAKER_FAILURES: numberVariable(
    0,
    1_000,
    DEFAULT_BREAKER_POLICY.failures,
    'Runs of a workflow in a row that cannot be executed until its breaker opens; 0: it never does.',
  ),
  TAKO_BREAKER_OPEN: durationVariable(
    DEFAULT_BREAKER_POLICY.openMs,
    'How long an open breaker refuses runs before some are tried again.',
  ),
  TAKO_BREAKER_TRIALS: numberVariable(
    1,
    100,
    DEFAULT_BREAKER_POLICY.trials,
    'Runs at once that a half-open breaker lets through, and successes that close it.',
  ),
  TAKO_POD_RETENTION: durationVariable(
    DEFAULT_RUN_OPTIONS.podRetentionMs,
    'How long a finished Pod stays for kubectl logs.',
  ),
  TAKO_RETAINED_PER_NAMESPACE: numberVariable(
    0,
    1_000,
    DEFAULT_RUN_OPTIONS.retainedPerNamespace,
    'How many failed workspaces a namespace may keep for people at once (spec.workspace.retain). The next one is not kept. 0: none.',
  ),
  TAKO_CHILDREN_TTL: durationVariable(
    DEFAULT_RUN_OPTIONS.childrenTtlMs,
    'How long children stay after the root of their tree ended.',
  ),
  TAKO_TREE_BUDGET: numberVariable(
    1,
    1_000_000,
    DEFAULT_RUN_OPTIONS.treeBudget,
    'How many runs of workflows a tree may have below its root. An event that would add more fails.',
  ),
  TAKO_CONCURRENCY: limitVariable(500, 'How many runs may have a Pod at once in all namespaces. 0: no limit.'),
  TAKO_NAMESPACE_CONCURRENCY: limitVariable(0, 'The same for each namespace. 0: no limit.'),
  TAKO_REPOSITORY_CONCURRENCY: limitVariable(
    0,
    'The same for each TakoRepository that has no spec.concurrencyLimit. 0: no limit.',
  ),
  TAKO_WAITING_PODS_SHARE: fractionVariable(
    0,
    1,
    0.25,
    'Runs with a fan-out that waits before the last step keep their Pod: at most this part of the Pods of their namespace.',
  ),
  TAKO_WAITING_PODS_MIN: numberVariable(1, 10_000, 4, 'As many such runs a namespace may always have.'),
  TAKO_CACHE_SIZE: sizeVariable(
    'Size of the volume that each namespace gets for its cache of repositories, such as 20Gi. Empty: no cache.',
  ),
  TAKO_CACHE_STORAGE_CLASS: z
    .string()
    .default('')
    .describe('Storage class of these volumes. Empty: the default one of the cluster.'),
  TAKO_CACHE_ACCESS_MODE: z
    .enum(['ReadWriteMany', 'ReadWriteOnce'])
    .default('ReadWriteMany')
    .describe('How Pods share them. ReadWriteOnce only where all Pods of a namespace run on one node.'),
  TAKO_CACHE_MAX_AGE: durationVariable(
    7 * 86_400_000,
    'A repository that was not used for so long is removed from the cache.',
    { min: 60_000 },
  ),
  TAKO_LOCK_DURATION: durationVariable(
    DEFAULT_LOCK_SECONDS * 1_000,
    'How long the lock of a cache entry stays with a holder that has fallen silent. 1m to 2h. One whose Pod is gone loses it at once.',
    { min: 60_000, max: MAX_LOCK_SECONDS * 1_000 },
  ),
  TAKO_CLEANUP_INTERVAL: durationVariable(
    600_000,
    'Time between two looks for what is left of deleted runs. An orphan is removed at the second look. 0s: never.',
  ),
  TAKO_RUN_WORKERS: numberVariable(1, 256, 16, 'Runs reconciled at the same time.'),
  TAKO_REPOSITORY_WORKERS: numberVariable(1, 64, 16, 'Repositories looked at at the same time.'),
  TAKO_API_QPS: rateVariable(50, 'Requests a second to the API server, on average.'),
  TAKO_API_BURST: numberVariable(1, 10_000, 100, 'Requests at once after a quiet time.'),
  TAKO_LOCK_QPS: rateVariable(
    100,
    'Requests a second to the API server, on average and by each replica, for the locks of cache entries; besides those of TAKO_API_QPS.',
  ),
  TAKO_LOCK_BURST: numberVariable(1, 10_000, 200, 'The same at once after a quiet time.'),
});

export type Config = z.infer<typeof configSchema>;

/** A setting is missing or wrong; the message names all that are. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** Reads the settings; empty variables count as absent. Throws a ConfigError. */
export function readConfig(environment: Readonly<Record<string, string | undefined>>): Config {
  const given = Object.fromEntries(
    Object.entries(environment).filter(([, value]) => value !== undefined && value !== ''),
  );
  const parsed = configSchema.safeParse(given);
  if (parsed.success) return parsed.data;
  const problems = new Set(
    parsed.error.issues.map(issue => {
      const name = issue.path.join('.');
      return `${name}: ${problemOf(issue, given[name])}`;
    }),
  );
  throw new ConfigError(`the operator cannot start with these settings: ${[...problems].join('; ')}`);
}

/** What is wrong with a variable, and its value. */
function problemOf(issue: z.core.$ZodIssue, value: string | undefined): string {
  if (value === undefined) return 'it is required, and not set';
  switch (issue.code) {
    case 'custom':
      return issue.message;
    case 'invalid_value':
      return `expected one of ${issue.values.join(', ')}, got ${shown(value)}`;
    default:
      return `${issue.message}, got ${shown(value)}`;
  }
}
