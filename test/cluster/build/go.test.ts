import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { GO_VERSION } from '../requirements.ts';
import { coreDns, kind, kube, kwok, localPathProvisioner } from './binaries.ts';
import { buildKey } from './go.ts';

const files = (content: Record<string, string>): Map<string, Buffer> =>
  new Map(Object.entries(content).map(([name, text]) => [name, Buffer.from(text)]));

describe('buildKey', () => {
  const key = buildKey(files({ 'go.mod': 'module a', 'main.go': 'package main' }), '-s', 'go1.26.0');

  test('given the same files in another order, then the same key', () => {
    expect(buildKey(files({ 'main.go': 'package main', 'go.mod': 'module a' }), '-s', 'go1.26.0')).toBe(key);
    expect(key).toMatch(/^[0-9a-f]{16}$/);
  });

  test('given another file, content, flag or version of Go, then another key', () => {
    const others = [
      buildKey(files({ 'go.mod': 'module b', 'main.go': 'package main' }), '-s', 'go1.26.0'),
      buildKey(files({ 'go.sum': 'module a', 'main.go': 'package main' }), '-s', 'go1.26.0'),
      buildKey(files({ 'go.mod': 'module a', 'main.go': 'package main' }), '-w', 'go1.26.0'),
      buildKey(files({ 'go.mod': 'module a', 'main.go': 'package main' }), '-s', 'go1.26.1'),
    ];
    expect(new Set([key, ...others]).size).toBe(5);
  });

  test('given text that moves from one file to the next, then another key', () => {
    fc.assert(
      fc.property(fc.string(), fc.string({ minLength: 1 }), fc.string(), (a, moved, b) => {
        expect(buildKey(files({ a: a + moved, b }), '', '')).not.toBe(buildKey(files({ a, b: moved + b }), '', ''));
      }),
    );
  });
});

test.each([kube, coreDns, localPathProvisioner, kwok, kind])(
  'given the module of $name, then the Go that is asked for can build it',
  ({ folder }) => {
    const [, major, minor] = /^go (\d+)\.(\d+)/m.exec(readFileSync(join(folder, 'go.mod'), 'utf8'))!;
    const [wantedMajor, wantedMinor] = GO_VERSION.split('.');
    expect(Number(major)).toBe(Number(wantedMajor));
    expect(Number(minor)).toBeLessThanOrEqual(Number(wantedMinor));
  },
);
