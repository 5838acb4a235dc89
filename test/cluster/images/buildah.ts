import { existsSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { withBuildLock } from '../build/lock.ts';
import { run } from '../command.ts';
import type { Log } from '../log.ts';
import { leaveNetwork } from '../namespace.ts';
import { cacheDirectory } from '../paths.ts';
import { pruneOldest } from '../prune.ts';

/** An image in a file, ready to be imported into a node. */
export interface ImageArchive {
  readonly reference: string;
  readonly path: string;
}

/**
 * The archive of an image, made by `build` when the cache has none under this key.
 * @param name of the file, without its key.
 * @param key changes whenever the image would.
 * @param build writes the archive to the path it is given.
 */
export async function cachedArchive(
  { name, key, reference }: { name: string; key: string; reference: string },
  build: (path: string) => Promise<void>,
  log: Log,
): Promise<ImageArchive> {
  const folder = join(cacheDirectory(), 'images');
  const path = join(folder, `${name}-${key}.tar`);
  if (existsSync(path)) return { reference, path };
  const buildOnce = async (): Promise<void> => {
    if (existsSync(path)) return;
    await mkdir(folder, { recursive: true });
    const unfinished = join(folder, `${name}.unfinished`);
    await rm(unfinished, { force: true });
    await build(unfinished);
    await rename(unfinished, path);
    await pruneOldest(folder, entry => entry.startsWith(`${name}-`), 2);
  };
  await withBuildLock(buildOnce, log);
  return { reference, path };
}

/**
 * Runs a shell script in which `buildah` works on the cache's own store, in a mount and a PID namespace that end with
 * it, and at the latest with this process: what it mounts and starts is gone however it ends. To be called with the
 * build lock held, as it first removes what an interrupted build has left in the store.
 * @param script sees its arguments as $1, $2, ...
 */
export async function buildahScript(script: string, args: readonly string[], onLine: Log = () => {}): Promise<void> {
  const store = join(cacheDirectory(), 'buildah');
  const configuration = join(store, 'containers.conf');
  await mkdir(store, { recursive: true });
  // Else it makes a folder for networks below /etc, which it does not use.
  await writeFile(configuration, `[network]\nnetwork_config_dir = ${JSON.stringify(join(store, 'networks'))}\n`);
  const prelude = `set -eu
rm -rf "$TMPDIR"
mkdir "$TMPDIR"
buildah() { command buildah --root "$STORE/root" --runroot "$STORE/run" --storage-driver overlay "$@"; }
buildah rm --all >/dev/null
`;
  const namespaces = ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
  const shell = ['sh', '-c', prelude + script, 'buildah', ...args];
  await run([...leaveNetwork(), 'setpriv', '--pdeathsig', 'KILL', 'unshare', ...namespaces, ...shell], {
    // Chroot isolation needs no runtime, no network set-up and no cgroups, so it works where containers are built in CI.
    env: { STORE: store, TMPDIR: join(store, 'tmp'), CONTAINERS_CONF: configuration, BUILDAH_ISOLATION: 'chroot' },
    onLine,
  });
}
