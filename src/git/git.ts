import { type ChildProcess, spawn } from 'node:child_process';
import { classifyFailure } from './classify.ts';
import { gitEnvironment } from './environment.ts';
import { GitError } from './errors.ts';
import type { GitUrl } from './url.ts';

/** Longest standard output that is kept unless told otherwise, bytes. */
const DEFAULT_MAX_OUTPUT_BYTES = 1024 * 1024;
/**
 * Memory of its own that a process of git may have unless told otherwise, bytes. The agent's container has 256 MiB, of which the agent takes
 * some 80; a commit of 200,000 files takes git about 90.
 */
const DEFAULT_MEMORY_BYTES = 128 * 1024 * 1024;
/** Longest standard error that is kept (its end), bytes. */
const MAX_STDERR_BYTES = 16 * 1024;

export interface RunGitOptions {
  /** The repository that the command talks to; its scheme is then the one transport allowed. Absent: no network at all. */
  readonly url?: GitUrl | undefined;
  readonly gitDirectory?: string | undefined;
  readonly workTree?: string | undefined;
  /** Further configuration, as pairs. */
  readonly config?: readonly (readonly [key: string, value: string])[] | undefined;
  /** Further environment variables. */
  readonly variables?: Readonly<Record<string, string>> | undefined;
  /** Values that must not appear in an error's message. */
  readonly secrets?: readonly string[] | undefined;
  /** Standard input; closed at once when absent. */
  readonly input?: string | undefined;
  /** Bound of standard output, bytes. Default 1 MiB. */
  readonly maxOutputBytes?: number | undefined;
  /** Takes standard output as it comes, without a bound, instead of having it kept. What it throws ends git and is the call's error. */
  readonly onOutput?: ((chunk: Buffer) => void) | undefined;
  /** At the bound, end git and give what there is (`truncated`) instead of failing. Default false. */
  readonly truncate?: boolean | undefined;
  /** Milliseconds; the process group is killed then, and the error is `TimedOut`. Default: no limit. */
  readonly timeoutMs?: number | undefined;
  /** Kills the process group; the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Bound of the memory that each process of git may have of its own (RLIMIT_DATA), bytes. Default 128 MiB. */
  readonly memoryBytes?: number | undefined;
  /** umask of the process, such as 0o002. Default: this process' own. */
  readonly umask?: number | undefined;
}

export interface GitOutput {
  readonly stdout: Buffer;
  /** The last 16 KiB. */
  readonly stderr: string;
  readonly truncated: boolean;
}

/**
 * Runs git with a limit on its memory, an environment of our own, a process group of its own that is killed on time-out, abort and exit, and
 * bounded output. The shell that sets the limit becomes git and hands the arguments on as they are. Those are the caller's to keep safe: what comes
 * from users goes behind `--` or has been parsed. Throws GitError, or the signal's reason.
 */
export async function runGit(args: readonly string[], options: RunGitOptions = {}): Promise<GitOutput> {
  options.signal?.throwIfAborted();
  const child = start(args, options);
  const maximum = options.maxOutputBytes ?? DEFAULT_MAX_OUTPUT_BYTES;
  const output = collect(child, maximum, options.onOutput);
  const ended = await untilEnd(child, output, options);
  const stdout = output.stdout();
  const stderr = output.stderr();

  switch (ended.kind) {
    case 'aborted':
      throw options.signal?.reason;
    case 'refused':
      throw ended.cause;
    case 'timedOut':
      throw new GitError(
        'TimedOut',
        `${options.url?.href ?? 'git'} did not answer within ${seconds(options.timeoutMs ?? 0)}: check that it is up and reachable from the cluster`,
      );
    case 'notStarted':
      throw new GitError('GitFailed', `git cannot be started: ${ended.cause.message}`, { cause: ended.cause });
    case 'full':
      if (options.truncate) return { stdout, stderr, truncated: true };
      throw new GitError(
        'RepositoryTooLarge',
        `git ${args[0]} for ${options.url?.href ?? 'the repository'} gave more than ${maximum} bytes`,
      );
    case 'exited':
      if (ended.code === 0) return { stdout, stderr, truncated: false };
      throw classifyFailure({
        url: options.url,
        command: args[0] ?? '',
        ending: ended.code === null ? `died of ${ended.signal}` : `exit code ${ended.code}`,
        stderr,
        memoryBytes: memoryOf(options),
        secrets: options.secrets,
      });
  }
}

function memoryOf(options: RunGitOptions): number {
  return options.memoryBytes ?? DEFAULT_MEMORY_BYTES;
}

/** How many threads unpack: each has a stack of 8 MiB and holds deltas of its own. */
function threadsIn(memoryBytes: number): number {
  return Math.max(1, Math.floor(memoryBytes / BYTES_OF_A_THREAD));
}
const BYTES_OF_A_THREAD = 64 * 1024 * 1024;

