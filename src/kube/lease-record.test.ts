import { describe, expect, it } from 'vitest';
import type { LeaseHolder } from './lease-record.ts';
import { holderOf, mayTake, released, taken, transitionsOf } from './lease-record.ts';
import type { Lease, Live } from './objects.ts';

const me: LeaseHolder = { namespace: 'n', name: 'leader', identity: 'me', leaseDurationMs: 15_000 };
const now = new Date('2026-01-01T00:00:10Z');

function lease(spec?: Lease['spec']): Live<Lease> {
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {
      name: 'leader',
      namespace: 'n',
      uid: 'u',
      resourceVersion: '5',
      creationTimestamp: '2026-01-01T00:00:00Z',
    },
    ...(spec === undefined ? {} : { spec }),
  };
}

describe('mayTake', () => {
  it.each([
    ['held by nobody', lease({}), 0, true],
    ['without a spec', lease(), 0, true],
    ['held by me', lease({ holderIdentity: 'me' }), 0, true],
    ['just renewed by another', lease({ holderIdentity: 'you', leaseDurationSeconds: 20 }), 19_999, false],
    ['not renewed for its duration', lease({ holderIdentity: 'you', leaseDurationSeconds: 20 }), 20_000, true],
    ['without a duration, before mine', lease({ holderIdentity: 'you' }), 14_999, false],
    ['without a duration, after mine', lease({ holderIdentity: 'you' }), 15_000, true],
  ])('given a Lease %s, then it is %4$s that I may take it', (_, current, unchangedMs, expected) => {
    expect(mayTake(current, me, unchangedMs)).toBe(expected);
  });
});

describe('taken', () => {
  const time = '2026-01-01T00:00:10.000000Z';

  it('given no Lease, then a new one starts to count at 0', () => {
    expect(taken(undefined, me, now)).toEqual({
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { namespace: 'n', name: 'leader' },
      spec: { holderIdentity: 'me', leaseDurationSeconds: 15, acquireTime: time, renewTime: time, leaseTransitions: 0 },
    });
  });

  it("given another's, then the transitions go up and its version is kept for the comparison", () => {
    const next = taken(lease({ holderIdentity: 'you', leaseTransitions: 3, acquireTime: 'x' }), me, now);
    expect(next.metadata.resourceVersion).toBe('5');
    expect(next.spec).toMatchObject({ holderIdentity: 'me', leaseTransitions: 4, acquireTime: time });
  });

  it('given mine, then only the renewal changes', () => {
    const next = taken(lease({ holderIdentity: 'me', leaseTransitions: 3, acquireTime: 'x', renewTime: 'y' }), me, now);
    expect(next.spec).toMatchObject({ leaseTransitions: 3, acquireTime: 'x', renewTime: time });
  });
});

describe('released', () => {
  it('given a Lease, then nobody holds it, it runs out at once, and the transitions stay', () => {
    const free = released(lease({ holderIdentity: 'me', leaseTransitions: 3 }), now) as Live<Lease>;
    expect([holderOf(free), transitionsOf(free), free.spec?.leaseDurationSeconds]).toEqual(['', 3, 1]);
    expect(taken(free, me, now).spec?.leaseTransitions).toBe(4);
  });
});
