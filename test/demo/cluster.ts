import { DEFAULT_NAME } from '../cluster/paths.ts';
import { openTarget, type Target } from '../cluster/target.ts';

/** A cluster that has the operator's image. */
export interface OpenCluster extends Pick<Target, 'kubectl'> {
  readonly image: string;
  /** What a user types for kubectl. */
  readonly kubectlCommand: string;
}

/** Name of the cluster that the demo makes. One of this name that is up already is used. */
export function clusterName(): string {
  return process.env.TAKO_CLUSTER_NAME || DEFAULT_NAME;
}

/** The cluster to show Tako on: what `TAKO_CLUSTER` chooses (`current`, `kind` or `local`). */
export function demoTarget(log: (line: string) => void): Promise<Target> {
  return openTarget(clusterName(), log);
}

/** Starts or finds the cluster and brings the image there. */
export async function openCluster(log: (line: string) => void): Promise<OpenCluster> {
  const target = await demoTarget(log);
  return {
    kubectl: target.kubectl,
    image: await target.projectImage(log),
    kubectlCommand: kubectlCommand(target),
  };
}

function kubectlCommand({ kind, environment }: Target): string {
  switch (kind) {
    case 'local':
      return `npm run cluster -- kubectl${clusterName() === DEFAULT_NAME ? '' : ` --name ${clusterName()}`}`;
    case 'kind':
      return `kubectl --kubeconfig=${environment.KUBECONFIG}`;
    case 'current':
      return 'kubectl';
  }
}
