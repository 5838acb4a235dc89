import { existsSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { removeCgroups } from './cgroups.ts';
import { run } from './command.ts';
import { initScript } from './namespace.ts';
import { CLUSTERS_DIRECTORY, stateDirectory } from './paths.ts';
import { bootId, identify, kill, type ProcessIdentity } from './process.ts';
import { type ClusterState, readableState } from './state.ts';

/**
 * Ends a cluster in whatever state it is, and removes all it left. Mounts, links, addresses, routes and iptables rules
 * end with the namespaces of its first process; what is outside of these is its cgroups and its folder.
 * @returns false when there was nothing.
 */
export async function removeCluster(name: string): Promise<boolean> {
  const directory = stateDirectory(name);
  const found = existsSync(directory);
  const { inside, outside } = processes(recorded(directory));
  // A first process takes all others of its PID namespace along: the components, the shims, the Pods. It ends when those that wait outside have
  // taken note of the end of theirs; one of these that was stopped never would, so they are killed as well.
  const firsts = [...inside, ...unrecorded(directory)];
  await Promise.all([...firsts, ...outside].map(identity => kill(identity)));
  await removeCgroups(name);
  // A node's images are many files: rm(1) is several times as fast as Node.js. It would not follow a mount, if there were one.
  await run(['rm', '--recursive', '--force', '--one-file-system', directory]);
  removeWhenEmpty(CLUSTERS_DIRECTORY);
  return found || firsts.length > 0;
}

/** The record, unless it is of an earlier boot or cannot be read: `down` has to work then as well. */
function recorded(directory: string): ClusterState | undefined {
  const state = readableState(directory);
  return state?.bootId === bootId() ? state : undefined;
}

function processes(state: ClusterState | undefined): { inside: ProcessIdentity[]; outside: ProcessIdentity[] } {
  if (!state) return { inside: [], outside: [] };
  const outside = [...(state.holder ? [state.holder] : []), ...Object.values(state.components)];
  return { inside: state.init ? [state.init] : [], outside };
}

/** First processes of this cluster that no record leads to: somebody removed its folder while it ran. */
function unrecorded(directory: string): ProcessIdentity[] {
  const script = initScript(directory);
  return readdirSync('/proc').flatMap(entry => {
    if (!/^\d+$/.test(entry)) return [];
    try {
      const command = readFileSync(`/proc/${entry}/cmdline`, 'utf8').split('\0');
      // The shell itself, and the `unshare` that waits for it.
      const identity = command.includes(script) ? identify(Number(entry)) : undefined;
      return identity ? [identity] : [];
    } catch {
      return [];
    }
  });
}

function removeWhenEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOTEMPTY' && code !== 'ENOENT') throw error;
  }
}
