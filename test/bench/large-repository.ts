import { spawn } from 'node:child_process';
import { createCipheriv } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { git } from '../fixtures/git-server/repositories.mjs';

const COMMITS = 20;
const FILES = 100;
const FILE_BYTES = 100 * 1024;

/**
 * Makes a bare repository whose 20 commits each change every byte of a tree of 10 MB: 200 MB of packed history. The content is the same each time
 * and cannot be compressed.
 */
export async function createLargeRepository(
  directory: string,
): Promise<{ commit: string; packedBytes: number; treeBytes: number }> {
  await mkdir(directory, { recursive: true });
  await git(directory, ['init', '--quiet', '--bare', '--initial-branch=main']);
  // Nothing is to be gained by compression and deltas here, which would take minutes.
  const settings = ['-c', 'core.compression=0', '-c', 'pack.compression=0'];
  const importer = spawn('git', [...settings, 'fast-import', '--quiet', '--depth=0'], {
    cwd: directory,
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  const ended = once(importer, 'exit');
  const write = async (data: string | Buffer): Promise<void> => {
    if (!importer.stdin.write(data)) await once(importer.stdin, 'drain');
  };
  const random = createCipheriv('aes-128-ctr', Buffer.alloc(16, 'tako'), Buffer.alloc(16));
  const zeros = Buffer.alloc(FILE_BYTES);
  for (let commit = 0; commit < COMMITS; commit++) {
    await write(`commit refs/heads/main\ncommitter t <t@example.com> ${1_700_000_000 + commit} +0000\ndata 1\nc\n`);
    for (let file = 0; file < FILES; file++) {
      await write(`M 100644 inline file-${file}\ndata ${FILE_BYTES}\n`);
      await write(random.update(zeros));
      await write('\n');
    }
  }
  importer.stdin.end();
  const [code] = (await ended) as [number | null];
  if (code !== 0) throw new Error(`git fast-import ended with ${code}`);
  return {
    commit: (await git(directory, ['rev-parse', 'main'])).trim(),
    packedBytes: await packedBytes(path.join(directory, 'objects/pack')),
    treeBytes: FILES * FILE_BYTES,
  };
}

async function packedBytes(packs: string): Promise<number> {
  const sizes = await Promise.all((await readdir(packs)).map(async name => (await stat(path.join(packs, name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}
