import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, copyFile, mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

const BOOTSTRAP = fileURLToPath(new URL('../bootstrap.mjs', import.meta.url));

/** In place of npm: makes node_modules as npm ci does, with the Node.js that runs this test. */
const NPM = `#!/bin/sh
echo "npm $*"
[ ! -e fail ] || exit 1
mkdir -p node_modules/.bin
ln -sf ${process.execPath} node_modules/.bin/node
echo '{}' >node_modules/.package-lock.json
`;

let project: string;
beforeEach(async () => {
  project = await mkdtemp(join(tmpdir(), 'tako-bootstrap-'));
  for (const folder of ['test', 'tools']) await mkdir(join(project, folder));
  await copyFile(BOOTSTRAP, join(project, 'test', 'bootstrap.mjs'));
  await writeFile(join(project, 'tools', 'npm'), NPM);
  await chmod(join(project, 'tools', 'npm'), 0o755);
  await writeFile(join(project, 'package-lock.json'), '{}');
  await script('console.log(JSON.stringify(process.argv.slice(2)));');
});
afterEach(() => rm(project, { recursive: true }));

const script = (text: string): Promise<void> => writeFile(join(project, 'script.mjs'), text);

function start(...args: string[]) {
  const env = { ...process.env, PATH: [join(project, 'tools'), process.env.PATH].join(delimiter) };
  return spawn(process.execPath, ['test/bootstrap.mjs', 'script.mjs', ...args], { cwd: project, env });
}

async function bootstrap(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const child = start(...args);
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', chunk => {
    stdout += chunk;
  });
  child.stderr.on('data', chunk => {
    stderr += chunk;
  });
  const [code] = await once(child, 'close');
  return { code, stdout, stderr };
}

describe('bootstrap.mjs', () => {
  test('given no node_modules, then it installs, says so on stderr only, and runs the script', async () => {
    const { code, stdout, stderr } = await bootstrap('--json', 'a b');
    expect({ code, stdout }).toEqual({ code: 0, stdout: '["--json","a b"]\n' });
    expect(stderr).toContain('npm ci');
  });

  test('given an installation that is up to date, then it does not install', async () => {
    await bootstrap();
    expect((await bootstrap()).stderr).toBe('');
  });

  test('given a newer lock file, then it installs again', async () => {
    await bootstrap();
    const later = Date.now() / 1000 + 60;
    await utimes(join(project, 'package-lock.json'), later, later);
    expect((await bootstrap()).stderr).toContain('npm ci');
  });

  test('given an installation that was interrupted, then it installs again', async () => {
    await bootstrap();
    await rm(join(project, 'node_modules', '.package-lock.json'));
    expect((await bootstrap()).stderr).toContain('npm ci');
  });

  test('given an npm that fails, then it ends with an error and does not run the script', async () => {
    await writeFile(join(project, 'fail'), '');
    await script("import { writeFileSync } from 'node:fs'; writeFileSync('ran', '');");
    const { code, stderr } = await bootstrap();
    expect(code).toBe(1);
    expect(stderr).toContain('npm ci failed');
    expect(existsSync(join(project, 'ran'))).toBe(false);
  });

  test('given a script that exits with a code, then so does it', async () => {
    await script('process.exit(7);');
    expect((await bootstrap()).code).toBe(7);
  });

  test('given a signal, then the script gets it and decides', async () => {
    await script("process.on('SIGTERM', () => process.exit(9)); setInterval(() => {}, 1000); console.log('ready');");
    const child = start();
    await once(child.stdout, 'data').then(async ([chunk]) => expect(String(chunk)).toBe('ready\n'));
    child.kill('SIGTERM');
    expect(await once(child, 'close')).toEqual([9, null]);
  });
});