/**
 * Limits for git and what it starts, which Node.js cannot set itself; a quarter of a millisecond. Against a pack that says it needs all the
 * memory there is, since the kernel would end the whole container. No core file either: it would lie in the workspace. A limit that cannot be
 * set is one that was lower already.
 */
const LIMITED = 'ulimit -c 0; ulimit -d "$1" 2>/dev/null; shift; exec git "$@"';

function start(args: readonly string[], options: RunGitOptions): ChildProcess {
  const places = [
    ...(options.gitDirectory === undefined ? [] : [`--git-dir=${options.gitDirectory}`]),
    ...(options.workTree === undefined ? [] : [`--work-tree=${options.workTree}`]),
  ];
  // A child's umask is that of its parent at the moment of the fork, which spawn does before it returns.
  const umask = options.umask === undefined ? undefined : process.umask(options.umask);
  try {
    const kibibytes = String(Math.ceil(memoryOf(options) / 1024));
    return spawn('/bin/sh', ['-c', LIMITED, 'git', kibibytes, ...places, ...args], {
      cwd: options.workTree ?? options.gitDirectory ?? '/',
      env: gitEnvironment({
        scheme: options.url?.scheme,
        config: [['pack.threads', String(threadsIn(memoryOf(options)))], ...(options.config ?? [])],
        variables: options.variables,
      }),
      stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      detached: true,
      shell: false,
    });
  } finally {
    if (umask !== undefined) process.umask(umask);
  }
}

interface Collected {
  stdout(): Buffer;
  stderr(): string;
  /** Resolves when standard output passed its bound, or whoever takes it has thrown; never otherwise. */
  readonly enough: Promise<Ending>;
}

function collect(child: ChildProcess, maximum: number, onOutput: RunGitOptions['onOutput']): Collected {
  const out: Buffer[] = [];
  let outBytes = 0;
  let err: Buffer = Buffer.alloc(0);
  const enough = Promise.withResolvers<Ending>();
  const keep = (chunk: Buffer) => {
    const room = maximum - outBytes;
    outBytes += chunk.length;
    if (room > 0) out.push(chunk.subarray(0, room));
    if (chunk.length > room) enough.resolve({ kind: 'full' });
  };
  const handOver = (chunk: Buffer) => {
    try {
      onOutput?.(chunk);
    } catch (cause) {
      child.stdout?.off('data', handOver).resume();
      enough.resolve({ kind: 'refused', cause });
    }
  };
  child.stdout?.on('data', onOutput === undefined ? keep : handOver);
  child.stderr?.on('data', (chunk: Buffer) => {
    err = Buffer.concat([err, chunk]).subarray(-MAX_STDERR_BYTES);
  });
  return { stdout: () => Buffer.concat(out), stderr: () => err.toString('utf8'), enough: enough.promise };
}

type Ending =
  | { kind: 'exited'; code: number | null; signal: string | null }
  | { kind: 'notStarted'; cause: Error }
  | { kind: 'timedOut' }
  | { kind: 'aborted' }
  | { kind: 'full' }
  | { kind: 'refused'; cause: unknown };

/** Resolves once the process is gone and its streams are closed. */
function untilEnd(child: ChildProcess, output: Collected, options: RunGitOptions): Promise<Ending> {
  const { promise, resolve } = Promise.withResolvers<Ending>();
  let cut: Ending | undefined;
  const end = (ending: Ending) => {
    cut ??= ending;
    killGroup(child);
  };
  const onAbort = () => end({ kind: 'aborted' });
  const timer =
    options.timeoutMs === undefined
      ? undefined
      : setTimeout(() => end({ kind: 'timedOut' }), Math.max(options.timeoutMs, 1));
  options.signal?.addEventListener('abort', onAbort, { once: true });
  output.enough.then(end);
  const finish = (ending: Ending) => {
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', onAbort);
    resolve(cut ?? ending);
  };
  child.once('error', cause => {
    if (child.pid === undefined) finish({ kind: 'notStarted', cause });
  });
  // Whatever outlives git itself, such as an ssh, would keep the streams open.
  child.once('exit', () => killGroup(child));
  child.once('close', (code, signal) => finish({ kind: 'exited', code, signal }));
  if (options.input !== undefined) {
    child.stdin?.on('error', () => {});
    child.stdin?.end(options.input);
  }
  return promise;
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // Nothing of the group is left.
  }
}

function seconds(milliseconds: number): string {
  return milliseconds >= 1000 ? `${Math.round(milliseconds / 1000)} s` : `${Math.ceil(milliseconds)} ms`;
}
