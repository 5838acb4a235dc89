import { existsSync, rmdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { removeCgroups } from './cgroups.ts';
import { CLUSTERS_DIRECTORY, stateDirectory } from './paths.ts';
import { bootId, kill } from './process.ts';
import { readState } from './state.ts';

/**
 * Ends a cluster in whatever state it is, and removes all it left. Mounts, links, addresses, routes and iptables rules
 * end with the namespaces of its first process; what is outside of these is its cgroups and its folder.
 * @returns false when there was nothing.
 */
export async function removeCluster(name: string): Promise<boolean> {
  const directory = stateDirectory(name);
  const found = existsSync(directory);
  const state = found ? readState(directory) : undefined;
  if (state && state.bootId === bootId()) {
    // The first process takes all others of its PID namespace along: the components, the shims, the Pods.
    if (state.init) await kill(state.init);
    // These wait for processes inside and end by themselves a moment later.
    const outside = [state.holder, ...Object.values(state.components)].filter(identity => identity !== undefined);
    await Promise.all(outside.map(identity => kill(identity)));
  }
  await removeCgroups(name);
  await rm(directory, { recursive: true, force: true });
  removeWhenEmpty(CLUSTERS_DIRECTORY);
  return found;
}

function removeWhenEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOTEMPTY' && code !== 'ENOENT') throw error;
  }
}
