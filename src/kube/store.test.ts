import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Logger } from './logger.ts';
import { silentLogger } from './logger.ts';
import type { ObjectMeta } from './objects.ts';
import type { Store, StoreEvent } from './store.ts';
import { byControllerUid, byLabel, byNamespace, byOwnerUid, createStore, namespacePart } from './store.ts';

interface Thing {
  metadata: ObjectMeta & { name: string; namespace: string; uid: string; resourceVersion: string };
}

function thing(name: string, version = '1', fields: Partial<Thing['metadata']> = {}): Thing {
  return { metadata: { name, namespace: 'n', uid: `uid-${name}`, resourceVersion: version, ...fields } };
}

function record(store: Store<Thing>): string[] {
  const seen: string[] = [];
  store.subscribe(event => {
    switch (event.type) {
      case 'added':
        seen.push(`+${event.key}@${event.object.metadata.resourceVersion}`);
        break;
      case 'updated':
        seen.push(`${event.key}@${event.old.metadata.resourceVersion}>${event.object.metadata.resourceVersion}`);
        break;
      case 'deleted':
        seen.push(`-${event.key}@${event.old.metadata.resourceVersion}`);
        break;
    }
  });
  return seen;
}

describe('createStore', () => {
  it('given sets and deletes, then handlers get each transition with what was before', () => {
    const store = createStore<Thing>();
    const seen = record(store);
    store.set(thing('a', '1'));
    store.set(thing('a', '2'));
    store.delete('n/a');
    store.delete('n/a');
    expect(seen).toEqual(['+n/a@1', 'n/a@1>2', '-n/a@2']);
  });

  it('given the same version again, then nothing has happened', () => {
    const store = createStore<Thing>();
    store.set(thing('a'));
    const seen = record(store);
    store.set(thing('a'));
    expect(seen).toEqual(['+n/a@1']);
  });

  it('given an object that was deleted and made anew, when the deletion was missed, then handlers still get it', () => {
    const store = createStore<Thing>();
    store.set(thing('a', '1'));
    const seen = record(store);
    store.set(thing('a', '5', { uid: 'another' }));
    expect(seen.slice(1)).toEqual(['-n/a@1', '+n/a@5']);
  });

  it('given a replacement, then handlers get the difference, deletions first', () => {
    const store = createStore<Thing>();
    for (const name of ['a', 'b', 'c', 'd']) store.set(thing(name, '1'));
    const seen = record(store);
    seen.length = 0;
    const uid = 'another';
    store.replace([thing('a', '1'), thing('b', '2'), thing('d', '7', { uid }), thing('e', '3')]);
    expect(seen).toEqual(['-n/c@1', 'n/b@1>2', '-n/d@1', '+n/d@7', '+n/e@3']);
    expect([...store.values()].map(object => object.metadata.name).sort()).toEqual(['a', 'b', 'd', 'e']);
  });

  it('given a handler, when it is called, then the store already shows the event', () => {
    const store = createStore<Thing>();
    const shown: unknown[] = [];
    store.subscribe(event => {
      shown.push(store.get(event.key)?.metadata.resourceVersion);
    });
    store.set(thing('a', '1'));
    store.replace([thing('b', '2')]);
    expect(shown).toEqual(['1', undefined, '2']);
  });

  it('given a late handler, then it gets what is there as added, and an ended one gets nothing more', () => {
    const store = createStore<Thing>();
    store.set(thing('a'));
    const seen: string[] = [];
    const end = store.subscribe(event => {
      seen.push(`${event.type} ${event.key}`);
    });
    store.set(thing('b'));
    end();
    store.set(thing('c'));
    expect(seen).toEqual(['added n/a', 'added n/b']);
  });

  it('given a handler that subscribes another one during an event, then that one gets nothing twice', () => {
    const store = createStore<Thing>();
    const seen: string[] = [];
    const end = store.subscribe(() => {
      end();
      store.subscribe(event => {
        seen.push(event.key);
      });
    });
    store.replace([thing('a'), thing('b')]);
    expect(seen).toEqual(['n/a', 'n/b']);
  });

  it('given a handler that throws, then it is logged and the others get the event', () => {
    const errors: object[] = [];
    const logger: Logger = { ...silentLogger, error: fields => errors.push(fields) };
    const store = createStore<Thing>({ logger });
    store.subscribe(() => {
      throw new Error('broken');
    });
    const seen = record(store);
    store.set(thing('a'));
    expect(seen).toEqual(['+n/a@1']);
    expect(errors).toMatchObject([{ key: 'n/a', err: { message: 'broken' } }]);
  });

  it('given an object that changes and stays under its value, then it keeps its place among the others', () => {
    const store = createStore<Thing>({ indexes: { namespace: byNamespace } });
    for (const name of ['a', 'b', 'c']) store.set(thing(name, '1'));
    store.set(thing('a', '2'));
    expect(store.byIndex('namespace', 'n').map(object => object.metadata.name)).toEqual(['a', 'b', 'c']);
  });

  it('given an unknown index, then the error names those that there are', () => {
    const store = createStore<Thing>({ indexes: { owner: byOwnerUid } });
    expect(() => store.byIndex('parent', 'x')).toThrow('no index parent; there are owner');
    expect(() => createStore<Thing>().countByIndex('x', 'y')).toThrow('there are none');
  });

  it('given any history of sets, deletes and replacements, then events add up to the contents and indexes are right', () => {
    const name = fc.constantFrom('a', 'b', 'c', 'd');
    const object = fc.record({
      name,
      version: fc.constantFrom('1', '2', '3'),
      uid: fc.constantFrom('x', 'y'),
      owner: fc.subarray(['o1', 'o2']),
    });
    const step = fc.oneof(
      fc.record({ kind: fc.constant('set' as const), object }),
      fc.record({ kind: fc.constant('delete' as const), name }),
      fc.record({
        kind: fc.constant('replace' as const),
        objects: fc.uniqueArray(object, { selector: ({ name }) => name }),
      }),
    );
    const build = ({
      name,
      version,
      uid,
      owner,
    }: {
      name: string;
      version: string;
      uid: string;
      owner: string[];
    }): Thing =>
      thing(name, version, {
        uid,
        // As in Kubernetes, the content belongs to the version.
        ownerReferences: owner.map(id => ({
          apiVersion: 'v1',
          kind: 'Owner',
          name: id,
          uid: `${id}-${version}-${uid}`,
        })),
      });
    fc.assert(
      fc.property(fc.array(step), steps => {
        const store = createStore<Thing>({ indexes: { owner: byOwnerUid } });
        const folded = new Map<string, Thing>();
        store.subscribe((event: StoreEvent<Thing>) => {
          switch (event.type) {
            case 'added':
              expect(folded.has(event.key)).toBe(false);
              folded.set(event.key, event.object);
              break;
            case 'updated':
              expect(folded.get(event.key)).toBe(event.old);
              expect(event.old.metadata.uid).toBe(event.object.metadata.uid);
              folded.set(event.key, event.object);
              break;
            case 'deleted':
              expect(folded.get(event.key)).toBe(event.old);
              folded.delete(event.key);
              break;
          }
        });
        for (const current of steps) {
          if (current.kind === 'set') store.set(build(current.object));
          else if (current.kind === 'delete') store.delete(`n/${current.name}`);
          else {
            store.replace(current.objects.map(build));
            const wanted = current.objects.map(({ name, version, uid }) => `${name} ${version} ${uid}`);
            const got = [...store.values()].map(({ metadata: m }) => `${m.name} ${m.resourceVersion} ${m.uid}`);
            expect(got.sort()).toEqual(wanted.sort());
          }
          expect(new Map([...store.values()].map(value => [`n/${value.metadata.name}`, value]))).toEqual(folded);
          expect(store.size).toBe(folded.size);
          const owners = new Set([...store.values()].flatMap(byOwnerUid));
          for (const owner of [...owners, 'nobody']) {
            const expected = [...store.values()].filter(value => byOwnerUid(value).includes(owner));
            expect(new Set(store.byIndex('owner', owner))).toEqual(new Set(expected));
            expect(store.countByIndex('owner', owner)).toBe(expected.length);
          }
        }
      }),
    );
  });
});

