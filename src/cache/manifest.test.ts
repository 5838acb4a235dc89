import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatManifest, type Manifest, manifestBytes, parseManifest } from './manifest.ts';

const hex = (length: number) => fc.stringMatching(new RegExp(`^[0-9a-f]{${length}}$`));
const count = fc.nat();
const manifests: fc.Arbitrary<Manifest> = fc.record({
  url: fc.webUrl(),
  fence: count,
  created: fc.date({ noInvalidDate: true }).map(date => date.toISOString()),
  freshBytes: count,
  commits: fc.array(fc.record({ commit: fc.oneof(hex(40), hex(64)), files: count, bytes: count }), { maxLength: 5 }),
  files: fc.array(
    fc.record({
      path: fc.oneof(
        hex(40).map(name => `objects/pack/pack-${name}.pack`),
        hex(64).map(name => `objects/pack/pack-${name}.idx`),
        fc.constantFrom('shallow', 'packed-refs'),
      ),
      bytes: count,
      sha256: hex(64),
    }),
    { maxLength: 5 },
  ),
});

const GOOD: Manifest = {
  url: 'https://git.example.com/acme/app.git',
  fence: 3,
  created: '2026-11-23T00:00:00.000Z',
  freshBytes: 10,
  commits: [{ commit: 'a'.repeat(40), files: 1, bytes: 2 }],
  files: [
    { path: `objects/pack/pack-${'b'.repeat(40)}.pack`, bytes: 8, sha256: 'c'.repeat(64) },
    { path: 'shallow', bytes: 2, sha256: 'd'.repeat(64) },
  ],
};

describe('a manifest', () => {
  test('given any, then what is written is read', () => {
    fc.assert(
      fc.property(manifests, manifest => {
        expect(parseManifest(formatManifest(manifest))).toEqual(manifest);
      }),
    );
  });

  test('given one character that was changed, then it is not a manifest', () => {
    fc.assert(
      fc.property(manifests, fc.nat(), fc.integer({ min: 0x20, max: 0x7e }), (manifest, at, code) => {
        const text = formatManifest(manifest).trimEnd();
        const index = at % text.length;
        const changed = text.slice(0, index) + String.fromCharCode(code) + text.slice(index + 1);
        // Blanks between the parts of JSON mean nothing.
        fc.pre(changed !== text && JSON.stringify(tryParse(changed)) !== text);
        expect(parseManifest(changed)).toBeUndefined();
      }),
    );
  });

  test('given one that was cut off anywhere, then it is not a manifest', () => {
    const text = formatManifest(GOOD);
    for (let length = 0; length < text.length - 1; length++) {
      expect(parseManifest(text.slice(0, length))).toBeUndefined();
    }
  });

  test.each([
    ['a path out of the directory', { files: [{ ...GOOD.files[0], path: '../../../etc/passwd' }] }],
    ['an absolute path', { files: [{ ...GOOD.files[0], path: '/etc/passwd' }] }],
    ['a file of git that is no object', { files: [{ ...GOOD.files[0], path: 'config' }] }],
    ['a hook', { files: [{ ...GOOD.files[0], path: 'hooks/post-checkout' }] }],
    ['a path with a newline', { files: [{ ...GOOD.files[0], path: `${GOOD.files[0]!.path}\n` }] }],
    ['a short checksum', { files: [{ ...GOOD.files[0], sha256: 'abc' }] }],
    ['a negative size', { files: [{ ...GOOD.files[0], bytes: -1 }] }],
    ['files that are no list', { files: {} }],
    ['a commit that is no name', { commits: [{ ...GOOD.commits[0], commit: '--upload-pack=x' }] }],
    ['a commit that is no object', { commits: [null] }],
    ['a fraction for a fence', { fence: 1.5 }],
    ['no address', { url: undefined }],
    ['another version', { version: 2 }],
    ['too many files', { files: Array.from({ length: 1001 }, () => GOOD.files[0]) }],
  ])('given %s, then it is not a manifest, whatever its checksum', (_, part) => {
    expect(parseManifest(formatManifest({ ...GOOD, ...part } as Manifest))).toBeUndefined();
  });

  test.each(['', 'null', '[]', '"x"', '{}', '{"checksum":"x"}'])('given %j, then it is not a manifest', text => {
    expect(parseManifest(text)).toBeUndefined();
  });

  test('given files, then their bytes are added up', () => {
    expect(manifestBytes(GOOD)).toBe(10);
  });
});

function tryParse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
