import pRetry from 'p-retry';
import { type Credentials, withAccess } from './credentials.ts';
import { GitError, isGitError } from './errors.ts';
import { type GitOutput, type RunGitOptions, runGit } from './git.ts';
import { anyOf } from './signals.ts';
import type { GitUrl } from './url.ts';

/** Options of everything that talks to a remote repository. */
export interface RemoteOptions {
  readonly credentials?: Credentials | undefined;
  /** Bound over all tries together, milliseconds. Default 60 s: a user learns within 2 minutes that a server does not answer. */
  readonly timeoutMs?: number | undefined;
  /** Further tries after a transient failure, 100 ms to 10 s apart, doubling. Default 2. */
  readonly retries?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Bound of the memory of each process of git, bytes. Default 128 MiB. */
  readonly memoryBytes?: number | undefined;
  /** Where key files and temporary repositories go. Default: the system's temporary directory. */
  readonly temporaryDirectory?: string | undefined;
}

const DEFAULT_TIMEOUT_MS = 60_000;
const DEFAULT_RETRIES = 2;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 10_000;

/** git commands against one repository, with its credentials, under one deadline. */
export interface RemoteSession {
  readonly url: GitUrl;
  /** Runs an idempotent git command that talks to the repository; tries again when that may help. */
  git(args: readonly string[], options?: SessionGitOptions): Promise<GitOutput>;
  /** Runs a git command without a network, under the same deadline. */
  local(args: readonly string[], options?: RunGitOptions): Promise<GitOutput>;
}

interface SessionGitOptions extends Pick<RunGitOptions, 'gitDirectory' | 'maxOutputBytes' | 'signal' | 'config'> {
  /** Bound on one try, milliseconds, so that a connection that is swallowed leaves time for another. Default: the deadline alone. */
  readonly tryMs?: number;
}

/** Opens a session for `work`; key files are gone when it returns. */
export async function withRemote<T>(
  url: GitUrl,
  options: RemoteOptions,
  work: (session: RemoteSession) => Promise<T>,
): Promise<T> {
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const deadline = performance.now() + timeoutMs;
  const remaining = () => deadline - performance.now();

  options.signal?.throwIfAborted();
  return withAccess(url, options.credentials, options.temporaryDirectory, access =>
    work({
      url,
      git(args, { tryMs = Number.POSITIVE_INFINITY, ...settings } = {}) {
        const signal = anyOf(options.signal, settings.signal);
        const attempt = () =>
          runGit(args, {
            ...settings,
            url,
            config: [...access.config, ...(settings.config ?? [])],
            variables: access.variables,
            secrets: access.secrets,
            memoryBytes: options.memoryBytes,
            timeoutMs: Math.min(remaining(), tryMs),
            signal,
          }).catch((error: unknown) => {
            throw remaining() > 0 || !isGitError(error, 'transient') ? error : withTotal(error, url, timeoutMs);
          });
        return pRetry(attempt, {
          retries: options.retries ?? DEFAULT_RETRIES,
          minTimeout: FIRST_PAUSE_MS * (0.9 + 0.2 * Math.random()),
          maxTimeout: LONGEST_PAUSE_MS,
          factor: 2,
          shouldRetry: ({ error, retryDelay }) => isGitError(error, 'transient') && remaining() > retryDelay,
          ...(signal ? { signal } : {}),
        });
      },
      local: (args, settings = {}) =>
        runGit(args, {
          memoryBytes: options.memoryBytes,
          ...settings,
          timeoutMs: remaining(),
          signal: anyOf(options.signal, settings.signal),
        }),
    }),
  );
}

/** The last try may have had milliseconds only; what a user wants to know is how long it was tried. */
function withTotal(error: GitError, url: GitUrl, timeoutMs: number): GitError {
  if (error.code !== 'TimedOut') return error;
  return new GitError(
    'TimedOut',
    `${url.href} did not answer within ${Math.max(1, Math.round(timeoutMs / 1000))} s: check that it is up and reachable from the cluster`,
    { cause: error },
  );
}
