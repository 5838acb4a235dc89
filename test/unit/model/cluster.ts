import { isDeepStrictEqual } from 'node:util';
import type { KubeClient } from '../../../src/kube/client.ts';
import { ApiError, type ErrorClass } from '../../../src/kube/errors.ts';
import { type KubeObject, keyOf, type Live, type ObjectRef, type ResourceType } from '../../../src/kube/objects.ts';
import type { JsonPatchOperation } from '../../../src/kube/options.ts';

export type Stored = Live<KubeObject> & { readonly spec?: object; readonly status?: object };

/** A change as a watch tells it. */
export interface Change {
  /** Plural of the resource. */
  readonly type: string;
  readonly key: string;
  /** Absent: it was deleted. */
  readonly object: Stored | undefined;
}

type Method = 'get' | 'create' | 'mergePatch' | 'jsonPatch' | 'applyServerSide' | 'delete' | 'deleteCollection';

/** Stands between a client and the cluster: it may throw before a call has an effect, or after. */
export interface Transport {
  before(method: Method): Promise<void>;
  after(method: Method): Promise<void>;
}

export interface ModelCluster {
  /** All changes so far, oldest first. */
  readonly changes: readonly Change[];
  /** Called for each change at the moment that it happens. */
  onChange(observer: (change: Change, old: Stored | undefined) => void): void;
  /** A client whose calls go through `transport`. */
  client(transport: Transport): KubeClient;
  all<T extends KubeObject>(type: ResourceType<T>): Live<T>[];
  /** Changes an object as another component than the operator does; what is absent stays so. */
  change<T extends KubeObject>(type: ResourceType<T>, ref: ObjectRef, to: (object: Live<T>) => Live<T>): void;
  /** Creates an object as a user does. */
  create<T extends KubeObject>(type: ResourceType<T>, object: T): Live<T>;
  /** `kubectl delete`. */
  delete(type: ResourceType, ref: ObjectRef): void;
  /** What Kubernetes' garbage collector does: deletes what has owners of which none is left. Says whether it did anything. */
  collectGarbage(): boolean;
}

