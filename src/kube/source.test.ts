import { describe, expect, it } from 'vitest';
import type { ObjectMeta } from './objects.ts';
import type { KeyMapper, Predicate } from './source.ts';
import { storeSource, toController } from './source.ts';
import { createStore } from './store.ts';

interface Thing {
  metadata: ObjectMeta & { name: string; namespace: string; uid: string; resourceVersion: string };
}

function thing(version: string, owner?: string, kind = 'Parent'): Thing {
  const ownerReferences =
    owner === undefined ? [] : [{ apiVersion: 'example.com/v1', kind, name: owner, uid: owner, controller: true }];
  return { metadata: { name: 'a', namespace: 'n', uid: 'u', resourceVersion: version, ownerReferences } };
}

function started(options: { map?: KeyMapper<Thing>; when?: Predicate<Thing> } = {}) {
  const store = createStore<Thing>();
  const keys: string[] = [];
  const stop = storeSource(store, options).start(key => keys.push(key));
  return { store, keys, stop };
}

describe('storeSource', () => {
  it('given transitions, then their keys are enqueued until it is stopped', () => {
    const { store, keys, stop } = started();
    store.set(thing('1'));
    store.set(thing('2'));
    store.delete('n/a');
    stop();
    store.set(thing('3'));
    expect(keys).toEqual(['n/a', 'n/a', 'n/a']);
  });

  it('given a predicate, then only what it lets through is enqueued', () => {
    const { store, keys } = started({ when: event => event.type === 'deleted' });
    store.set(thing('1'));
    store.delete('n/a');
    expect(keys).toEqual(['n/a']);
  });

  it('given a mapper, then it may say one key, several or none', () => {
    const { store, keys } = started({
      map: event => (event.type === 'added' ? ['x', 'y'] : event.type === 'updated' ? undefined : 'z'),
    });
    store.set(thing('1'));
    store.set(thing('2'));
    store.delete('n/a');
    expect(keys).toEqual(['x', 'y', 'z']);
  });
});

describe('toController', () => {
  it('given owned objects, then their owner is enqueued, at a change of owner both', () => {
    const { store, keys } = started({ map: toController('example.com/v1', 'Parent') });
    store.set(thing('1', 'p'));
    store.set(thing('2', 'q'));
    store.set(thing('3', 'q'));
    store.delete('n/a');
    expect(keys).toEqual(['n/p', 'n/p', 'n/q', 'n/q', 'n/q']);
  });

  it('given an owner of another kind, or none, then nothing is enqueued', () => {
    const { store, keys } = started({ map: toController('example.com/v1', 'Parent') });
    store.set(thing('1', 'p', 'Other'));
    store.set(thing('2'));
    expect(keys).toEqual([]);
  });
});
