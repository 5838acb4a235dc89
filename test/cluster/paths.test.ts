import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cacheDirectory, callerDirectory, clusterName, DEFAULT_NAME, howToStart, stateDirectory } from './paths.ts';

describe('clusterName', () => {
  test.each(['a', 'tako', 'it-12345', 'e2e'])('given %j, then it is accepted', name => {
    expect(clusterName(name)).toBe(name);
  });

  test.each(['', 'A', '1a', '-a', 'a-', 'a_b', 'a/b', '..', 'a'.repeat(21)])(
    'given %j, then it names the rule',
    name => {
      expect(() => clusterName(name)).toThrow(/1 to 20 lower-case letters/);
    },
  );

  test('given any name that is accepted, then its folder is directly below the clusters and its socket path is short', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z0-9-]{1,24}$/), name => {
        fc.pre(/^[a-z]/.test(name) && !name.endsWith('-') && name.length <= 20);
        const directory = stateDirectory(name);
        expect(directory.split('/')).toEqual(['', 'var', 'lib', 'tako-cluster', name]);
        expect(`${directory}/containerd/containerd.sock.ttrpc`.length).toBeLessThan(100);
      }),
    );
  });
});

describe('cacheDirectory', () => {
  test('given TAKO_CACHE_DIR, then it is used', () => {
    expect(cacheDirectory({ TAKO_CACHE_DIR: '/elsewhere' })).toBe('/elsewhere');
  });

  test('given none, or an empty one, then it is below the home folder', () => {
    expect(cacheDirectory({})).toMatch(/\/\.cache\/tako$/);
    expect(cacheDirectory({ TAKO_CACHE_DIR: '' })).toMatch(/\/\.cache\/tako$/);
  });
});

describe('howToStart', () => {
  test("given the demo's cluster, then npm start is the way", () => {
    expect(howToStart(DEFAULT_NAME)).toContain('`npm start`');
  });

  test('given another one, then up with its name is', () => {
    expect(howToStart('mine')).toBe('`npm run cluster -- up --name mine`');
  });
});

describe('callerDirectory', () => {
  test('given npm, which runs scripts in the folder of package.json, then the folder that npm was called in', () => {
    expect(callerDirectory({ INIT_CWD: '/home/me/manifests' })).toBe('/home/me/manifests');
  });

  test('given no npm, then the current folder', () => {
    expect(callerDirectory({})).toBe(process.cwd());
  });
});
