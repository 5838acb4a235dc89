import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildSubscriberIndex } from './subscribers.ts';
import { buildRepository, buildSubscription } from './testing/builders.ts';

const SOURCE = 'acme/core-lib:core';

describe('subscriber index', () => {
  it('given repositories, when looked up, then those that listen to source and type are found, in sorted order', () => {
    const index = buildSubscriberIndex([
      buildRepository({ name: 'b', slug: 'acme/b' }),
      buildRepository({ name: 'z', slug: 'acme/a', namespace: 'two' }),
      buildRepository({ name: 'y', slug: 'acme/a', namespace: 'one' }),
      buildRepository({
        name: 'c',
        slug: 'acme/c',
        subscriptions: [buildSubscription({ source: 'acme/core-lib:other' })],
      }),
      buildRepository({ name: 'd', slug: 'acme/d', subscriptions: [buildSubscription({ events: ['library_gone'] })] }),
    ]);
    const found = index.find(SOURCE, 'library_built').map(({ namespace, slug }) => `${namespace} ${slug}`);
    expect(found).toEqual(['one acme/a', 'two acme/a', 'team acme/b']);
    expect(index.size).toBe(5);
  });

  it('given a repository with several subscriptions, then all that listen are found in file order', () => {
    const subscriptions = [
      buildSubscription({ index: 2, workflow: 'deploy' }),
      buildSubscription({ index: 0 }),
      buildSubscription({ index: 1, events: ['other', 'library_built', 'library_built'], workflow: 'lint' }),
    ];
    const index = buildSubscriberIndex([buildRepository({ subscriptions })]);
    expect(index.find(SOURCE, 'library_built').map(({ subscription }) => subscription.index)).toEqual([0, 1, 2]);
  });

  it('given a repository without a slug or without subscriptions, then it listens to nothing', () => {
    const { status: _, ...fresh } = buildRepository();
    const index = buildSubscriberIndex([fresh, buildRepository({ name: 'b', subscriptions: [] })]);
    expect(index.size).toBe(0);
    expect(index.find(SOURCE, 'library_built')).toEqual([]);
  });

  it('given what decides whether it may run, then the subscriber tells it', () => {
    const [subscriber] = buildSubscriberIndex([
      buildRepository({ suspend: true, revision: undefined, deletionTimestamp: '2026-01-01T00:00:00Z' }),
    ]).find(SOURCE, 'library_built');
    expect(subscriber).toMatchObject({ suspended: true, deleting: true, revision: undefined, slug: 'acme/app-one' });
  });

  it('given any history of changes, then it equals an index built from what is there', () => {
    const names = ['a', 'b', 'c'];
    const topics = ['x/y:one', 'x/y:two'];
    const subscription = fc.record({
      index: fc.nat({ max: 3 }),
      source: fc.constantFrom(...topics),
      events: fc.array(fc.constantFrom('built', 'gone'), { minLength: 1, maxLength: 3 }),
      workflow: fc.constantFrom('ci', 'deploy'),
    });
    const change = fc.record({
      name: fc.constantFrom(...names),
      namespace: fc.constantFrom('one', 'two'),
      subscriptions: fc.option(fc.uniqueArray(subscription, { selector: ({ index }) => index, maxLength: 3 })),
    });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 20 }), history => {
        const index = buildSubscriberIndex();
        const present = new Map<string, ReturnType<typeof buildRepository>>();
        for (const { name, namespace, subscriptions } of history) {
          if (subscriptions === null) {
            index.remove({ namespace, name });
            present.delete(`${namespace}/${name}`);
          } else {
            const repository = buildRepository({ name, namespace, subscriptions });
            index.upsert(repository);
            present.set(`${namespace}/${name}`, repository);
          }
        }
        const fresh = buildSubscriberIndex(present.values());
        expect(index.size).toBe(fresh.size);
        for (const source of topics) {
          for (const type of ['built', 'gone']) expect(index.find(source, type)).toEqual(fresh.find(source, type));
        }
      }),
    );
  });
});
