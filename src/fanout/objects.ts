import type { API_VERSION } from '../api/meta.ts';
import type { TakoRepositorySpec, TakoRepositoryStatus } from '../api/takorepository.ts';
import type { TakoRunSpec } from '../api/takorun.ts';
import type { TakoRunStatus } from '../api/takorun-status.ts';

/** One object of the cluster, for certain: a name can be used again, a UID cannot. */
export interface ObjectIdentity {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/** A name in a namespace. */
export type ObjectName = Pick<ObjectIdentity, 'namespace' | 'name'>;

interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean | undefined;
  readonly blockOwnerDeletion?: boolean | undefined;
}

/** What fan-out reads of an object's metadata. */
export interface Metadata {
  readonly name?: string | undefined;
  readonly namespace?: string | undefined;
  readonly uid?: string | undefined;
  readonly creationTimestamp?: string | undefined;
  readonly deletionTimestamp?: string | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  readonly ownerReferences?: readonly OwnerReference[] | undefined;
}

/** A TakoRun, as far as fan-out reads it. Any live TakoRun fits. */
export interface RunObject {
  readonly metadata: Metadata;
  readonly spec: TakoRunSpec;
  readonly status?: TakoRunStatus | undefined;
}

/** A TakoRepository, as far as fan-out reads it. Any live TakoRepository fits. */
export interface RepositoryObject {
  readonly metadata: Metadata;
  readonly spec: Pick<TakoRepositorySpec, 'suspend' | 'acceptEvents'>;
  readonly status?: Pick<TakoRepositoryStatus, 'slug' | 'revision' | 'subscriptions'> | undefined;
}

/** A TakoRun that is to be created. */
export interface RunManifest {
  apiVersion: typeof API_VERSION;
  kind: 'TakoRun';
  metadata: {
    name: string;
    namespace: string;
    labels: Record<string, string>;
    ownerReferences?: {
      apiVersion: string;
      kind: string;
      name: string;
      uid: string;
      controller: boolean;
      blockOwnerDeletion: boolean;
    }[];
  };
  spec: TakoRunSpec;
}

/** Who a live run is. Throws a TypeError for a manifest that no API server has completed. */
export function runIdentity(run: Pick<RunObject, 'metadata'>): ObjectIdentity {
  const { namespace, name, uid } = run.metadata;
  if (namespace === undefined || name === undefined || uid === undefined) {
    throw new TypeError(`expected a TakoRun from the API server, got one without namespace, name or uid (${name})`);
  }
  return { namespace, name, uid };
}

/** UID of the object that controls this one; at most one owner does. */
export function controllerUid(object: { readonly metadata: Metadata }): string | undefined {
  return object.metadata.ownerReferences?.find(owner => owner.controller === true)?.uid;
}
