import { createKubeClient, type KubeClient } from '../kube/client.ts';
import { type ClusterConfig, loadClusterConfig } from '../kube/config.ts';
import type { OptionSpecs, Values } from './command.ts';
import { OUTPUTS } from './output.ts';

/** Options of every command that talks to a cluster. */
export const CLUSTER_OPTIONS = {
  namespace: { type: 'string', short: 'n', value: 'NAME', description: "The namespace. Default: the context's" },
  context: { type: 'string', value: 'NAME', description: 'The context of the kubeconfig. Default: its current one' },
  kubeconfig: {
    type: 'string',
    value: 'FILE',
    description: 'The kubeconfig. Default: the file in KUBECONFIG, else ~/.kube/config',
  },
  output: {
    type: 'string',
    short: 'o',
    choices: OUTPUTS,
    description: 'A table for people, or one JSON document. Default: table',
  },
} as const satisfies OptionSpecs;

export interface Connection {
  readonly config: ClusterConfig;
  readonly client: KubeClient;
  readonly namespace: string;
}

/**
 * Finds the cluster as kubectl does, and closes the connections when the work is done.
 *
 * @throws ClusterConfigError
 */
export async function withCluster<R>(
  values: Pick<Values<typeof CLUSTER_OPTIONS>, 'namespace' | 'context' | 'kubeconfig'>,
  work: (connection: Connection) => Promise<R>,
): Promise<R> {
  const config = loadClusterConfig({ kubeconfig: values.kubeconfig, context: values.context });
  const client = createKubeClient(config, { userAgent: 'tako-cli' });
  try {
    return await work({ config, client, namespace: values.namespace ?? config.namespace });
  } finally {
    await client.close();
  }
}