describe('the part of a store for one namespace', () => {
  const inNamespace = (namespace: string, name: string, version: string) => {
    const { metadata, ...rest } = thing(name, version);
    return { ...rest, metadata: { ...metadata, namespace } };
  };

  it('given a list of that namespace, then it replaces what is there, and nothing of another one', () => {
    const store = createStore<ReturnType<typeof inNamespace>>();
    const [one, two] = ['one', 'two'].map(namespace => namespacePart(store, namespace)) as [
      ReturnType<typeof namespacePart>,
      ReturnType<typeof namespacePart>,
    ];
    one.replace([inNamespace('one', 'a', '1'), inNamespace('one', 'b', '1')]);
    two.replace([inNamespace('two', 'a', '1')]);
    const events: string[] = [];
    store.subscribe(({ type, key }) => events.push(`${type} ${key}`));
    events.length = 0;
    one.replace([inNamespace('one', 'b', '2'), inNamespace('one', 'c', '1')]);
    expect(events).toEqual(['deleted one/a', 'updated one/b', 'added one/c']);
    expect(one.get('two/a')).toBe(two.get('two/a'));
    one.replace([]);
    expect([...store.values()].map(({ metadata }) => metadata.namespace)).toEqual(['two']);
  });

  it('given any lists, then each namespace has what was listed for it last', () => {
    const namespaces = ['one', 'two', 'three'];
    const list = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd'));
    const step = fc.record({ namespace: fc.constantFrom(...namespaces), names: list });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), steps => {
        const store = createStore<ReturnType<typeof inNamespace>>();
        const last = new Map<string, readonly string[]>();
        for (const [version, { namespace, names }] of steps.entries()) {
          namespacePart(store, namespace).replace(names.map(name => inNamespace(namespace, name, String(version))));
          last.set(namespace, names);
        }
        const expected = [...last].flatMap(([namespace, names]) => names.map(name => `${namespace}/${name}`));
        expect([...store.values()].map(({ metadata: m }) => `${m.namespace}/${m.name}`).sort()).toEqual(
          expected.sort(),
        );
      }),
    );
  });
});

describe('index functions', () => {
  const owner = { apiVersion: 'v1', kind: 'Owner', name: 'o' };
  const owned = thing('a', '1', {
    labels: { k: 'v' },
    ownerReferences: [
      { ...owner, uid: 'plain' },
      { ...owner, uid: 'controls', controller: true },
    ],
  });

  it('given an object with owners and labels, then each finds it by its own', () => {
    expect(byOwnerUid(owned)).toEqual(['plain', 'controls']);
    expect(byControllerUid(owned)).toEqual(['controls']);
    expect(byLabel('k')(owned)).toEqual(['v']);
    expect(byNamespace(owned)).toEqual(['n']);
  });

  it('given an object without them, then none finds it', () => {
    const bare = { metadata: {} };
    expect([byOwnerUid(bare), byControllerUid(bare), byLabel('k')(bare), byNamespace(bare)]).toEqual([[], [], [], []]);
  });
});
