import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createCgroups } from './cgroups.ts';
import { type Component, startComponent } from './component.ts';
import { controlPlane, writeKubeconfig } from './control-plane.ts';
import { eventually } from './eventually.ts';
import { kwok } from './kwok.ts';
import type { Manifest } from './manifest.ts';
import { createNamespaces, enterNetwork } from './namespace.ts';
import { type NodeParts, startNode } from './node.ts';
import { stateDirectory } from './paths.ts';
import { createPki } from './pki.ts';
import { bootId } from './process.ts';
import { type ClusterState, type Mode, writeState } from './state.ts';

export interface CreateOptions {
  readonly name: string;
  readonly mode: Mode;
  readonly ephemeral: boolean;
  /** The multi-call binary. */
  readonly kube: string;
  /** Present when the mode is `full`. */
  readonly parts: NodeParts | undefined;
  /** KWOK's binary, and the Stages by which it plays. */
  readonly player: { readonly binary: string; readonly stages: readonly Manifest[] } | undefined;
}

/** What a client of the cluster in `directory` needs in its environment. */
export function clientEnvironment(directory: string): { KUBECONFIG: string; KUBECACHEDIR: string } {
  return { KUBECONFIG: join(directory, 'admin.kubeconfig'), KUBECACHEDIR: join(directory, 'kubectl-cache') };
}

/**
 * Creates a cluster where nothing of an earlier one is, and returns when it can be used. Its record is on disk before
 * each process that it names does anything, so that whatever happens on the way can be removed.
 */
export async function createCluster({
  name,
  mode,
  ephemeral,
  kube,
  parts,
  player,
}: CreateOptions): Promise<ClusterState> {
  const directory = stateDirectory(name);
  await mkdir(join(directory, 'logs'), { recursive: true });
  const state: ClusterState = { version: 1, name, mode, ephemeral, bootId: bootId(), components: {}, ready: false };
  const save = (): void => writeState(directory, state);
  save();
  createCgroups(name);
  const pki = await createPki(directory);
  await createNamespaces(directory, ephemeral, processes => {
    Object.assign(state, processes);
    save();
  });
  const init = state.init!;
  const start = (component: Component): void => {
    state.components[component.name] = startComponent(directory, name, init, component);
    save();
  };
  const until = eventually({ directory, state, enter: enterNetwork(init), environment: clientEnvironment(directory) });
  const kubectl = (...args: string[]): string[] => [kube, 'kubectl', ...args];

  await writeKubeconfig(directory, name, pki, 'admin');
  for (const component of await controlPlane(directory, name, kube, pki)) start(component);
  const apiServer = until('the API server to be ready', 'kube-apiserver', kubectl('get', '--raw', '/readyz'));
  // Awaited below; if the node fails first, that is the error to tell.
  apiServer.catch(() => {});
  if (parts) await startNode({ directory, cluster: name, kube, pki, parts, start, until, kubectl, apiServer });
  await apiServer;
  if (player) start(await kwok(directory, name, player.binary, player.stages, pki));
  // The first thing that the controller manager makes, and what every Pod needs.
  const account = kubectl('get', 'serviceaccount', 'default', '--namespace=default');
  await until('the default service account', 'kube-controller-manager', account);
  state.ready = true;
  save();
  return state;
}
