import { spawn } from 'node:child_process';
import { closeSync, copyFileSync, existsSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { COMMAND_PATH, lastLines } from './command.ts';
import { NODE_ADDRESS, SERVICE_RANGE } from './network.ts';
import { cacheDirectory } from './paths.ts';
import { identify, type ProcessIdentity } from './process.ts';
import { done, notYet, waitFor } from './wait.ts';

const INIT = new URL('init.sh', import.meta.url);

/** The script that a cluster's first process runs; its path is on that process' command line. */
export const initScript = (directory: string): string => join(directory, 'init.sh');

/**
 * Makes the mount, network and PID namespaces of a cluster: a first process (`init.sh`) that lives until it is killed,
 * and that takes everything along when it is.
 * @param ephemeral whether they end when the calling thread does.
 * @param record called with the process as soon as it is known and before it changes anything; it must be durable when
 * it returns.
 * @returns when the namespaces are set up.
 */
export async function createNamespaces(
  directory: string,
  ephemeral: boolean,
  record: (processes: { init: ProcessIdentity; holder: ProcessIdentity }) => void,
): Promise<void> {
  const logPath = join(directory, 'logs', 'init.log');
  // A copy: the shell may still read from it when the checkout has moved on to another branch.
  const script = initScript(directory);
  copyFileSync(INIT, script);
  const log = openSync(logPath, 'a');
  const unshare = ['--mount', '--net', '--pid', '--fork', '--kill-child', '--propagation', 'private', '--'];
  const owned = ephemeral ? ['setpriv', '--pdeathsig', 'KILL'] : [];
  const command = ['sh', script, directory, cacheDirectory(), NODE_ADDRESS, SERVICE_RANGE];
  const [file, ...args] = [...owned, 'unshare', ...unshare, ...command];
  const holder = spawn(file!, args, {
    detached: true,
    cwd: '/',
    stdio: ['ignore', log, log],
    env: { PATH: COMMAND_PATH },
  });
  closeSync(log);
  const failed = new Promise<never>((_, reject) => holder.once('error', reject));
  failed.catch(() => {});

  const problem = (): string => lastLines(readFileSync(logPath, 'utf8'), 10) || 'it has not written anything';
  const reached = <T>(what: string, look: () => T | undefined): Promise<T> =>
    waitFor(
      what,
      () => {
        const value = look();
        if (value !== undefined) return done(value);
        if (holder.exitCode === null && holder.signalCode === null) return notYet(problem());
        throw new Error(`the cluster's namespaces could not be set up:\n${problem()}`);
      },
      { timeout: 15_000, interval: 10 },
    );

  const pidFile = join(directory, 'init.pid');
  const pid = reached('the first process to start', () => {
    const text = existsSync(pidFile) ? readFileSync(pidFile, 'utf8') : '';
    return text.endsWith('\n') ? Number(text) : undefined;
  });
  const init = identify(await Promise.race([pid, failed]));
  const holderIdentity = holder.pid === undefined ? undefined : identify(holder.pid);
  if (!init || !holderIdentity) throw new Error(`the cluster's namespaces could not be set up:\n${problem()}`);
  record({ init, holder: holderIdentity });
  writeFileSync(join(directory, 'init.recorded'), '');
  await reached('the namespaces to be set up', () => existsSync(join(directory, 'init.ready')) || undefined);
  holder.unref();
}

/** The command line in front of a command that lets it run in the cluster's network, and otherwise outside of it. */
export function enterNetwork(init: ProcessIdentity): [string, ...string[]] {
  return ['nsenter', `--net=${networkNamespace(init)}`, '--'];
}

/** Tells a process that was started in a cluster's network where the machine's own is, as a path for `nsenter --net=`. */
const MACHINE_NETWORK = 'TAKO_MACHINE_NETWORK';

/** To be in the environment of what is started with `enterNetwork`, by this process and while it lives. */
export function machineNetwork(): Record<string, string> {
  return { [MACHINE_NETWORK]: process.env[MACHINE_NETWORK] ?? `/proc/${process.pid}/ns/net` };
}

/**
 * The command line in front of a command that needs the machine's own network, wherever this process is: an image
 * cannot be built inside a cluster's.
 */
export function leaveNetwork(): string[] {
  const path = process.env[MACHINE_NETWORK];
  return path === undefined ? [] : ['nsenter', `--net=${path}`, '--'];
}

/** The command line in front of a command that makes it a part of the cluster: it ends with it. */
export function enterCluster(init: ProcessIdentity): [string, ...string[]] {
  return ['nsenter', '--target', String(init.pid), '--mount', '--net', '--pid', '--'];
}

/** The cluster's network namespace as a path, there as long as the cluster runs. */
export function networkNamespace(init: ProcessIdentity): string {
  return `/proc/${init.pid}/ns/net`;
}
