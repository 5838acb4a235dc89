import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isApiError } from './errors.ts';
import { customResourceDefinitions, leases, pods } from './objects.ts';
import { checkRawPath, queryString, resourcePath } from './paths.ts';

function refusal(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    if (isApiError(error, 'invalid')) return error.message;
    throw error;
  }
  throw new Error('it was not refused');
}

describe('resourcePath', () => {
  it.each([
    [pods, {}, '/api/v1/pods'],
    [pods, { namespace: 'a' }, '/api/v1/namespaces/a/pods'],
    [pods, { namespace: 'a', name: 'b', subresource: 'log' }, '/api/v1/namespaces/a/pods/b/log'],
    [leases, { namespace: 'a', name: 'b' }, '/apis/coordination.k8s.io/v1/namespaces/a/leases/b'],
    [
      customResourceDefinitions,
      { name: 'things.example.com' },
      '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/things.example.com',
    ],
    [pods, { namespace: 'a', name: 'system:node?x#y' }, '/api/v1/namespaces/a/pods/system%3Anode%3Fx%23y'],
  ])('given %o and %o, then the path is %s', (type, parts, path) => {
    expect(resourcePath(type, parts)).toBe(path);
  });

  it.each(['', '.', '..', 'a/b', '../secrets/x', 'a%2fb', 'a\\b', 'a\0b', 'a b', '\ud800', 'x'.repeat(254)])(
    'given the name %j, then it is refused before anything is sent',
    name => {
      expect(refusal(() => resourcePath(pods, { namespace: 'a', name }))).toContain('no name of a Pod');
    },
  );

  it.each(['', '.', '..', 'a/b', 'A', 'a.b', '-a', 'a-', 'x'.repeat(64)])(
    'given the namespace %j, then it is refused',
    namespace => {
      expect(refusal(() => resourcePath(pods, { namespace }))).toContain('no name of a namespace');
    },
  );

  it('given a namespaced type and a name without a namespace, then it is refused', () => {
    expect(refusal(() => resourcePath(pods, { name: 'a' }))).toContain('together with its namespace');
  });

  it('given a subresource that is no word, then it is refused', () => {
    expect(refusal(() => resourcePath(pods, { namespace: 'a', name: 'b', subresource: '../x' }))).toContain(
      'subresource',
    );
  });

  it('given any name, when it is accepted, then the path has exactly its segments and names it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), name => {
        let path: string;
        try {
          path = resourcePath(pods, { namespace: 'a', name });
        } catch (error) {
          return isApiError(error, 'invalid');
        }
        const url = new URL(path, 'http://server');
        return (
          url.pathname === path &&
          url.pathname.split('/').length === 7 &&
          decodeURIComponent(path.split('/')[6]!) === name
        );
      }),
      { numRuns: 500 },
    );
  });
});

describe('checkRawPath', () => {
  it.each(['/version', '/openid/v1/jwks', '/apis/apps/v1/namespaces/a/deployments/b%3Ac'])(
    'given %s, then it is taken',
    path => {
      expect(checkRawPath(path)).toBe(path);
    },
  );

  it.each(['version', '/a/../b', '/a/.', '/a?b', '/a#b', '/a\\b', '/a%2fb', '/%2E%2e/b', '/a b', '/a\nb', ''])(
    'given %j, then it is refused',
    path => {
      expect(refusal(() => checkRawPath(path))).toContain('must be absolute');
    },
  );
});

describe('queryString', () => {
  it('given values, then undefined ones are left out and the others encoded', () => {
    expect(queryString({ a: 'x=1,y in (z)', b: undefined, c: 5, d: true })).toBe('?a=x%3D1%2Cy%20in%20(z)&c=5&d=true');
  });

  it('given nothing, then it is empty', () => {
    expect(queryString({ a: undefined })).toBe('');
  });
});
