import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { GitError } from './errors.ts';
import { readWorkTreeFile } from './work-tree.ts';

const root = mkdtempSync(path.join(tmpdir(), 'tako-work-tree-'));
const workTree = path.join(root, 'tree');
mkdirSync(path.join(workTree, 'ci'), { recursive: true });
writeFileSync(path.join(workTree, 'tako.yml'), 'version: 0.1.0\n');
writeFileSync(path.join(workTree, 'ci/tako.yml'), 'version: 1\n');
writeFileSync(path.join(root, 'outside'), 'not ours\n');
symlinkSync('tako.yml', path.join(workTree, 'link.yml'));
symlinkSync('ci', path.join(workTree, 'linked'));
symlinkSync('..', path.join(workTree, 'up'));
execFileSync('mkfifo', [path.join(workTree, 'pipe')]);
afterAll(() => rmSync(root, { recursive: true }));

const read = (file: string, maxBytes = 100) => readWorkTreeFile({ workTree, path: file, maxBytes });

describe('a file of a work tree', () => {
  it.each([
    ['tako.yml', 'version: 0.1.0\n'],
    ['ci/tako.yml', 'version: 1\n'],
  ])('given the regular file %s, then its bytes', async (file, text) => {
    expect((await read(file))?.toString()).toBe(text);
  });

  it('given a work tree that is reached by a link, then it is read all the same', async () => {
    symlinkSync('tree', path.join(root, 'alias'));
    const bytes = await readWorkTreeFile({ workTree: path.join(root, 'alias'), path: 'tako.yml', maxBytes: 100 });
    expect(bytes?.toString()).toBe('version: 0.1.0\n');
  });

  it.each([
    ['a link', 'link.yml'],
    ['a file behind a linked directory', 'linked/tako.yml'],
    ['a file behind a link that leaves the tree', 'up/outside'],
    ['a FIFO', 'pipe'],
    ['a directory', 'ci'],
    ['nothing', 'absent.yml'],
    ['nothing in a directory that is a file', 'tako.yml/tako.yml'],
  ])('given %s, then undefined', async (_, file) => {
    expect(await read(file)).toBeUndefined();
  });

  it('given a file above the bound, then undefined, and at the bound its bytes', async () => {
    expect(await read('tako.yml', 14)).toBeUndefined();
    expect(await read('tako.yml', 15)).toHaveLength(15);
  });

  it('given a path that leaves the tree by its own words, then it is refused', async () => {
    await expect(read('../outside')).rejects.toBeInstanceOf(GitError);
  });
});
