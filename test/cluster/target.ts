import { startCluster } from './cluster.ts';
import { type CommandOptions, run } from './command.ts';
import { projectImage } from './images/project.ts';
import { kindCluster } from './kind.ts';
import type { Log } from './log.ts';
import { type Selection, selectCluster } from './select.ts';

/** A cluster to show Tako on, wherever it runs. */
export interface Target {
  readonly kind: Selection['kind'];
  /** The command line to put in front of a command that talks to it; empty where it can be reached directly. */
  readonly enter: readonly string[];
  /** The environment that makes kubectl and other clients use it. */
  readonly environment: Readonly<Record<string, string>>;
  /** Runs kubectl and returns its stdout; throws CommandFailed with stderr. */
  kubectl(args: readonly string[], options?: Pick<CommandOptions, 'input' | 'signal'>): Promise<string>;
  /** Builds the project's image if its sources changed, brings it to where the cluster finds it, returns its reference. */
  projectImage(log: Log): Promise<string>;
  /** Removes the cluster; the user's own is left as it is. */
  stop(): Promise<void>;
}

/**
 * The cluster that `selectCluster` chooses, made if it is ours to make.
 * @param name of the cluster that kind or this folder makes.
 */
export async function openTarget(name: string, log: Log): Promise<Target> {
  const selection = await selectCluster();
  switch (selection.kind) {
    case 'current':
      return currentCluster(selection.kubeconfigPath, log);
    case 'kind':
      return kindCluster(name, log);
    case 'local':
      return localCluster(name, log);
  }
}

async function localCluster(name: string, log: Log): Promise<Target> {
  const cluster = await startCluster({ name, kubelet: true, log });
  return {
    kind: 'local',
    enter: cluster.enter,
    environment: cluster.environment,
    kubectl: cluster.kubectl,
    projectImage: async imageLog => {
      const image = await projectImage(imageLog);
      await cluster.loadImage(image.path);
      return image.reference;
    },
    stop: cluster.stop,
  };
}

/** There is no way to bring an image into a cluster that is not ours but by its registry. */
async function currentCluster(kubeconfigPath: string, log: Log): Promise<Target> {
  const environment = { KUBECONFIG: kubeconfigPath };
  const kubectl: Target['kubectl'] = (args, options) => run(['kubectl', ...args], { ...options, env: environment });
  const context = (await kubectl(['config', 'current-context'])).trim();
  log(`using the cluster of the context ${context} in ${kubeconfigPath}`);
  return {
    kind: 'current',
    enter: [],
    environment,
    kubectl,
    projectImage: async () => {
      const reference = process.env.TAKO_IMAGE;
      if (reference) return reference;
      throw new Error(
        'TAKO_CLUSTER=current needs an image that the cluster can pull: `docker build --tag REGISTRY/tako . && docker push REGISTRY/tako`, then set TAKO_IMAGE=REGISTRY/tako',
      );
    },
    stop: async () => log(`the cluster of the context ${context} is left as it is`),
  };
}
