import { describe, expect, test } from 'vitest';
import type { Lease, Live } from '../kube/objects.ts';
import { emptyState, lockName, readLease, writeLease } from './lease.ts';
import { MAX_COMMITS, MAX_ENTRIES, MAX_RELEASED } from './limits.ts';
import { NAMESPACE, URL } from './testing/builders.ts';
import { holder, lockState, NOW, waiter } from './testing/states.ts';

describe('the Lease of a repository', () => {
  test('given a repository, then its name is fixed and says nothing of it', () => {
    expect(lockName(URL)).toBe('tako-cache-63365ceb3ff073e6c9613abc863dfc65');
    expect(lockName(`${URL}x`)).not.toBe(lockName(URL));
  });

  test('given a state, then the Lease shows it in words and fields, and gives it back', () => {
    const state = lockState({ fence: 4, holders: [holder('app-one', 'write', { fence: 4, seconds: 60 })] });
    const lease = writeLease(state, undefined, NAMESPACE);
    expect(lease.spec).toEqual({
      holderIdentity: 'written by run app-one',
      leaseTransitions: 4,
      acquireTime: '2026-01-01T12:00:00.000000Z',
      renewTime: '2026-01-01T12:00:00.000000Z',
      leaseDurationSeconds: 60,
    });
    expect(lease.metadata.annotations?.['tako.dev/repository']).toBe(URL);
    expect(readLease(lease, URL)).toEqual({ kind: 'state', state });
    expect(readLease(lease, `${URL}x`)).toEqual({ kind: 'broken', problem: `it is about ${URL}` });
  });

  test('given a Lease with labels and annotations of others, then they stay, and it is that very version that is replaced', () => {
    const metadata = {
      name: lockName(URL),
      namespace: NAMESPACE,
      uid: 'u',
      resourceVersion: '7',
      creationTimestamp: '2026-01-01T00:00:00Z',
      labels: { theirs: 'x' },
      annotations: { theirs: 'y' },
      managedFields: [{}],
    };
    const current: Live<Lease> = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata };
    const { metadata: written, spec } = writeLease(lockState(), current, NAMESPACE);
    expect(written).toMatchObject({
      uid: 'u',
      resourceVersion: '7',
      labels: { theirs: 'x' },
      annotations: { theirs: 'y' },
    });
    expect(written.managedFields).toBeUndefined();
    expect(spec).toEqual({ holderIdentity: '', leaseTransitions: 1 });
  });

  test('given no annotation, then it is broken, not free', () => {
    const lease: Lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name: lockName(URL) } };
    expect(readLease(lease, URL)).toEqual({ kind: 'broken', problem: 'it is not there' });
  });

  test('given as many as there may be with the longest names, then it fits into the annotations of an object', () => {
    const long = 'x'.repeat(253);
    const names = { id: '', run: long, runUid: 'u'.repeat(36), pod: long, podUid: 'u'.repeat(36) };
    const queue = Array.from({ length: MAX_ENTRIES }, (_, index) =>
      waiter('w', { commit: 'c'.repeat(64) }, { ...names, id: `${index}`.padEnd(64, '-') }),
    );
    const commits = Array.from({ length: MAX_COMMITS }, () => 'c'.repeat(64));
    const state = lockState({
      url: 'u'.repeat(2_048),
      queue,
      published: { fence: 1, commits, bytes: 1e12, at: NOW.toISOString() },
      released: Array.from({ length: MAX_RELEASED }, () => 'r'.repeat(64)),
    });
    const { annotations } = writeLease(state, undefined, NAMESPACE).metadata;
    expect(Object.entries(annotations!).flat().join('').length).toBeLessThan(256 * 1_024);
  });

  test('given a lock that is made anew, then it counts from the number that it is told', () => {
    expect(emptyState(URL, NOW, 9)).toEqual({
      url: URL,
      fence: 9,
      holders: [],
      queue: [],
      released: [],
      used: NOW.toISOString(),
    });
  });
});
