import type { SecretReader } from '../controllers/repository/secret.ts';
import type { KubeClient } from '../kube/client.ts';
import { undefinedWhen } from '../kube/errors.ts';
import { secrets } from '../kube/objects.ts';

/** Reads Secrets from the API server each time: they are never kept. */
export function createSecretReader(client: Pick<KubeClient, 'get'>): SecretReader {
  return {
    async read(namespace, name, signal) {
      const secret = await undefinedWhen(client.get(secrets, { namespace, name }, { signal }), 'notFound');
      return secret && decode(secret.data);
    },
  };
}

function decode(data: Record<string, string> | undefined): Record<string, string> {
  return Object.fromEntries(
    Object.entries(data ?? {}).map(([key, text]) => [key, Buffer.from(text, 'base64').toString('utf8')]),
  );
}
