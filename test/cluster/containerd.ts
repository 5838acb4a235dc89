import { existsSync } from 'node:fs';
import { mkdir, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { run } from './command.ts';
import type { Component } from './component.ts';
import { PAUSE_IMAGE } from './images/names.ts';
import { POD_RANGE } from './network.ts';

/** Where Debian's containernetworking-plugins are. */
const CNI_PLUGINS = '/usr/lib/cni';

export const containerdSocket = (directory: string): string => join(directory, 'containerd', 'containerd.sock');

/** containerd with a root, a state and a socket of its own, and the Pods' network. */
export async function containerd(directory: string): Promise<Component> {
  const home = join(directory, 'containerd');
  const cni = join(directory, 'cni');
  await mkdir(home, { recursive: true });
  await mkdir(cni, { recursive: true });
  await writeFile(join(cni, '10-ptp.conflist'), JSON.stringify(podNetwork(directory), undefined, 2));
  const config = join(home, 'config.toml');
  await writeFile(config, configuration(home, cni));
  return { name: 'containerd', command: ['containerd', '--config', config] };
}

/** The command line of containerd's own client. */
export function containerdClient(directory: string, ...args: string[]): string[] {
  return ['ctr', '--address', containerdSocket(directory), '--connect-timeout=2s', ...args];
}

/**
 * Brings an image archive (docker-archive or OCI) into the node's store, where Pods find it by its name. The same file is
 * not imported twice: it takes seconds.
 */
export async function importImage(directory: string, archive: string): Promise<void> {
  const { ino, size, mtimeMs } = await stat(archive);
  const imported = join(directory, 'imported', `${ino}-${size}-${mtimeMs}`);
  if (existsSync(imported)) return;
  await run(containerdClient(directory, '--namespace=k8s.io', 'images', 'import', archive));
  await mkdir(dirname(imported), { recursive: true });
  await writeFile(imported, archive);
}

function configuration(home: string, cni: string): string {
  return `version = 2
root = ${JSON.stringify(join(home, 'root'))}
state = ${JSON.stringify(join(home, 'state'))}
[grpc]
  address = ${JSON.stringify(join(home, 'containerd.sock'))}
[plugins."io.containerd.internal.v1.opt"]
  path = ${JSON.stringify(join(home, 'opt'))}
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = ${JSON.stringify(PAUSE_IMAGE)}
  # A container that itself may not lower the score, as in CI, could start no Pod otherwise.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = ${JSON.stringify(CNI_PLUGINS)}
    conf_dir = ${JSON.stringify(cni)}
`;
}

/**
 * A link of its own for each Pod: the node routes between them, so that Services' addresses work without bridge-netfilter,
 * a setting of the whole machine. Not masqueraded, as nothing leaves the cluster: who is called sees the Pod's address.
 */
function podNetwork(directory: string): object {
  return {
    cniVersion: '1.0.0',
    name: 'pods',
    plugins: [
      {
        type: 'ptp',
        ipam: {
          type: 'host-local',
          dataDir: join(directory, 'ipam'),
          ranges: [[{ subnet: POD_RANGE }]],
          routes: [{ dst: '0.0.0.0/0' }],
        },
      },
    ],
  };
}
