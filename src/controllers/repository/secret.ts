import { CREDENTIAL_KEYS, type Credentials } from '../../git/credentials.ts';
import { GitError } from '../../git/errors.ts';
import { isApiError } from '../../kube/errors.ts';

/** Reads Secrets, live each time: they are never cached. */
export interface SecretReader {
  /** The decoded values by key; undefined when there is no such Secret. */
  read(namespace: string, name: string, signal?: AbortSignal): Promise<Record<string, string> | undefined>;
}

/**
 * The Git credentials that `spec.secretRef` names; undefined when it names none. Only the keys that Git needs are taken.
 * Throws GitError `InvalidCredentials` when the Secret is absent or may not be read, and whatever else the reader throws.
 */
export async function readCredentials(
  reader: SecretReader,
  namespace: string,
  secretRef: { readonly name: string } | undefined,
  signal?: AbortSignal,
): Promise<Credentials | undefined> {
  if (secretRef === undefined) return undefined;
  const data = await reader.read(namespace, secretRef.name, signal).catch((cause: unknown) => {
    if (!isApiError(cause, 'forbidden')) throw cause;
    throw new GitError(
      'InvalidCredentials',
      `the operator may not read the Secret ${secretRef.name} in namespace ${namespace}: let its role do so`,
      { cause },
    );
  });
  if (data === undefined) {
    throw new GitError(
      'InvalidCredentials',
      `there is no Secret ${secretRef.name} in namespace ${namespace}: create it with the keys username and password (https) or identity and known_hosts (ssh), or correct spec.secretRef`,
    );
  }
  return { values: Object.fromEntries(CREDENTIAL_KEYS.map(key => [key, data[key]])) };
}
