import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, lchownSync, mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { StepContainer } from './container.ts';
import { type ReadFileResult, readFileInContainer } from './read-file.ts';
import { SHELLS, STEP_UID, startTestContainer } from './testing.ts';

const root = process.getuid?.() === 0;

describe.each(SHELLS)('reading a file in a container with %s', shell => {
  test('given regular files, then their bytes come as they are', async () => {
    await using started = await startTestContainer({ shell });
    const { workspace } = started;
    mkdirSync(join(workspace, 'out/deep'), { recursive: true });
    const bytes = Buffer.from(Array.from({ length: 512 }, (_, index) => index % 256));
    const names = [
      'plain',
      'out/deep/file',
      ' blank and $(date) `x` "quoted" \'single\' ',
      '-dash',
      'new\nline',
      'é',
      '*',
      'empty',
    ];
    for (const name of names) writeFileSync(join(workspace, name), name === 'empty' ? '' : bytes);
    const read = (path: string) => readFileInContainer(started.container, { workspace, path });
    for (const name of names) {
      expect(await read(name)).toEqual({ kind: 'read', bytes: name === 'empty' ? Buffer.alloc(0) : bytes });
    }
    expect(await read('./out//deep/./file')).toEqual({ kind: 'read', bytes });
    expect(await read(join(workspace, 'plain'))).toEqual({ kind: 'read', bytes });
    expect(started.log().toString()).toBe('');
  });

  test('given symbolic links within the workspace, then they are followed', async () => {
    await using started = await startTestContainer({ shell });
    const { workspace } = started;
    mkdirSync(join(workspace, 'a/b'), { recursive: true });
    writeFileSync(join(workspace, 'a/b/file'), 'here');
    symlinkSync('a/b/file', join(workspace, 'relative'));
    symlinkSync(join(workspace, 'a/b/file'), join(workspace, 'absolute'));
    symlinkSync('a', join(workspace, 'directory'));
    symlinkSync('../../relative', join(workspace, 'a/b/up'));
    for (const path of ['relative', 'absolute', 'directory/b/file', 'a/b/up']) {
      expect(await readFileInContainer(started.container, { workspace, path })).toEqual({
        kind: 'read',
        bytes: Buffer.from('here'),
      });
    }
  });

  test('given anything else, then it is refused with its reason, and the message names the path', async () => {
    await using started = await startTestContainer({ shell });
    const { workspace } = started;
    const inside = (name: string) => join(workspace, name);
    mkdirSync(inside('directory'));
    writeFileSync(inside('file'), 'x');
    writeFileSync(join(dirname(workspace), 'secret'), 'not yours');
    mkdirSync(`${workspace}-beside`);
    writeFileSync(`${workspace}-beside/file`, 'not yours either');
    execFileSync('mkfifo', [inside('fifo')]);
    symlinkSync('/etc/passwd', inside('absolute'));
    symlinkSync('../secret', inside('relative'));
    symlinkSync('..', inside('parent'));
    symlinkSync('directory/../..', inside('dots'));
    symlinkSync(`${workspace}-beside`, inside('beside'));
    symlinkSync('relative', inside('chain'));
    symlinkSync('loop', inside('loop'));
    symlinkSync('nowhere', inside('dangling'));
    symlinkSync('/dev/null', inside('null'));
    const server = createServer().listen(inside('socket'));
    await using _closed = { [Symbol.asyncDispose]: async () => void server.close() };

    const expected: Record<string, string> = {
      '': 'badPath',
      'nul\0': 'badPath',
      [`long/${'x'.repeat(5_000)}`]: 'badPath',
      '..': 'outside',
      '../secret': 'outside',
      'directory/../file': 'outside',
      '/etc/passwd': 'outside',
      [`${workspace}-beside/file`]: 'outside',
      absolute: 'outside',
      relative: 'outside',
      chain: 'outside',
      parent: 'outside',
      dots: 'outside',
      'parent/secret': 'outside',
      'beside/file': 'outside',
      null: 'outside',
      missing: 'missing',
      'missing/file': 'missing',
      'file/below': 'missing',
      dangling: 'missing',
      loop: 'missing',
      directory: 'directory',
      'directory/': 'directory',
      '.': 'directory',
      [workspace]: 'directory',
      fifo: 'fifo',
      socket: 'socket',
    };
    const reasons: Record<string, string> = {};
    for (const path of Object.keys(expected)) {
      const result = await readFileInContainer(started.container, { workspace, path });
      reasons[path] = reasonOf(result);
      expect(result.kind === 'refused' && result.message).toContain(JSON.stringify(path.slice(0, 50)).slice(1, -1));
    }
    expect(reasons).toEqual(expected);
  });

  test('given a file at and above the limit, then only the former is read', async () => {
    await using started = await startTestContainer({ shell });
    const { workspace } = started;
    writeFileSync(join(workspace, 'limit'), Buffer.alloc(65_536, 'x'));
    writeFileSync(join(workspace, 'above'), Buffer.alloc(65_537, 'x'));
    writeFileSync(join(workspace, 'huge'), '');
    truncateSync(join(workspace, 'huge'), 1_000_000_000_000);
    const read = (path: string) => readFileInContainer(started.container, { workspace, path });
    expect(await read('limit')).toMatchObject({ kind: 'read', bytes: { length: 65_536 } });
    expect(await read('above')).toMatchObject({
      kind: 'refused',
      reason: 'tooLarge',
      message: '"above" is larger than 65536 bytes, the most that is read',
    });
    expect(await read('huge')).toMatchObject({ kind: 'refused', reason: 'tooLarge' });
    expect(await readFileInContainer(started.container, { workspace, path: 'limit', maxBytes: 10 })).toMatchObject({
      reason: 'tooLarge',
    });
  });

  test.runIf(root)('given files that the step may not read, then that is said', async () => {
    await using started = await startTestContainer({ shell, pidNamespace: true, otherUser: true });
    const { workspace } = started;
    mkdirSync(join(workspace, 'closed'));
    writeFileSync(join(workspace, 'closed/file'), 'x');
    writeFileSync(join(workspace, 'root'), 'x', { mode: 0o600 });
    chmodSync(join(workspace, 'closed'), 0o700);
    writeFileSync(join(workspace, 'own'), 'mine', { mode: 0o600 });
    chownSync(join(workspace, 'own'), STEP_UID, STEP_UID);
    symlinkSync('root', join(workspace, 'link'));
    lchownSync(join(workspace, 'link'), STEP_UID, STEP_UID);
    execFileSync('mknod', [join(workspace, 'device'), 'c', '1', '3']);
    const read = async (path: string) => reasonOf(await readFileInContainer(started.container, { workspace, path }));
    expect([
      await read('closed/file'),
      await read('root'),
      await read('link'),
      await read('device'),
      await read('own'),
    ]).toEqual(['unreadable', 'unreadable', 'unreadable', 'device', 'read']);
  });

  test('given a workspace that is not there, then it is the container that cannot', async () => {
    await using started = await startTestContainer({ shell });
    const result = await readFileInContainer(started.container, { workspace: '/nonexistent/workspace', path: 'file' });
    expect(result).toMatchObject({
      kind: 'refused',
      reason: 'container',
      message: expect.stringContaining('workspace is not there'),
    });
  });
});

