import { join } from 'node:path';
import { kube, kwok } from './build/binaries.ts';
import { goBinary } from './build/go.ts';
import { type CommandOptions, run } from './command.ts';
import { importImage } from './containerd.ts';
import { auditLogPath } from './control-plane.ts';
import { clientEnvironment, createCluster } from './create.ts';
import { removeCluster } from './down.ts';
import { withLock } from './lock.ts';
import type { Log } from './log.ts';
import type { Manifest } from './manifest.ts';
import { enterNetwork, machineNetwork, networkNamespace } from './namespace.ts';
import { nodeParts } from './node.ts';
import { cacheDirectory, clusterName, howToStart, stateDirectory } from './paths.ts';
import { requireTools } from './requirements.ts';
import { type ClusterState, clusterNames, inspect, type Mode } from './state.ts';

/** A running cluster on this machine. */
export interface Cluster {
  readonly name: string;
  readonly mode: Mode;
  /** Of a user in `system:masters`; complete by itself. Its server answers only inside `netns`. */
  readonly kubeconfigPath: string;
  /** The network namespace as a path, for `nsenter --net=`. */
  readonly netns: string;
  /** The command line to put in front of a command that talks to the cluster: `nsenter --net=... --`. */
  readonly enter: readonly [string, ...string[]];
  /** The environment that makes kubectl and other clients use it. */
  readonly environment: Readonly<Record<string, string>>;
  readonly stateDirectory: string;
  /** One JSON line for each write to the API server. */
  readonly auditLogPath: string;
  /** Brings an image archive (docker-archive or OCI) into the node's store; Pods find it by its name. */
  loadImage(archive: string): Promise<void>;
  /** Runs kubectl and returns its stdout; throws CommandFailed with stderr. */
  kubectl(args: readonly string[], options?: Pick<CommandOptions, 'input' | 'signal'>): Promise<string>;
  /** `down`: ends the cluster and removes all it left. */
  stop(): Promise<void>;
}

export interface StartOptions {
  name: string;
  /** Whether it can run Pods, or is a control plane only. */
  kubelet: boolean;
  /** KWOK plays the nodes with the annotation `kwok.x-k8s.io/node: fake`, and the Pods on them, by these Stages. Default: nobody does. */
  stages?: readonly Manifest[];
  /** Whether it ends with this process, however that ends; the next start of any cluster then removes what it left. */
  ephemeral?: boolean;
  log: Log;
}

/**
 * Starts a cluster, or returns the one of this name that already runs. What an earlier one left when it crashed is
 * removed first.
 * @throws {Error} when a tool is missing, a component ends, or a running cluster of this name has no kubelet.
 */
export async function startCluster({ name, kubelet, stages, ephemeral = false, log }: StartOptions): Promise<Cluster> {
  const mode: Mode = kubelet ? 'full' : 'control-plane';
  await requireTools(mode, log);
  await removeAbandoned(log);
  const binary = await goBinary(kube, log);
  const parts = kubelet ? await nodeParts(log) : undefined;
  const player = stages && { binary: await goBinary(kwok, log), stages };
  return withNameLock(name, log, async () => {
    const running = await reuse(name, mode, binary, log);
    if (running) return running;
    const started = performance.now();
    try {
      log(`starting the cluster ${name}${kubelet ? '' : ', its control plane only'}`);
      const state = await createCluster({ name, mode, ephemeral, kube: binary, parts, player });
      log(`cluster ${name} is up after ${((performance.now() - started) / 1000).toFixed(1)} s`);
      return clusterOf(stateDirectory(name), state, binary);
    } catch (error) {
      await removeCluster(name);
      throw error;
    }
  });
}

/**
 * The running cluster `name`.
 * @throws {Error} when there is none, or not all of it runs.
 */
export async function connect(name: string): Promise<Cluster> {
  const directory = stateDirectory(name);
  const health = inspect(directory);
  switch (health.kind) {
    case 'absent':
      throw new Error(`there is no cluster ${name}: start it with ${howToStart(name)}`);
    case 'broken':
      throw new Error(`the cluster ${name} is not usable (${health.reason}): start it again with \`up\``);
    case 'running':
      return clusterOf(directory, health.state, await goBinary(kube, () => {}));
  }
}

/**
 * Ends the cluster `name` and removes all it left, whatever state it is in.
 * @returns false when there was nothing.
 */
export function stopCluster(name: string, log: Log): Promise<boolean> {
  return withNameLock(name, log, () => removeCluster(name));
}

/** Removes ephemeral clusters whose owner ended without a chance to do so. */
async function removeAbandoned(log: Log): Promise<void> {
  const isAbandoned = (name: string): boolean => {
    const health = inspect(stateDirectory(name));
    return health.kind === 'broken' && health.state?.ephemeral === true && !health.alive;
  };
  for (const name of clusterNames().filter(isAbandoned)) {
    await withNameLock(name, log, async () => {
      // It may have been replaced while we waited for the lock.
      if (isAbandoned(name)) await removeCluster(name);
    });
  }
}

function withNameLock<T>(name: string, log: Log, critical: () => Promise<T>): Promise<T> {
  const path = join(cacheDirectory(), 'locks', `cluster-${clusterName(name)}`);
  return withLock(path, critical, () => log(`waiting for another process that works on the cluster ${name}`));
}

/** The cluster that is up already, if all of it is; otherwise nothing of it is left. */
async function reuse(name: string, mode: Mode, binary: string, log: Log): Promise<Cluster | undefined> {
  const directory = stateDirectory(name);
  const health = inspect(directory);
  if (health.kind === 'absent') return undefined;
  if (health.kind === 'running') {
    if (mode === 'full' && health.state.mode !== 'full') {
      throw new Error(
        `the cluster ${name} is up, but as a control plane only: take it \`down\` first, or use another name`,
      );
    }
    const cluster = clusterOf(directory, health.state, binary);
    if (await isReady(cluster)) {
      log(`cluster ${name} is up already`);
      return cluster;
    }
  }
  log(
    `removing what is left of the cluster ${name}: ${health.kind === 'broken' ? health.reason : 'it does not answer'}`,
  );
  await removeCluster(name);
  return undefined;
}

function clusterOf(directory: string, state: ClusterState, binary: string): Cluster {
  const init = state.init!;
  const enter = enterNetwork(init);
  const environment = { ...clientEnvironment(directory), ...machineNetwork() };
  return {
    name: state.name,
    mode: state.mode,
    kubeconfigPath: environment.KUBECONFIG,
    netns: networkNamespace(init),
    enter,
    stateDirectory: directory,
    auditLogPath: auditLogPath(directory),
    environment,
    kubectl: (args, options) => run([...enter, binary, 'kubectl', ...args], { ...options, env: environment }),
    loadImage: archive => importImage(directory, archive),
    stop: async () => {
      await stopCluster(state.name, () => {});
    },
  };
}

async function isReady(cluster: Cluster): Promise<boolean> {
  return cluster.kubectl(['get', '--raw', '/readyz']).then(
    () => true,
    () => false,
  );
}
