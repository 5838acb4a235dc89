import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { amongDaemons } from './cgroups.ts';
import { COMMAND_PATH, lastLines } from './command.ts';
import { enterCluster } from './namespace.ts';
import { identify, type ProcessIdentity } from './process.ts';

/** A long-running program of the cluster. */
export interface Component {
  readonly name: string;
  readonly command: readonly string[];
}

/** A component that ended, with the last lines of its log. */
export class ComponentFailed extends Error {
  override readonly name = 'ComponentFailed';

  constructor(component: string, directory: string) {
    super(`${component} ended; the last lines of ${logPath(directory, component)}:\n${logTail(directory, component)}`);
  }
}

export function logPath(directory: string, component: string): string {
  return join(directory, 'logs', `${component}.log`);
}

/** The last lines that a component logged. */
export function logTail(directory: string, component: string, lines = 15): string {
  const path = logPath(directory, component);
  return existsSync(path) ? lastLines(readFileSync(path, 'utf8'), lines) : '';
}

/**
 * Starts a component inside the cluster's namespaces and its cgroup for daemons. It outlives this process and ends with the cluster.
 * @returns the `nsenter` process, which lives as long as the component does.
 */
export function startComponent(
  directory: string,
  cluster: string,
  init: ProcessIdentity,
  component: Component,
): ProcessIdentity {
  const [file, ...args] = [...amongDaemons(cluster), ...enterCluster(init), ...component.command];
  const log = openSync(logPath(directory, component.name), 'a');
  try {
    const child = spawn(file!, args, {
      detached: true,
      cwd: '/',
      stdio: ['ignore', log, log],
      // Nothing of the caller's environment: a proxy or a KUBECONFIG there must not reach into the cluster.
      env: { PATH: COMMAND_PATH, HOME: directory },
    });
    child.on('error', () => {});
    child.unref();
    const identity = child.pid === undefined ? undefined : identify(child.pid);
    if (!identity) throw new ComponentFailed(component.name, directory);
    return identity;
  } finally {
    closeSync(log);
  }
}