test('given a step that swaps the file for a FIFO, then the time limit ends the reading', async () => {
  await using started = await startTestContainer({ shell: 'dash' });
  const { workspace } = started;
  execFileSync('mkfifo', [join(workspace, 'fifo')]);
  // The swap itself is a race; a script without the look at the file's type is what has lost it.
  const container: Pick<StepContainer, 'name' | 'run'> = {
    name: 'step',
    run: (script, options) => started.container.run({ ...script, body: script.body.replace(/.*-p .*\n/, '') }, options),
  };
  const result = await readFileInContainer(container, { workspace, path: 'fifo', timeoutMs: 100 });
  expect(result).toMatchObject({
    kind: 'refused',
    reason: 'timedOut',
    message: '"fifo" could not be read within 0.1 s',
  });
});

test('given an image without dd or readlink, then that is said', async () => {
  await using started = await startTestContainer({ shell: 'dash' });
  const { workspace } = started;
  writeFileSync(join(workspace, 'file'), 'x');
  symlinkSync('file', join(workspace, 'link'));
  const container: Pick<StepContainer, 'name' | 'run'> = {
    name: 'build',
    run: (script, options) =>
      started.container.run({ ...script, prelude: `PATH=/nonexistent\n${script.prelude}` }, options),
  };
  expect(await readFileInContainer(container, { workspace, path: 'file' })).toMatchObject({
    reason: 'container',
    message: '"file" cannot be read in container build: its image has no dd',
  });
  expect(await readFileInContainer(container, { workspace, path: 'link' })).toMatchObject({
    reason: 'unreadable',
    message: expect.stringContaining('no readlink'),
  });
});

test('given the container has ended or the caller stops it, then that is the reason', async () => {
  await using started = await startTestContainer({ shell: 'dash' });
  const { container, workspace } = started;
  const stopped = await readFileInContainer(container, { workspace, path: 'file', signal: AbortSignal.abort() });
  expect(stopped).toMatchObject({ reason: 'container', message: expect.stringContaining('it was stopped before') });
  await container.close();
  expect(await readFileInContainer(container, { workspace, path: 'file' })).toMatchObject({ reason: 'container' });
});

function reasonOf(result: ReadFileResult): string {
  return result.kind === 'refused' ? result.reason : result.kind;
}
