import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { programOfGit } from './exec-path.ts';

const PATH = process.env.PATH;
afterEach(() => {
  process.env.PATH = PATH;
});

const told = () => path.join(execFileSync('git', ['--exec-path']).toString().trim(), 'git-remote-http');

test('given the git that is installed, then its programs are where it says', async () => {
  expect(await programOfGit('git-remote-http')).toBe(told());
});

test('given a git somewhere else, then it is asked', async () => {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'tako-exec-path-'));
  const git = execFileSync('sh', ['-c', 'command -v git']).toString().trim();
  await symlink(git, path.join(directory, 'git'));
  process.env.PATH = `${directory}:${PATH}`;

  expect(await programOfGit('git-remote-http')).toBe(told());
  await rm(directory, { recursive: true });
});
