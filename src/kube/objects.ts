import type {
  V1ConfigMap,
  V1LeaseSpec,
  V1ObjectReference,
  V1PersistentVolumeClaimSpec,
  V1PersistentVolumeClaimStatus,
  V1PodSpec,
  V1PodStatus,
  V1Secret,
  V1ServiceAccount,
} from '@kubernetes/client-node';

/** Ownership as Kubernetes' garbage collector reads it. */
export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  /** At most one owner of an object is its controller. */
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

/** metadata of any object; every field is optional because a manifest may leave it to the API server. */
export interface ObjectMeta {
  name?: string;
  generateName?: string;
  namespace?: string;
  uid?: string;
  /** Opaque: compare for equality only. */
  resourceVersion?: string;
  generation?: number;
  /** RFC 3339, seconds. */
  creationTimestamp?: string;
  /** RFC 3339, seconds. Set once deletion was asked for; the object lives on until its finalizers are gone. */
  deletionTimestamp?: string;
  deletionGracePeriodSeconds?: number;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  ownerReferences?: OwnerReference[];
  finalizers?: string[];
  managedFields?: unknown[];
}

/** What the API server always fills in. */
export interface LiveMeta extends ObjectMeta {
  name: string;
  uid: string;
  resourceVersion: string;
  creationTimestamp: string;
}

/** Any Kubernetes object as JSON: as a manifest that we send. */
export interface KubeObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
}

/** An object that came from the API server. */
export type Live<T extends KubeObject = KubeObject> = T & { metadata: LiveMeta };

/** A condition as `metav1.Condition` defines it. */
interface Condition {
  /** CamelCase, unique in its list. */
  type: string;
  status: 'True' | 'False' | 'Unknown';
  /** CamelCase, never empty. */
  reason: string;
  /** At most 32,768 characters. */
  message: string;
  /** RFC 3339, seconds; moves only when `status` does. */
  lastTransitionTime: string;
  observedGeneration?: number;
}

/** One page of a list. */
export interface KubeList<T extends KubeObject = KubeObject> {
  apiVersion: string;
  kind: string;
  metadata: {
    resourceVersion: string;
    /** Present when there are more pages. */
    continue?: string;
    remainingItemCount?: number;
  };
  /** The API server leaves apiVersion and kind out of typed items; the client puts them back. */
  items: Live<T>[];
}

/** Names one object of a known type. `namespace` is needed exactly for namespaced types. */
export interface ObjectRef {
  name: string;
  namespace?: string | undefined;
}

/**
 * A resource of the API. `T` is the shape of its objects; it exists for the type checker only, `objectType` never holds a value.
 */
export interface ResourceType<T extends KubeObject = KubeObject> {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly objectType?: T;
}

/** Declares a resource together with the shape of its objects: `defineResource<Pod>({...})`. */
export function defineResource<T extends KubeObject>(resource: Omit<ResourceType<T>, 'objectType'>): ResourceType<T> {
  return resource;
}

/** `v1`, `apps/v1`: what stands in an object's `apiVersion`. */
export function apiVersionOf(type: Pick<ResourceType, 'group' | 'version'>): string {
  return type.group === '' ? type.version : `${type.group}/${type.version}`;
}

/**
 * A type of @kubernetes/client-node as it looks in JSON: dates are strings, and the underscore that its generator puts
 * before JavaScript's reserved words is gone.
 */
type Wire<T> = T extends Date
  ? string
  : T extends (infer Item)[]
    ? Wire<Item>[]
    : T extends object
      ? { [K in keyof T as K extends `_${infer Name}` ? Name : K]: Wire<T[K]> }
      : T;

export type ObjectReference = Wire<V1ObjectReference>;

export interface Pod extends KubeObject {
  spec: Wire<V1PodSpec>;
  status?: Wire<V1PodStatus>;
}

export interface ConfigMap extends KubeObject, Pick<Wire<V1ConfigMap>, 'data' | 'binaryData' | 'immutable'> {}

export interface Secret extends KubeObject, Pick<Wire<V1Secret>, 'data' | 'stringData' | 'immutable' | 'type'> {}

export interface Lease extends KubeObject {
  spec?: Wire<V1LeaseSpec>;
}

