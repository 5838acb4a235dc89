import { describe, expect, test } from 'vitest';
import { keyOf } from '../../kube/objects.ts';
import { createStore } from '../../kube/store.ts';
import type { LiveRepository } from '../run/observed.ts';
import { createSlugIndex, slugOf } from './slug.ts';
import { aRepository } from './testing/builders.ts';

const spec = { slug: 'acme/shared' };
const older = aRepository({ name: 'b', spec, creationTimestamp: '2026-01-01T00:00:00Z' });
const newer = aRepository({ name: 'a', spec, creationTimestamp: '2026-01-02T00:00:00Z' });

function indexed(...repositories: LiveRepository[]) {
  const store = createStore<LiveRepository>();
  const index = createSlugIndex(store);
  for (const repository of repositories) store.set(repository);
  return { store, index, owner: () => index.owner('team', 'acme/shared')?.metadata.name };
}

describe('slugOf', () => {
  test('given a slug of its own, then it is that; else the last two segments of the URL; else none', () => {
    expect(slugOf({ ...aRepository().spec, slug: 'x/y' })).toBe('x/y');
    expect(slugOf(aRepository().spec)).toBe('acme/core-lib');
    expect(slugOf(aRepository({ spec: { url: 'https://host/one' } }).spec)).toBeUndefined();
    expect(slugOf(aRepository({ spec: { url: 'nonsense' } }).spec)).toBeUndefined();
  });
});

describe('createSlugIndex', () => {
  test('given two with one slug, then the older one has it, in whatever order they came', () => {
    expect(indexed(older, newer).owner()).toBe('b');
    expect(indexed(newer, older).owner()).toBe('b');
  });

  test('given two of the same second, then the first name has it', () => {
    const twin = aRepository({ name: 'a', spec, creationTimestamp: older.metadata.creationTimestamp });

    expect(indexed(older, twin).owner()).toBe('a');
  });

  test('given the same slug in another namespace, then it does not count', () => {
    const elsewhere = aRepository({ name: 'z', namespace: 'other', spec, creationTimestamp: '2020-01-01T00:00:00Z' });

    expect(indexed(newer, elsewhere).owner()).toBe('a');
  });

  test('given an owner that goes, is being deleted, or takes another slug, then the next one has it', () => {
    const { store, owner } = indexed(older, newer);
    store.delete(keyOf(older.metadata));
    expect(owner()).toBe('a');

    store.set({ ...older, metadata: { ...older.metadata, resourceVersion: '2' } });
    expect(owner()).toBe('b');
    store.set({ ...older, metadata: { ...older.metadata, resourceVersion: '3', deletionTimestamp: 'now' } });
    expect(owner()).toBe('a');

    store.set({
      ...newer,
      metadata: { ...newer.metadata, resourceVersion: '4' },
      spec: { ...newer.spec, slug: 'x/y' },
    });
    expect(owner()).toBeUndefined();
  });

  test('given a repository, then those that share its slug are known, itself first', () => {
    const { index } = indexed(older, newer, aRepository());

    expect(index.sharing(newer)).toEqual(['team/a', 'team/b']);
    expect(index.sharing(aRepository())).toEqual(['team/core-lib']);
    expect(index.sharing(aRepository({ name: 'odd', spec: { url: 'https://host/one' } }))).toEqual(['team/odd']);
  });
});