/** The parts of the API server's behaviour that the run controller rests on, in memory and without delay. */
export function createModelCluster(now: () => Date): ModelCluster {
  const objects = new Map<string, Map<string, Stored>>();
  const changes: Change[] = [];
  const observers: ((change: Change, old: Stored | undefined) => void)[] = [];
  let version = 0;
  let created = 0;

  const ofType = (type: ResourceType): Map<string, Stored> => {
    const found = objects.get(type.plural) ?? new Map<string, Stored>();
    objects.set(type.plural, found);
    return found;
  };

  function write(type: ResourceType, key: string, object: Stored | undefined): Stored | undefined {
    const old = ofType(type).get(key);
    version += 1;
    const next = object && { ...object, metadata: { ...object.metadata, resourceVersion: String(version) } };
    if (next === undefined) ofType(type).delete(key);
    else ofType(type).set(key, next);
    const change = { type: type.plural, key, object: next };
    changes.push(change);
    for (const observer of observers) observer(change, old);
    return next;
  }

  function find(type: ResourceType, ref: ObjectRef): Stored {
    const found = ofType(type).get(keyOf(ref));
    if (found === undefined) throw apiError('notFound', `${type.plural} "${ref.name}" not found`);
    return found;
  }

  /** Stores a changed object, and removes it when nothing holds it any more. An update that changes nothing is none. */
  function update(type: ResourceType, old: Stored, next: Stored): Stored {
    const specChanged = !isDeepStrictEqual(old.spec, next.spec);
    const generation = (old.metadata.generation ?? 1) + (specChanged ? 1 : 0);
    const object = { ...next, metadata: { ...next.metadata, generation } };
    if (isDeepStrictEqual(object, { ...old, metadata: { ...old.metadata, generation } })) return old;
    const key = keyOf(old.metadata);
    if (isLetGo(object)) {
      write(type, key, undefined);
      return object;
    }
    return write(type, key, object)!;
  }

  function create(type: ResourceType, object: KubeObject): Stored {
    const { metadata } = object;
    const key = keyOf({ name: metadata.name!, namespace: metadata.namespace });
    if (ofType(type).has(key)) throw apiError('alreadyExists', `${type.plural} "${metadata.name}" already exists`);
    created += 1;
    const uid = `00000000-0000-4000-8000-${String(created).padStart(12, '0')}`;
    const creationTimestamp = `${now().toISOString().slice(0, 19)}Z`;
    const live = {
      ...structuredClone(object),
      metadata: { ...structuredClone(metadata), uid, creationTimestamp, generation: 1 },
    };
    return write(type, key, live as unknown as Stored)!;
  }

  function remove(type: ResourceType, found: Stored): void {
    if (found.metadata.deletionTimestamp !== undefined) return;
    update(type, found, {
      ...found,
      metadata: { ...found.metadata, deletionTimestamp: `${now().toISOString().slice(0, 19)}Z` },
    });
  }

  function client(transport: Transport): KubeClient {
    const call = async <R>(method: Method, effect: () => R): Promise<R> => {
      await transport.before(method);
      const result = effect();
      await transport.after(method);
      return result;
    };
    const known: Pick<KubeClient, Method> = {
      get: (type, ref) => call('get', () => find(type, ref)) as never,
      create: (type, object) => call('create', () => create(type, object)) as never,
      mergePatch: (type, ref, patch) =>
        call('mergePatch', () => {
          const found = find(type, ref);
          const { spec } = patch as { spec: object };
          return update(type, found, { ...found, spec: { ...found.spec, ...spec } });
        }) as never,
      applyServerSide: (type, configuration) =>
        call('applyServerSide', () => {
          const { metadata, status } = configuration as unknown as Stored;
          const found = find(type, metadata);
          if (metadata.resourceVersion !== undefined && metadata.resourceVersion !== found.metadata.resourceVersion)
            throw apiError('conflict', 'the object has been modified');
          return update(type, found, { ...found, status: structuredClone(status) as object });
        }) as never,
      jsonPatch: (type, ref, patch) =>
        call('jsonPatch', () => {
          const found = find(type, ref);
          return update(type, found, takeFinalizer(found, patch));
        }) as never,
      delete: (type, ref, options) =>
        call('delete', () => {
          const found = find(type, ref);
          const uid = options?.preconditions?.uid;
          if (uid !== undefined && uid !== found.metadata.uid) throw apiError('conflict', 'the UID does not match');
          remove(type, found);
        }),
      deleteCollection: (type, { labelSelector = '' }) =>
        call('deleteCollection', () => {
          const [label = '', value] = labelSelector.split('=');
          for (const found of [...ofType(type).values()]) {
            if (found.metadata.labels?.[label] === value) remove(type, found);
          }
        }),
    };
    return known as KubeClient;
  }

  return {
    changes,
    onChange: observer => void observers.push(observer),
    client,
    all: type => [...ofType(type).values()] as never,
    change(type, ref, to) {
      const found = ofType(type).get(keyOf(ref));
      if (found !== undefined) update(type, found, to(found as never) as unknown as Stored);
    },
    create: (type, object) => create(type, object) as never,
    delete(type, ref) {
      const found = ofType(type).get(keyOf(ref));
      if (found !== undefined) remove(type, found);
    },
    collectGarbage() {
      const before = version;
      const uids = new Set([...objects.values()].flatMap(all => [...all.values()].map(({ metadata }) => metadata.uid)));
      for (const [plural, all] of objects) {
        for (const found of [...all.values()]) {
          const owners = found.metadata.ownerReferences ?? [];
          if (owners.length === 0 || owners.some(({ uid }) => uids.has(uid))) continue;
          remove({ plural } as ResourceType, found);
        }
      }
      return version > before;
    },
  };
}

/** Whether an object that is being deleted is gone: no finalizer holds it and, if it is a Pod that runs, its node has ended it. */
function isLetGo({ kind, metadata, status }: Stored): boolean {
  if (metadata.deletionTimestamp === undefined || (metadata.finalizers ?? []).length > 0) return false;
  if (kind !== 'Pod') return true;
  const { containerStatuses = [] } = (status ?? {}) as { containerStatuses?: { state?: { running?: object } }[] };
  return containerStatuses.every(({ state }) => state?.running === undefined);
}

/** The one JSON patch that the operator sends: tests, then the removal of a finalizer. */
function takeFinalizer(found: Stored, patch: readonly JsonPatchOperation[]): Stored {
  const finalizers = found.metadata.finalizers ?? [];
  const valueAt = (path: string): unknown =>
    path === '/metadata/uid' ? found.metadata.uid : finalizers[Number(path.split('/').at(-1))];
  for (const operation of patch) {
    if (operation.op === 'test' && valueAt(operation.path) !== operation.value)
      throw apiError('invalid', 'the test operation failed');
  }
  const removed = patch.find(operation => operation.op === 'remove');
  const position = Number(removed?.path.split('/').at(-1));
  return { ...found, metadata: { ...found.metadata, finalizers: finalizers.filter((_, index) => index !== position) } };
}

export function apiError(errorClass: ErrorClass, message: string): ApiError {
  return new ApiError({ class: errorClass, code: 0, reason: errorClass, message });
}