export interface ServiceAccount
  extends KubeObject,
    Pick<Wire<V1ServiceAccount>, 'automountServiceAccountToken' | 'imagePullSecrets' | 'secrets'> {}

export interface Namespace extends KubeObject {
  status?: { phase?: 'Active' | 'Terminating' };
}

export interface PersistentVolumeClaim extends KubeObject {
  spec: Wire<V1PersistentVolumeClaimSpec>;
  status?: Wire<V1PersistentVolumeClaimStatus>;
}

/** events.k8s.io/v1. Only `series` may change after creation. */
export interface KubeEvent extends KubeObject {
  /** RFC 3339 with microseconds. */
  eventTime: string;
  type: 'Normal' | 'Warning';
  reason: string;
  action: string;
  /** At most 1 KiB. */
  note?: string;
  regarding?: ObjectReference;
  related?: ObjectReference;
  reportingController: string;
  reportingInstance: string;
  series?: { count: number; lastObservedTime: string };
}

/** The parts of a CustomResourceDefinition that say whether it is served. */
export interface CustomResourceDefinition extends KubeObject {
  spec: {
    group: string;
    scope: 'Namespaced' | 'Cluster';
    names: { plural: string; kind: string; [field: string]: unknown };
    versions: { name: string; served: boolean; storage: boolean; [field: string]: unknown }[];
    [field: string]: unknown;
  };
  status?: { conditions?: Condition[] };
}

export const pods = defineResource<Pod>({ group: '', version: 'v1', plural: 'pods', kind: 'Pod', namespaced: true });

export const configMaps = defineResource<ConfigMap>({
  group: '',
  version: 'v1',
  plural: 'configmaps',
  kind: 'ConfigMap',
  namespaced: true,
});

export const secrets = defineResource<Secret>({
  group: '',
  version: 'v1',
  plural: 'secrets',
  kind: 'Secret',
  namespaced: true,
});

export const serviceAccounts = defineResource<ServiceAccount>({
  group: '',
  version: 'v1',
  plural: 'serviceaccounts',
  kind: 'ServiceAccount',
  namespaced: true,
});

export const namespaces = defineResource<Namespace>({
  group: '',
  version: 'v1',
  plural: 'namespaces',
  kind: 'Namespace',
  namespaced: false,
});

export const persistentVolumeClaims = defineResource<PersistentVolumeClaim>({
  group: '',
  version: 'v1',
  plural: 'persistentvolumeclaims',
  kind: 'PersistentVolumeClaim',
  namespaced: true,
});

export const leases = defineResource<Lease>({
  group: 'coordination.k8s.io',
  version: 'v1',
  plural: 'leases',
  kind: 'Lease',
  namespaced: true,
});

export const events = defineResource<KubeEvent>({
  group: 'events.k8s.io',
  version: 'v1',
  plural: 'events',
  kind: 'Event',
  namespaced: true,
});

export const customResourceDefinitions = defineResource<CustomResourceDefinition>({
  group: 'apiextensions.k8s.io',
  version: 'v1',
  plural: 'customresourcedefinitions',
  kind: 'CustomResourceDefinition',
  namespaced: false,
});

/** `namespace/name`, or `name` for a cluster-scoped object: the key of stores and queues. */
export function keyOf(ref: { name: string; namespace?: string | undefined }): string {
  return ref.namespace === undefined || ref.namespace === '' ? ref.name : `${ref.namespace}/${ref.name}`;
}

/** The reverse of `keyOf`. */
export function parseKey(key: string): ObjectRef {
  const slash = key.indexOf('/');
  return slash === -1 ? { name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

/** The owner that controls the object, if any. */
export function controllerOf(object: { metadata: ObjectMeta }): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find(owner => owner.controller === true);
}

/** The reference that makes `owner` the controller of a new object, so that garbage collection removes it with its owner. */
export function controllerReference(owner: Live): OwnerReference {
  return {
    apiVersion: owner.apiVersion,
    kind: owner.kind,
    name: owner.metadata.name,
    uid: owner.metadata.uid,
    controller: true,
    blockOwnerDeletion: true,
  };
}

/** `{a: '1', b: '2'}` as the label selector `a=1,b=2`. */
export function matchLabels(labels: Record<string, string>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(',');
}
