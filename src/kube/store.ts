import type { Logger } from './logger.ts';
import { silentLogger } from './logger.ts';
import type { ObjectMeta } from './objects.ts';
import { controllerOf, keyOf } from './objects.ts';

/** The least that a stored (projected) object must keep. */
export interface Stored {
  metadata: { name: string; namespace?: string; uid: string; resourceVersion: string };
}

/** A transition of one key. An object that was deleted and made anew under its name is `deleted`, then `added`. */
export type StoreEvent<T> =
  | { type: 'added'; key: string; object: T }
  | { type: 'updated'; key: string; old: T; object: T }
  | { type: 'deleted'; key: string; old: T };

/** Must not throw (it is caught and logged) and must not change the objects. */
type StoreHandler<T> = (event: StoreEvent<T>) => void;

/** The values under which an index finds an object. */
type IndexFunction<T> = (object: T) => readonly string[];

/** What controllers see: a cache, always a little behind the API server. Objects are shared: never change one. */
export interface ReadonlyStore<T extends Stored> {
  readonly size: number;
  get(key: string): T | undefined;
  values(): IterableIterator<T>;
  /** All objects of which the index function named `index` gave `value`, oldest entry first. Throws on an unknown index. */
  byIndex(index: string, value: string): readonly T[];
  /** How many `byIndex` would give, without building the list. */
  countByIndex(index: string, value: string): number;
  /**
   * Calls the handler for every object present (as `added`) and then for every transition, in order. When it is called, the store
   * already shows the event. Returns the way to end it.
   */
  subscribe(handler: StoreHandler<T>): () => void;
}

/** What a reflector writes to. */
export interface Store<T extends Stored> extends ReadonlyStore<T> {
  set(object: T): void;
  delete(key: string): void;
  /** Makes the contents exactly `objects`; handlers get the difference. Unchanged resourceVersions are no difference. */
  replace(objects: Iterable<T>): void;
}

export interface StoreOptions<T> {
  /** By name, such as `{owner: byOwnerUid}`. */
  indexes?: Record<string, IndexFunction<T>>;
  logger?: Logger;
}

/** An indexed store. Reads are maps, so they cost nothing to repeat. */
export function createStore<T extends Stored>({ indexes = {}, logger = silentLogger }: StoreOptions<T> = {}): Store<T> {
  const objects = new Map<string, T>();
  const indices = new Map(Object.entries(indexes).map(([name, values]) => [name, createIndex(values)]));
  const handlers = new Set<StoreHandler<T>>();

  const put = (key: string, object: T, old: T | undefined): StoreEvent<T>[] => {
    objects.set(key, object);
    for (const index of indices.values()) index.move(key, old, object);
    if (old === undefined) return [{ type: 'added', key, object }];
    if (old.metadata.uid === object.metadata.uid) return [{ type: 'updated', key, old, object }];
    return [
      { type: 'deleted', key, old },
      { type: 'added', key, object },
    ];
  };

  const drop = (key: string, old: T): StoreEvent<T>[] => {
    objects.delete(key);
    for (const index of indices.values()) index.move(key, old, undefined);
    return [{ type: 'deleted', key, old }];
  };

  const tell = (handler: StoreHandler<T>, event: StoreEvent<T>): void => {
    try {
      handler(event);
    } catch (err) {
      logger.error({ err, key: event.key, event: event.type }, 'a store handler failed; the others go on');
    }
  };

  const notify = (events: readonly StoreEvent<T>[]): void => {
    // A handler that subscribes another must not let it see these events, which its first call already includes.
    const current = [...handlers];
    for (const event of events) {
      for (const handler of current) if (handlers.has(handler)) tell(handler, event);
    }
  };

  const keysOf = (index: string, value: string): ReadonlySet<string> => {
    const found = indices.get(index);
    if (found === undefined)
      throw new RangeError(`no index ${index}; there are ${[...indices.keys()].join(', ') || 'none'}`);
    return found.keys(value);
  };

  return {
    get size() {
      return objects.size;
    },
    get: key => objects.get(key),
    values: () => objects.values(),
    byIndex: (index, value) => [...keysOf(index, value)].map(key => objects.get(key)!),
    countByIndex: (index, value) => keysOf(index, value).size,
    subscribe: handler => {
      handlers.add(handler);
      for (const [key, object] of [...objects]) tell(handler, { type: 'added', key, object });
      return () => handlers.delete(handler);
    },
    set: object => {
      const key = keyOf(object.metadata);
      const old = objects.get(key);
      if (old === undefined || !isSame(old, object)) notify(put(key, object, old));
    },
    delete: key => {
      const old = objects.get(key);
      if (old !== undefined) notify(drop(key, old));
    },
    replace: replacement => {
      const incoming = new Map([...replacement].map(object => [keyOf(object.metadata), object]));
      const gone = [...objects].filter(([key]) => !incoming.has(key));
      const changed = [...incoming].filter(([key, object]) => {
        const old = objects.get(key);
        return old === undefined || !isSame(old, object);
      });
      notify([
        ...gone.flatMap(([key, old]) => drop(key, old)),
        ...changed.flatMap(([key, object]) => put(key, object, objects.get(key))),
      ]);
    },
  };
}

