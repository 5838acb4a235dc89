import { homedir } from 'node:os';
import { join } from 'node:path';

/** Below this folder each cluster keeps its files, in a folder of its own name. Short: socket paths end at 107 bytes. */
export const CLUSTERS_DIRECTORY = '/var/lib/tako-cluster';

/** The name of the cluster that `npm start` and `npm run cluster` use. */
export const DEFAULT_NAME = 'tako';

const NAME = /^[a-z](?:[a-z0-9-]{0,18}[a-z0-9])?$/;

/**
 * Returns `name` when it can name a cluster: 1 to 20 characters of `a-z0-9-`, as in a DNS label. The bound keeps socket
 * paths and cgroup names short.
 * @throws {Error} naming the rule that is broken.
 */
export function clusterName(name: string): string {
  if (NAME.test(name)) return name;
  throw new Error(
    `"${name}" cannot name a cluster: use 1 to 20 lower-case letters, digits and "-", beginning with a letter and not ending with "-"`,
  );
}

/** The folder that holds everything of the cluster `name`; `down` removes it. */
export function stateDirectory(name: string): string {
  return join(CLUSTERS_DIRECTORY, clusterName(name));
}

/** The command that starts the cluster `name`, for messages. */
export function howToStart(name: string): string {
  return name === DEFAULT_NAME
    ? '`npm start`, which shows Tako on it, or empty with `npm run cluster -- up`'
    : `\`npm run cluster -- up --name ${name}\``;
}

/** Where whoever runs a script of package.json is: npm starts it in the project's folder, and says in INIT_CWD where it was called. */
export function callerDirectory(environment: NodeJS.ProcessEnv = process.env): string {
  return environment.INIT_CWD || process.cwd();
}

/** Where built binaries, images and locks stay between runs: `TAKO_CACHE_DIR`, else `~/.cache/tako`. */
export function cacheDirectory(environment: NodeJS.ProcessEnv = process.env): string {
  return environment.TAKO_CACHE_DIR || join(homedir(), '.cache', 'tako');
}
