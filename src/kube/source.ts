import type { Source } from './controller.ts';
import type { ObjectMeta } from './objects.ts';
import { controllerOf, keyOf } from './objects.ts';
import type { ReadonlyStore, Stored, StoreEvent } from './store.ts';

/** The keys that a transition concerns; the default is the object's own. */
export type KeyMapper<T> = (event: StoreEvent<T>) => string | undefined | Iterable<string>;

/** True: the transition matters. */
export type Predicate<T> = (event: StoreEvent<T>) => boolean;

/** Enqueues for the transitions of a store; what is already there counts as added. */
export function storeSource<T extends Stored>(
  store: ReadonlyStore<T>,
  { map = event => event.key, when = () => true }: { map?: KeyMapper<T>; when?: Predicate<T> } = {},
): Source {
  return {
    start: enqueue =>
      store.subscribe(event => {
        if (!when(event)) return;
        const keys = map(event);
        if (keys === undefined) return;
        for (const key of typeof keys === 'string' ? [keys] : keys) enqueue(key);
      }),
  };
}

/**
 * Maps an object to the key of the owner that controls it, when that owner is of this kind; the owner is in the object's namespace.
 * A transition that changes the owner concerns both.
 */
export function toController<T extends Stored & { metadata: ObjectMeta }>(
  apiVersion: string,
  kind: string,
): KeyMapper<T> {
  const ownerKey = (object: T): string[] => {
    const owner = controllerOf(object);
    if (owner === undefined || owner.kind !== kind || owner.apiVersion !== apiVersion) return [];
    return [keyOf({ name: owner.name, namespace: object.metadata.namespace })];
  };
  return toKeys(ownerKey);
}

/** Maps a transition to the keys that the object names, before it and after it. */
export function toKeys<T extends Stored>(keysOf: (object: T) => readonly string[]): KeyMapper<T> {
  return event => {
    switch (event.type) {
      case 'added':
        return keysOf(event.object);
      case 'deleted':
        return keysOf(event.old);
      case 'updated':
        return new Set([...keysOf(event.old), ...keysOf(event.object)]);
    }
  };
}
