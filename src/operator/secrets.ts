import { LABELS, MANAGED_BY } from '../api/meta.ts';
import type { SecretReader } from '../controllers/repository/secret.ts';
import type { CertificateStore } from '../gateway/certificates.ts';
import type { KubeClient } from '../kube/client.ts';
import { isApiError } from '../kube/errors.ts';
import { secrets } from '../kube/objects.ts';

/** Name of the Secret with the gateway's certificates, in the operator's namespace. */
const CERTIFICATE_SECRET = 'tako-gateway-tls';

/** Reads Secrets from the API server each time: they are never kept. */
export function createSecretReader(client: Pick<KubeClient, 'get'>): SecretReader {
  return {
    async read(namespace, name, signal) {
      try {
        const secret = await client.get(secrets, { namespace, name }, { signal });
        return decode(secret.data);
      } catch (error) {
        if (isApiError(error, 'notFound')) return undefined;
        throw error;
      }
    },
  };
}

/** Keeps the gateway's certificates where both replicas find them. */
export function createCertificateStore(
  client: Pick<KubeClient, 'get' | 'create' | 'replace'>,
  namespace: string,
): CertificateStore {
  const manifest = (data: Record<string, string>, resourceVersion?: string) => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name: CERTIFICATE_SECRET,
      namespace,
      labels: { [LABELS.managedBy]: MANAGED_BY, [LABELS.name]: 'tako' },
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
    },
    type: 'Opaque',
    data: Object.fromEntries(Object.entries(data).map(([key, text]) => [key, Buffer.from(text).toString('base64')])),
  });
  return {
    async get() {
      try {
        const secret = await client.get(secrets, { namespace, name: CERTIFICATE_SECRET });
        return { data: decode(secret.data), resourceVersion: secret.metadata.resourceVersion };
      } catch (error) {
        if (isApiError(error, 'notFound')) return undefined;
        throw error;
      }
    },
    async create(data) {
      try {
        await client.create(secrets, manifest(data));
        return 'created';
      } catch (error) {
        if (isApiError(error, 'alreadyExists')) return 'exists';
        throw error;
      }
    },
    async update(data, resourceVersion) {
      try {
        await client.replace(secrets, manifest(data, resourceVersion));
        return 'updated';
      } catch (error) {
        if (isApiError(error, 'conflict', 'notFound')) return 'conflict';
        throw error;
      }
    },
  };
}

function decode(data: Record<string, string> | undefined): Record<string, string> {
  return Object.fromEntries(
    Object.entries(data ?? {}).map(([key, text]) => [key, Buffer.from(text, 'base64').toString('utf8')]),
  );
}
