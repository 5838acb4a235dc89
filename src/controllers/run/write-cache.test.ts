import { describe, expect, it } from 'vitest';
import { createWriteCache } from './write-cache.ts';

const version = (resourceVersion: string, uid = 'u') => ({ metadata: { uid, resourceVersion } });

describe('write cache', () => {
  it('given no write, then the store is the freshest and the last write is ages ago', () => {
    const cache = createWriteCache();
    const stored = version('1');
    expect(cache.freshest('k', stored)).toBe(stored);
    expect(cache.writtenAgo('k', 5)).toBe(Number.POSITIVE_INFINITY);
  });

  it('given a write that the store does not show yet, then what was written is the freshest', () => {
    const cache = createWriteCache();
    const written = version('2');
    cache.wrote('k', version('1'), written, 100);
    expect(cache.freshest('k', version('1'))).toBe(written);
    expect(cache.writtenAgo('k', 350)).toBe(250);
  });

  it('given two writes in a row, when the store shows any version before the second, then the second is the freshest', () => {
    const cache = createWriteCache();
    const second = version('3');
    cache.wrote('k', version('1'), version('2'), 0);
    cache.wrote('k', version('2'), second, 1);
    expect(cache.freshest('k', version('1'))).toBe(second);
    expect(cache.freshest('k', version('2'))).toBe(second);
  });

  it('given a write, when the store has moved on, then the store is the freshest for good', () => {
    const cache = createWriteCache();
    cache.wrote('k', version('1'), version('2'), 0);
    const later = version('9');
    expect(cache.freshest('k', later)).toBe(later);
    const old = version('1');
    expect(cache.freshest('k', old)).toBe(old);
  });

  it('given a write, when the object was made anew under its name, then the new one is the freshest', () => {
    const cache = createWriteCache();
    cache.wrote('k', version('1'), version('2'), 0);
    const other = version('1', 'other');
    expect(cache.freshest('k', other)).toBe(other);
  });

  it('given a write, when it is forgotten, then nothing is left of it', () => {
    const cache = createWriteCache();
    cache.wrote('k', version('1'), version('2'), 0);
    cache.forget('k');
    const stored = version('1');
    expect(cache.freshest('k', stored)).toBe(stored);
    expect(cache.writtenAgo('k', 0)).toBe(Number.POSITIVE_INFINITY);
  });
});
