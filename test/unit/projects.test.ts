import { globSync } from 'node:fs';
import path from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { ROOT } from './markdown.ts';

interface Project {
  readonly test: { readonly name: string; readonly include: readonly string[]; readonly exclude: readonly string[] };
}

/** Every test file that `TAKO_TESTS` leaves, as `<project> <file>`. */
async function chosen(tests: string): Promise<string[]> {
  vi.stubEnv('TAKO_TESTS', tests);
  vi.resetModules();
  const { default: config } = await import('../../vitest.config.ts');
  const projects = (config as { test: { projects: Project[] } }).test.projects;
  return projects
    .flatMap(({ test: { name, include, exclude } }) =>
      globSync(include, { cwd: ROOT })
        .filter(file => !exclude.some(pattern => path.matchesGlob(file, pattern)))
        .map(file => `${name} ${file}`),
    )
    .sort();
}

afterEach(() => vi.unstubAllEnvs());

test('given all test files, then each is in one project, and either in `npm test` or in `npm run test:full`', async () => {
  const files = globSync(['src/**/*.test.ts', 'test/**/*.test.ts'], { cwd: ROOT }).sort();
  const [quick, full, all] = [await chosen('quick'), await chosen('full'), await chosen('')];
  expect(all.map(line => line.split(' ')[1]).sort()).toEqual(files);
  expect([...quick, ...full].sort()).toEqual(all);
  expect(full.map(line => line.endsWith('.full.test.ts'))).toEqual(full.map(() => true));
  expect(quick.filter(line => line.endsWith('.full.test.ts'))).toEqual([]);
  expect(full).not.toEqual([]);
});
