import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseGitUrl } from '../git/url.ts';
import { lockName } from '../locks/lease.ts';
import { entryDirectory, hashOfEntry, highestFence, numberedDirectories, urlHash } from './layout.ts';

const ROOT = '/tako/cache';
const nameOf = (url: string) => path.relative(ROOT, entryDirectory(ROOT, parseGitUrl(url)));

/** URLs as parseGitUrl takes them, the odd ones too. */
const urls = fc
  .record({
    authority: fc.constantFrom(
      'https://git.example.com',
      'http://git.example.com:8443',
      'https://[::1]:8080',
      'ssh://git@git.example.com',
      'ssh://other@git.example.com:2222',
      'file://',
    ),
    segments: fc.array(
      fc.oneof(
        fc.constantFrom(
          '...',
          '.git',
          'gen-1',
          'tmp-1',
          'url',
          'used',
          '-',
          '%20',
          '%25',
          '%C3%A9',
          '~',
          'a:b',
          '.x',
          'A',
          'a',
        ),
        fc.stringMatching(/^[A-Za-z0-9_~!$&'()*+,;=:@-]{1,300}$/),
      ),
      { minLength: 1, maxLength: 5 },
    ),
  })
  .map(({ authority, segments }) => `${authority}/${segments.join('/')}`)
  .filter(url => url.length <= 2048);

describe('the directory of an entry', () => {
  test.each([
    ['https://git.example.com/acme/app.git', /^git\.example\.com\/acme-app-[0-9a-f]{32}$/],
    ['https://git.example.com:8443/acme/app', /^git\.example\.com_8443\/acme-app-[0-9a-f]{32}$/],
    ['https://git.example.com/group/sub/team/app.git', /^git\.example\.com\/team-app-[0-9a-f]{32}$/],
    ['ssh://git@git.example.com/acme/app.git', /^git\.example\.com\/acme-app-[0-9a-f]{32}$/],
    ['https://[::1]:8080/acme/app.git', /^___1__8080\/acme-app-[0-9a-f]{32}$/],
    ['https://git.example.com/acme/caf%C3%A9%20app', /^git\.example\.com\/acme-caf__app-[0-9a-f]{32}$/],
    ['file:///srv/git/app.git', /^file\/git-app-[0-9a-f]{32}$/],
  ])('given %s, then people can read whose it is', (url, expected) => {
    expect(nameOf(url)).toMatch(expected);
  });

  test('given addresses that differ in scheme, user, port, case or .git, then each has its own', () => {
    const all = [
      'https://git.example.com/acme/app',
      'https://git.example.com/acme/app.git',
      'https://git.example.com/acme/App.git',
      'http://git.example.com/acme/app.git',
      'https://git.example.com:8443/acme/app.git',
      'ssh://git.example.com/acme/app.git',
      'ssh://git@git.example.com/acme/app.git',
    ].map(url => nameOf(url).toLowerCase());
    expect(new Set(all).size).toBe(all.length);
  });

  test('given any two addresses, then each stays below the volume, in a directory of its own that holds no other', () => {
    fc.assert(
      fc.property(urls, urls, (one, other) => {
        const parts = nameOf(one).split('/');
        expect(parts).toHaveLength(2);
        for (const part of parts) {
          expect(part).toMatch(/^[a-z0-9._-]+$/);
          expect(['.', '..']).not.toContain(part);
          expect(part.length).toBeLessThanOrEqual(255);
        }
        expect(hashOfEntry(parts[1]!)).toBe(urlHash(parseGitUrl(one).href));
        const isSame = parseGitUrl(one).href === parseGitUrl(other).href;
        expect(nameOf(one).toLowerCase() === nameOf(other).toLowerCase()).toBe(isSame);
      }),
    );
  });
});

describe('the hash of an address', () => {
  test('given any address, then it is the one in the name of its Lease', () => {
    fc.assert(
      fc.property(urls, url => {
        const { href } = parseGitUrl(url);
        expect(lockName(href)).toBe(`tako-cache-${urlHash(href)}`);
      }),
    );
  });
});

describe('the generations of an entry', () => {
  test('given directories of all kinds, then those with our names count, and the highest number is seen', async () => {
    const entry = await mkdtemp(path.join(os.tmpdir(), 'tako-layout-'));
    try {
      for (const name of ['gen-2', 'gen-10', 'tmp-11', 'gen-0', 'gen-007', 'gen-9999999999', 'gen-3.old', 'other']) {
        await mkdir(path.join(entry, name));
      }
      const found = (await numberedDirectories(entry)).sort((left, right) => left.fence - right.fence);
      expect(found.map(({ fence, complete }) => [fence, complete])).toEqual([
        [2, true],
        [10, true],
        [11, false],
      ]);
      expect(await highestFence(entry)).toBe(11);
    } finally {
      await rm(entry, { recursive: true });
    }
  });

  test('given no such entry, then there are none', async () => {
    expect(await highestFence(path.join(import.meta.dirname, 'no-such-entry'))).toBe(0);
  });
});
