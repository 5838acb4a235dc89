import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Live } from './objects.ts';
import {
  apiVersionOf,
  controllerOf,
  controllerReference,
  keyOf,
  leases,
  matchLabels,
  parseKey,
  pods,
} from './objects.ts';

const owner: Live = {
  apiVersion: 'example.com/v1',
  kind: 'Thing',
  metadata: { name: 'a', namespace: 'n', uid: 'u', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' },
};

describe('keys', () => {
  it('given any namespace and name, when a key is made and parsed, then both come back', () => {
    const label = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,10}[a-z0-9])?$/);
    fc.assert(
      fc.property(fc.option(label, { nil: undefined }), label, (namespace, name) => {
        const ref = namespace === undefined ? { name } : { namespace, name };
        expect(parseKey(keyOf(ref))).toEqual(ref);
      }),
    );
  });

  it('given an empty namespace, when a key is made, then it is that of a cluster-scoped object', () => {
    expect(keyOf({ name: 'a', namespace: '' })).toBe('a');
  });
});

describe('apiVersionOf', () => {
  it('given the core group, then it is the version alone', () => {
    expect([apiVersionOf(pods), apiVersionOf(leases)]).toEqual(['v1', 'coordination.k8s.io/v1']);
  });
});

describe('owners', () => {
  it('given an owner, when it becomes the controller of an object, then that object names it', () => {
    const reference = controllerReference(owner);
    const other = { ...reference, controller: false, uid: 'other' };
    expect(controllerOf({ metadata: { ownerReferences: [other, reference] } })).toEqual({
      apiVersion: 'example.com/v1',
      kind: 'Thing',
      name: 'a',
      uid: 'u',
      controller: true,
      blockOwnerDeletion: true,
    });
  });

  it('given no owner that controls, then there is none', () => {
    expect(controllerOf({ metadata: {} })).toBeUndefined();
  });
});

describe('matchLabels', () => {
  it('given labels, then the selector asks for all of them', () => {
    expect(matchLabels({ 'example.com/root': 'u', tier: 'x' })).toBe('example.com/root=u,tier=x');
  });
});
