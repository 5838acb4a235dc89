import { LABELS, MANAGED_BY } from '../api/meta.ts';
import type { KubeClient } from '../kube/client.ts';
import { isApiError, undefinedWhen } from '../kube/errors.ts';
import { type ObjectRef, type Secret, secrets } from '../kube/objects.ts';
import type { Certificates } from './certificates.ts';

/** Certificates as they are stored. */
interface StoredCertificates {
  /** Undefined when what is stored are not all four parts. */
  readonly certificates: Certificates | undefined;
  /** Opaque; for `replace`. */
  readonly version: string;
}

/** The place where the replicas of the operator share their certificates. Errors of its client pass through. */
export interface CertificateStore {
  get(signal: AbortSignal): Promise<StoredCertificates | undefined>;
  /** False when there is something already. */
  create(certificates: Certificates, signal: AbortSignal): Promise<boolean>;
  /** False when it has changed since `version`, or is gone. */
  replace(certificates: Certificates, version: string, signal: AbortSignal): Promise<boolean>;
}

/** Keys of the Secret: those of `kubernetes.io/tls` and of cert-manager, and one for the authority's key. */
const KEYS = { ca: 'ca.crt', caKey: 'ca.key', certificate: 'tls.crt', key: 'tls.key' } as const;

/** Keeps certificates in a Secret. The operator needs get, create and update on it. */
export function secretCertificateStore(
  client: Pick<KubeClient, 'get' | 'create' | 'replace'>,
  ref: ObjectRef & { namespace: string },
): CertificateStore {
  const secretOf = (certificates: Certificates, resourceVersion?: string): Secret => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      ...ref,
      labels: { [LABELS.managedBy]: MANAGED_BY },
      ...(resourceVersion !== undefined && { resourceVersion }),
    },
    type: 'kubernetes.io/tls',
    data: Object.fromEntries(
      Object.entries(KEYS).map(([part, key]) => [key, encode(certificates[part as keyof Certificates])]),
    ),
  });

  return {
    get: async signal => {
      const secret = await undefinedWhen(client.get(secrets, ref, { signal }), 'notFound');
      return secret && { certificates: certificatesOf(secret), version: secret.metadata.resourceVersion };
    },
    create: (certificates, signal) =>
      unless('alreadyExists', () => client.create(secrets, secretOf(certificates), { signal })),
    replace: (certificates, version, signal) =>
      unless('conflict', () => client.replace(secrets, secretOf(certificates, version), { signal })),
  };
}

/** True when `write` succeeded, false when it failed because somebody else was faster. */
async function unless(failure: 'alreadyExists' | 'conflict', write: () => Promise<unknown>): Promise<boolean> {
  try {
    await write();
    return true;
  } catch (error) {
    if (isApiError(error, failure, 'notFound')) return false;
    throw error;
  }
}

function certificatesOf({ data = {} }: Secret): Certificates | undefined {
  const part = (key: string): string | undefined => data[key] && Buffer.from(data[key], 'base64').toString();
  const [ca, caKey, certificate, key] = [part(KEYS.ca), part(KEYS.caKey), part(KEYS.certificate), part(KEYS.key)];
  return ca && caKey && certificate && key ? { ca, caKey, certificate, key } : undefined;
}

function encode(text: string): string {
  return Buffer.from(text).toString('base64');
}
