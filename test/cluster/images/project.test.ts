import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { contentKey } from './project.ts';

let project: string;
beforeEach(async () => {
  project = await mkdtemp(join(tmpdir(), 'tako-project-'));
  await file('Dockerfile', 'FROM scratch');
  await file('src/operator/main.ts', 'run();');
});
afterEach(() => rm(project, { recursive: true }));

async function file(name: string, content: string): Promise<void> {
  await mkdir(dirname(join(project, name)), { recursive: true });
  await writeFile(join(project, name), content);
}

describe('contentKey', () => {
  test('given nothing new, then the same key, which can be a tag', async () => {
    const key = await contentKey(project);
    expect(await contentKey(project)).toBe(key);
    expect(key).toMatch(/^[0-9a-f]{12}$/);
  });

  test.each([
    ['Dockerfile', 'FROM other'],
    ['package-lock.json', '{}'],
    ['build.mjs', ''],
    ['src/operator/main.ts', 'runFaster();'],
    ['src/agent/main.ts', 'run();'],
  ])('given another %s, then another key', async (name, content) => {
    const before = await contentKey(project);
    await file(name, content);
    expect(await contentKey(project)).not.toBe(before);
  });

  test.each(['src/operator/main.test.ts', 'test/run.ts', 'README.md', 'node_modules/a/index.js'])(
    'given another %s, which is not in the image, then the same key',
    async name => {
      const before = await contentKey(project);
      await file(name, 'anything');
      expect(await contentKey(project)).toBe(before);
    },
  );
});
