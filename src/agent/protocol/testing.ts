import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import {
  accessSync,
  chmodSync,
  chownSync,
  constants,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openStepContainer, type StepContainer, type StepContainerOptions } from './container.ts';
import { STEP_LOOP } from './loop.ts';

/** The shells that images bring. They are called as `sh`, as in a container: it makes bash a POSIX shell, and busybox a shell. */
export const SHELLS = ['dash', 'bash', 'busybox'] as const;
type ShellName = (typeof SHELLS)[number];

/** The UID and group of steps in tests that separate them from the agent and belong to nobody else. */
export const STEP_UID = 51_000;
export const SHARED_GID = 52_000;

/** Shell text that leaves a process behind: in a session of its own, with the script's output open. */
export const ESCAPE =
  'setsid sh -c ": >escaped; exec sleep 1000" & until [ -e escaped ]; do sleep 0.01; done; rm escaped';

export interface TestContainerOptions extends Partial<Omit<StepContainerOptions, 'directory'>> {
  shell: ShellName;
  /** Run the loop as PID 1 of a namespace of its own, with its own /proc, as in a container. Needs root. */
  pidNamespace?: boolean;
  /** Run the loop as {@link STEP_UID} with the io directory's group, its io directory mounted read-only. Needs root and `pidNamespace`. */
  otherUser?: boolean;
  /** Further environment of the container. */
  env?: Record<string, string>;
  /** Leave the container's log unread until {@link TestContainer.readLog}. */
  logUnread?: boolean;
  /** The container starts before the agent. */
  loopFirst?: boolean;
}

/** A step container without a container: the loop as a process, its stdout the container's log. */
export interface TestContainer extends AsyncDisposable {
  readonly container: StepContainer;
  readonly loop: ChildProcess;
  /** Resolves when the loop has ended, and, unless it was killed, `log()` is complete. */
  readonly logged: Promise<void>;
  /** The PID of the shell that runs the loop, in our namespace. */
  loopPid(): number;
  /** The io directory. */
  readonly io: string;
  /** A directory that steps may write to. */
  readonly workspace: string;
  /** What the container has logged so far. */
  log(): Buffer;
  readLog(): void;
  /** PIDs of all living processes of the container, the loop among them. Zombies do not count. */
  processes(): number[];
}

/** Prepares the directories, starts loop and agent side, and waits for hello. Disposing ends every process. */
export async function startTestContainer(options: TestContainerOptions): Promise<TestContainer> {
  const prepared = prepareContainer(options);
  try {
    let loop = options.loopFirst ? prepared.startLoop() : undefined;
    const container = await openStepContainer({ name: 'step', ...options, directory: prepared.io });
    loop ??= prepared.startLoop();
    const { pid } = loop;
    const logged = logEnd(loop);
    await container.hello({ signal: AbortSignal.timeout(10_000) });
    return {
      ...prepared,
      container,
      loop,
      logged,
      loopPid: () => (options.pidNamespace ? onlyChild(pid!) : pid!),
      async [Symbol.asyncDispose]() {
        await prepared[Symbol.asyncDispose]();
        await container.close();
      },
    };
  } catch (error) {
    await prepared[Symbol.asyncDispose]();
    throw error;
  }
}

/** The parts of a {@link startTestContainer test container} that exist before anybody starts. */
export function prepareContainer(options: TestContainerOptions) {
  const root = mkdtempSync(join(tmpdir(), 'tako-protocol-'));
  const io = mkdtempSync(join(root, 'io-'));
  const workspace = mkdtempSync(join(root, 'workspace-'));
  const bin = mkdtempSync(join(root, 'bin-'));
  for (const directory of [root, bin]) chmodSync(directory, 0o755);
  if (options.otherUser) {
    chownSync(io, 0, SHARED_GID);
    chownSync(workspace, STEP_UID, SHARED_GID);
  }
  chmodSync(io, 0o2770);
  const shell = shellPath(options.shell, bin);
  const mark = randomUUID();
  const chunks: Buffer[] = [];
  const children: ChildProcess[] = [];

  return {
    io,
    workspace,
    shell,
    startLoop(): ChildProcess {
      const [command, ...args] = loopCommand(options, shell, io);
      const loop = spawn(command!, args, {
        stdio: ['ignore', 'pipe', 'inherit'],
        env: { PATH: process.env.PATH, ...options.env, TAKO_TEST_MARK: mark },
        cwd: workspace,
      });
      children.push(loop);
      if (!options.logUnread) loop.stdout!.on('data', (chunk: Buffer) => chunks.push(chunk));
      return loop;
    },
    log: () => Buffer.concat(chunks),
    readLog(): void {
      for (const child of children) child.stdout!.on('data', (chunk: Buffer) => chunks.push(chunk));
    },
    processes: () => markedProcesses(mark),
    async [Symbol.asyncDispose](): Promise<void> {
      // A process may fork while it is being looked for.
      await eventually(() => {
        const pids = markedProcesses(mark);
        for (const pid of pids) endProcess(pid);
        return pids.length === 0;
      });
      for (const child of children) child.stdout!.destroy();
      rmSync(root, { recursive: true, force: true });
    },
  };
}

async function logEnd(loop: ChildProcess): Promise<void> {
  const closed = once(loop, 'close');
  const [code] = await once(loop, 'exit');
  // What a killed loop leaves behind may hold its output open.
  if (code === 0) await closed;
}

function loopCommand({ pidNamespace, otherUser }: TestContainerOptions, shell: string, io: string): string[] {
  const loop = [shell, '-c', STEP_LOOP, 'tako-step', io, shell];
  if (!pidNamespace) return loop;
  const namespace = ['unshare', '--pid', '--mount', '--fork', '--kill-child', '--mount-proc'];
  if (!otherUser) return [...namespace, ...loop];
  const user = ['setpriv', `--reuid=${STEP_UID}`, `--regid=${STEP_UID}`, `--groups=${SHARED_GID}`, '--inh-caps=-all'];
  const mountThenRun = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"';
  return [...namespace, 'sh', '-c', mountThenRun, io, ...user, ...loop];
}

/** @throws Error that names the Debian package, when the shell is missing */
function shellPath(name: ShellName, directory: string): string {
  for (const folder of (process.env.PATH ?? '').split(':')) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
    } catch {
      continue;
    }
    symlinkSync(path, join(directory, 'sh'));
    return join(directory, 'sh');
  }
  throw new Error(
    `${name} is not installed, and the step loop is tested in it: apt-get install ${name} (Debian package "${name}")`,
  );
}

/** Waits for a condition, looking again and again; throws after the deadline. */
export async function eventually(condition: () => boolean, timeoutMs = 10_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${condition.toString()}`);
    await new Promise(resolve => setTimeout(resolve, 5));
  }
}

/** Whether a process exists and is no zombie. */
export function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

/** The children of a process, zombies included. */
export function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

export function endProcess(pid: number, signal: NodeJS.Signals = 'SIGKILL'): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It was faster.
  }
}

function onlyChild(pid: number): number {
  return childrenOf(pid)[0] ?? pid;
}

function markedProcesses(mark: string): number[] {
  const marked = (pid: number): boolean => {
    try {
      return readFileSync(`/proc/${pid}/environ`, 'latin1').includes(mark) && isAlive(pid);
    } catch {
      return false;
    }
  };
  return readdirSync('/proc')
    .map(Number)
    .filter(pid => pid > 0 && pid !== process.pid && marked(pid));
}
