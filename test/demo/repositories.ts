import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { createRepository, type FileDescription } from '../fixtures/git-server/repositories.mjs';

const run = promisify(execFile);
const SOURCES = path.join(import.meta.dirname, 'repositories');

/** The tag of core-lib, from which its version is computed. */
export const CORE_LIB_TAG = 'v2.3.0';
export const REPOSITORIES = ['core-lib', 'app-one', 'app-two', 'legacy-app', 'deploy'] as const;

/** The same content gives the same bytes, so that nothing is rolled out again for it. */
const REPRODUCIBLE = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner'];

const BROKEN_TEST = '#!/bin/sh\necho "app-two: 1 test failed: greeting" >&2\nexit 3\n';

/** Real bare Git repositories from test/demo/repositories, as a gzipped tar. `fail` breaks the test of app-two. */
export async function demoRepositories({ fail }: { fail: boolean }): Promise<Buffer> {
  const directory = await mkdtemp(path.join(tmpdir(), 'tako-demo-'));
  try {
    for (const name of REPOSITORIES) {
      const files = await readFiles(path.join(SOURCES, name));
      if (fail && name === 'app-two') files['test.sh'] = { content: BROKEN_TEST, executable: true };
      const tags = name === 'core-lib' ? [{ name: CORE_LIB_TAG, message: CORE_LIB_TAG }] : [];
      await createRepository(path.join(directory, 'acme', `${name}.git`), {
        commits: [{ message: `${name} as of the demo`, files, tags }],
      });
    }
    const { stdout } = await run('tar', [...REPRODUCIBLE, '-cz', '--exclude=hooks', '-C', directory, 'acme'], {
      encoding: 'buffer',
      maxBuffer: 1024 * 1024,
    });
    return stdout;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function readFiles(directory: string): Promise<Record<string, FileDescription>> {
  const files: Record<string, FileDescription> = {};
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = path.join(entry.parentPath, entry.name);
    const executable = ((await stat(file)).mode & 0o100) !== 0;
    files[path.relative(directory, file)] = { content: await readFile(file), executable };
  }
  return files;
}
