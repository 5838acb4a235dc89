import { type Cluster, startCluster } from '../cluster/cluster.ts';
import { projectImage } from '../cluster/images/project.ts';

/** Name of the local cluster that the demo runs on. */
export const clusterName = 'tako';

/** A cluster that has the operator's image. */
export interface OpenCluster extends Pick<Cluster, 'kubectl'> {
  readonly image: string;
}

/** Starts or finds the cluster and brings the image there. */
export async function openCluster(log: (line: string) => void): Promise<OpenCluster> {
  const cluster = await startCluster({ name: clusterName, kubelet: true, log });
  const image = await projectImage(log);
  await cluster.loadImage(image.path);
  return { kubectl: cluster.kubectl, image: image.reference };
}