/** What a reflector needs of a store. */
export type Fillable<T extends Stored> = Pick<Store<T>, 'get' | 'set' | 'delete' | 'replace'>;

/** The part of a store that holds one namespace, so that several reflectors can fill one store: each replaces only what is its own. */
export function namespacePart<T extends Stored>(store: Store<T>, namespace: string): Fillable<T> {
  return {
    get: store.get,
    set: store.set,
    delete: store.delete,
    replace(objects) {
      const incoming = new Map([...objects].map(object => [keyOf(object.metadata), object]));
      const gone = [...store.values()]
        .filter(({ metadata }) => metadata.namespace === namespace)
        .map(({ metadata }) => keyOf(metadata))
        .filter(key => !incoming.has(key));
      for (const key of gone) store.delete(key);
      for (const object of incoming.values()) store.set(object);
    },
  };
}

/** Index by the UID of every owner. */
export function byOwnerUid(object: { metadata: ObjectMeta }): readonly string[] {
  return object.metadata.ownerReferences?.map(owner => owner.uid) ?? [];
}

/** Index by the UID of the one owner that controls the object. */
export function byControllerUid(object: { metadata: ObjectMeta }): readonly string[] {
  const owner = controllerOf(object);
  return owner === undefined ? [] : [owner.uid];
}

/** Index by a label's value. */
export function byLabel(label: string): (object: { metadata: ObjectMeta }) => readonly string[] {
  return ({ metadata }) => {
    const value = metadata.labels?.[label];
    return value === undefined ? [] : [value];
  };
}

/** Index by namespace. */
export function byNamespace({ metadata }: { metadata: ObjectMeta }): readonly string[] {
  return metadata.namespace === undefined ? [] : [metadata.namespace];
}

function isSame(a: Stored, b: Stored): boolean {
  return a.metadata.uid === b.metadata.uid && a.metadata.resourceVersion === b.metadata.resourceVersion;
}

const noKeys: ReadonlySet<string> = new Set();

function createIndex<T>(valuesOf: IndexFunction<T>) {
  const keysByValue = new Map<string, Set<string>>();
  return {
    keys: (value: string): ReadonlySet<string> => keysByValue.get(value) ?? noKeys,
    move: (key: string, old: T | undefined, object: T | undefined): void => {
      const before = old === undefined ? [] : valuesOf(old);
      const after = object === undefined ? [] : valuesOf(object);
      for (const value of before) {
        if (after.includes(value)) continue;
        const keys = keysByValue.get(value);
        keys?.delete(key);
        if (keys?.size === 0) keysByValue.delete(value);
      }
      for (const value of after) {
        const keys = keysByValue.get(value);
        if (keys === undefined) keysByValue.set(value, new Set([key]));
        else keys.add(key);
      }
    },
  };
}
