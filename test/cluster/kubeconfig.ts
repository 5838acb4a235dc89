import { readFileSync } from 'node:fs';
import { stringify } from 'yaml';

export interface Credentials {
  readonly certificatePath: string;
  readonly keyPath: string;
}

/**
 * A kubeconfig with one context, named like the cluster. Certificates are inside, so that the file is complete by itself.
 * @param server the API server's URL.
 */
export function kubeconfig(cluster: string, server: string, caPath: string, user: Credentials): string {
  const embed = (path: string): string => readFileSync(path).toString('base64');
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: cluster, cluster: { server, 'certificate-authority-data': embed(caPath) } }],
    users: [
      {
        name: cluster,
        user: { 'client-certificate-data': embed(user.certificatePath), 'client-key-data': embed(user.keyPath) },
      },
    ],
    contexts: [{ name: cluster, context: { cluster, user: cluster } }],
    'current-context': cluster,
  });
}
