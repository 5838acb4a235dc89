import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createRepository, type FileDescription } from '../../test/fixtures/git-server/repositories.mjs';
import { DEFAULT_TREE_LIMITS, inspectTree, measureTree, type TreeLimits, type TreeSize } from './inspect-tree.ts';
import { rejectionOf } from './testing/rejection.ts';

const UNLIMITED: TreeLimits = {
  entries: Number.MAX_SAFE_INTEGER,
  bytes: Number.MAX_SAFE_INTEGER,
  fileBytes: Number.MAX_SAFE_INTEGER,
  pathBytes: Number.MAX_SAFE_INTEGER,
  nameBytes: Number.MAX_SAFE_INTEGER,
  depth: Number.MAX_SAFE_INTEGER,
  linkBytes: Number.MAX_SAFE_INTEGER,
};

let root: string;
beforeAll(async () => {
  root = await mkdtemp(path.join(os.tmpdir(), 'tako-inspect-'));
});
afterAll(() => rm(root, { recursive: true }));

let counter = 0;
async function inspect(files: Record<string, FileDescription>, limits: Partial<TreeLimits> = {}): Promise<TreeSize> {
  const gitDirectory = path.join(root, `r${counter++}`);
  const { commits } = await createRepository(gitDirectory, { commits: [{ files }] });
  return inspectTree({ gitDirectory, commit: commits[0] ?? '', limits });
}

describe('inspectTree', () => {
  test('given a commit, then its files and links are counted with their bytes, directories and submodules are not', async () => {
    const size = await inspect({
      a: 'four',
      'b/c/d': { content: 'seven77', executable: true },
      empty: '',
      link: { symlink: 'a/b' },
      module: { submodule: '1234567890'.repeat(4) },
      'ü\n"\\ name': 'x',
    });

    expect(size).toEqual({ files: 5, bytes: 4 + 7 + 0 + 3 + 1 });
  });

  test('given a commit without files, then it is empty', async () => {
    expect(await inspect({})).toEqual({ files: 0, bytes: 0 });
  });

  test.each([
    ['as many entries', { entries: 3 }],
    ['as many bytes', { bytes: 6 }],
    ['a file as large', { fileBytes: 4 }],
    ['a path as long', { pathBytes: 5 }],
    ['a name as long', { nameBytes: 3 }],
    ['as many levels', { depth: 1 }],
  ])('given exactly %s as is allowed, then it is taken', async (_, limits) => {
    expect(await inspect({ 'd/abc': 'four', ab: '12' }, limits)).toEqual({ files: 2, bytes: 6 });
  });

  test.each([
    [
      'one entry more',
      { entries: 2 },
      'RepositoryTooLarge',
      /more than 2 files and directories.*"d\/abc".*TAKO_CHECKOUT/,
    ],
    ['one byte more', { bytes: 5 }, 'RepositoryTooLarge', /more than 5 bytes together.*runTemplate.workspace/],
    ['a file one byte larger', { fileBytes: 3 }, 'FileTooLarge', /"d\/abc".*has 4 bytes, at most 3/],
    ['a path one byte longer', { pathBytes: 4 }, 'UnsafeRepository', /path of more than 4 bytes: "d\/abc"/],
    ['a name one byte longer', { nameBytes: 2 }, 'UnsafeRepository', /name of more than 2 bytes: "d\/abc"/],
    ['one level more', { depth: 0 }, 'UnsafeRepository', /more than 0 directories in one another: "d\/abc"/],
  ])(
    'given %s than is allowed, then it is refused in words that say what and where',
    async (_, limits, code, words) => {
      const error = await rejectionOf(inspect({ 'd/abc': 'four', ab: '12' }, limits));

      expect(error).toMatchObject({ code, class: 'invalid', message: expect.stringMatching(words) });
      expect(error.message).toMatch(/commit [0-9a-f]{12} /);
    },
  );

  test.each([
    ['one byte longer than it may be', 'x'.repeat(4096)],
    ['empty', ''],
  ])('given a symbolic link whose target is %s, then it is refused', async (_, symlink) => {
    const error = await rejectionOf(inspect({ link: { symlink } }));

    expect(error).toMatchObject({ code: 'UnsafeRepository', message: expect.stringContaining('link "link"') });
    expect(await inspect({ link: { symlink: 'x'.repeat(4095) } })).toEqual({ files: 1, bytes: 4095 });
  });

  test('given a long directory name, then its length counts too', async () => {
    expect(await rejectionOf(inspect({ 'long/x': '' }, { nameBytes: 3 }))).toMatchObject({ code: 'UnsafeRepository' });
  });

  test('given a commit that is not there, then it is not found', async () => {
    const gitDirectory = path.join(root, `r${counter++}`);
    await createRepository(gitDirectory);

    expect(await rejectionOf(inspectTree({ gitDirectory, commit: 'a'.repeat(40) }))).toMatchObject({
      code: 'CommitNotFound',
    });
    expect(await rejectionOf(inspectTree({ gitDirectory, commit: 'HEAD' }))).toMatchObject({ code: 'InvalidRef' });
  });

  test('given an abort, then its reason is thrown', async () => {
    const gitDirectory = path.join(root, `r${counter++}`);
    const { commits } = await createRepository(gitDirectory, { commits: [{ files: { a: '' } }] });
    const signal = AbortSignal.abort(new Error('enough'));

    await expect(inspectTree({ gitDirectory, commit: commits[0] ?? '', signal })).rejects.toThrow('enough');
  });

  test('given any listing, in chunks of any size, then what is counted is what is in it', () => {
    const entry = fc.record({
      path: fc.string({
        minLength: 1,
        maxLength: 300,
        unit: fc.constantFrom('a', ' ', '/', '\n', '\t', '-', '7', 'é'),
      }),
      size: fc.option(fc.nat(), { nil: undefined }),
    });
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 20 }), fc.integer({ min: 1, max: 400 }), (entries, chunk) => {
        const listing = Buffer.from(
          entries
            .map(({ path, size }) => {
              const kind = size === undefined ? '040000 tree' : '100644 blob';
              return `${kind} ${'a'.repeat(40)} ${String(size ?? '-').padStart(7)}\t${path}\0`;
            })
            .join(''),
        );
        const measure = measureTree('a'.repeat(40), UNLIMITED);

        for (let at = 0; at < listing.length; at += chunk) measure.add(listing.subarray(at, at + chunk));

        const sizes = entries.map(({ size }) => size).filter(size => size !== undefined);
        expect(measure.size()).toEqual({ files: sizes.length, bytes: sizes.reduce((sum, size) => sum + size, 0) });
      }),
    );
  });

  test('given a path that does not end, then it is refused before it is there', () => {
    const measure = measureTree('a'.repeat(40), DEFAULT_TREE_LIMITS);

    expect(() => measure.add(Buffer.from(`100644 blob ${'a'.repeat(40)}       1\t${'x'.repeat(10_000)}`))).toThrow(
      /path of more than 4000 bytes/,
    );
  });
});
