import { posix } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkMountPath, checkRelativePath } from './paths.ts';

describe('checkRelativePath', () => {
  test.each(['.', 'a', './go.mod', 'out/status.json', 'src/**/*.go', 'a..b', '...', 'a/.../b', '100%', 'ä/ö', '-rf'])(
    'given %j, then it is allowed',
    path => {
      expect(checkRelativePath(path)).toBeUndefined();
    },
  );

  test.each([
    ['', 'expected a path'],
    ['/etc/passwd', 'relative to the repository'],
    ['..', 'no ..'],
    ['a/../../b', 'no ..'],
    ['a/..', 'no ..'],
    ['a\0b', 'control characters'],
    ['a\nb', 'control characters'],
    ['a\\..\\b', 'not \\'],
    ['C:/x', 'relative'],
    ['a%2fb', 'percent-encoded'],
    ['%2e%2e/x', 'percent-encoded'],
    ['a%5Cb', 'percent-encoded'],
    ['a%00', 'percent-encoded'],
    ['x'.repeat(5_000), 'at most 4096 characters'],
  ])('given %j, then it is refused: %s', (path, message) => {
    expect(checkRelativePath(path)).toContain(message);
  });

  test('given any allowed path, then it stays below the directory that it is joined to', () => {
    const pieces = fc.array(fc.constantFrom('..', '.', 'a', '', '/', '\\', '%2e', 'b c', '\0'), { maxLength: 6 });
    fc.assert(
      fc.property(
        pieces.map(list => list.join('/')),
        path => {
          if (checkRelativePath(path) !== undefined) return;
          expect(`${posix.join('/workspace', path)}/`.startsWith('/workspace/')).toBe(true);
        },
      ),
    );
  });
});

describe('checkMountPath', () => {
  test.each(['/data', '/var/cache/', '/workspaces', '/srv/./x'])('given %j, then it is allowed', path => {
    expect(checkMountPath(path)).toBeUndefined();
  });

  test.each([
    ['data', 'absolute path'],
    ['/', 'at /'],
    ['//', 'at /'],
    ['/./', 'at /'],
    ['/data/../proc', 'without ..'],
    ['/tako/io', 'at or below /tako'],
    ['//proc', 'at or below /proc'],
    ['/./sys/x', 'at or below /sys'],
    ['/workspace', 'at or below /workspace'],
    ['/data:ro', 'absolute path'],
    ['/da\nta', 'absolute path'],
  ])('given %j, then it is refused: %s', (path, message) => {
    expect(checkMountPath(path)).toContain(message);
  });
});
