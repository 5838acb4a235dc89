import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { gitEnvironment } from './environment.ts';
import { runGit } from './git.ts';
import { rejectionOf } from './testing/rejection.ts';
import { parseGitUrl } from './url.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(path.join(os.tmpdir(), 'tako-git-test-'));
});
afterEach(() => rm(directory, { recursive: true }));

/** A git command that runs a shell line, by an alias: the way to have git do what a test needs. */
const shell = (line: string): [string, string] => ['alias.x', `!${line}`];

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error('the condition did not come true within 10 s');
    await delay(10);
  }
}

/** A process that was killed but that nobody has waited for (init's work) is gone as well. */
async function isGone(pid: string): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  return stat === undefined || / Z /.test(stat.slice(stat.lastIndexOf(')')));
}

describe('runGit', () => {
  test('given a command, then it gives the output', async () => {
    const { stdout, truncated } = await runGit(['version']);

    expect(stdout.toString()).toMatch(/^git version /);
    expect(truncated).toBe(false);
  });

  test('given an unknown command, then the error names it and is no other class', async () => {
    const error = await rejectionOf(runGit(['no-such-command']));

    expect(error.message).toContain('git no-such-command failed');
  });

  test('given variables of this process that steer git, then git sees none of them', async () => {
    await mkdir(path.join(directory, 'home'));
    await writeFile(path.join(directory, 'home/.gitconfig'), '[user]\n\tname = intruder\n');
    const parent = {
      PATH: process.env.PATH,
      HOME: path.join(directory, 'home'),
      GIT_DIR: '/elsewhere',
      GIT_CONFIG_PARAMETERS: "'user.name=intruder'",
      GIT_SSH_COMMAND: 'touch intruder',
      GIT_TRACE: '1',
      SSH_AUTH_SOCK: '/run/agent',
      https_proxy: 'http://proxy:3128',
    };

    const environment = gitEnvironment({}, parent);

    for (const name of ['GIT_DIR', 'GIT_CONFIG_PARAMETERS', 'GIT_SSH_COMMAND', 'GIT_TRACE', 'SSH_AUTH_SOCK']) {
      expect(environment[name], name).toBeUndefined();
    }
    expect(environment.HOME).toBe('/nonexistent');
    expect(environment.https_proxy).toBe('http://proxy:3128');
  });

  test('given no URL, then git knows only our configuration and no transport', async () => {
    const { stdout } = await runGit(['config', '--list', '--show-origin']);
    const origins = new Set(
      stdout
        .toString()
        .trim()
        .split('\n')
        .map(line => line.split('\t')[0]),
    );

    expect([...origins]).toEqual(['command line:']);
    const error = await rejectionOf(runGit(['ls-remote', '--', `file://${directory}`]));
    expect(error).toMatchObject({ code: 'UrlNotAllowed' });
  });

  test('given a URL, then its scheme is the one transport', async () => {
    const url = parseGitUrl('https://127.0.0.1:1/a/b');

    for (const other of [`file://${directory}`, 'http://127.0.0.1:1/a/b', `ext::touch ${directory}/touched`]) {
      expect(await rejectionOf(runGit(['ls-remote', '--', other], { url })), other).toMatchObject({
        code: 'UrlNotAllowed',
      });
    }
    expect(await rejectionOf(runGit(['ls-remote', '--', url.href], { url }))).toMatchObject({ code: 'Unreachable' });
  });

  test('given a time limit, then the whole process group is gone after it', async () => {
    const file = path.join(directory, 'pid');
    const error = await rejectionOf(
      runGit(['x'], { config: [shell(`sleep 300 & echo $! >${file}; wait`)], timeoutMs: 1000 }),
    );

    expect(error).toMatchObject({ code: 'TimedOut', class: 'transient' });
    const pid = (await readFile(file, 'utf8')).trim();
    await until(() => isGone(pid));
  });

  test('given a child that outlives git and holds its output open, then it does not hold the call', async () => {
    const { stdout } = await runGit(['x'], { config: [shell('sleep 300 & echo done')], timeoutMs: 15_000 });

    expect(stdout.toString()).toBe('done\n');
  });

  test("given an abort, then git is gone and the signal's reason is thrown", async () => {
    const file = path.join(directory, 'pid');
    const controller = new AbortController();
    const running = runGit(['x'], { config: [shell(`echo $$ >${file}; sleep 300`)], signal: controller.signal });
    const failed = expect(running).rejects.toThrow('enough');
    await until(async () => (await readFile(file, 'utf8').catch(() => '')) !== '');

    controller.abort(new Error('enough'));

    await failed;
    const pid = (await readFile(file, 'utf8')).trim();
    await until(() => isGone(pid));
  });

  test('given an abort before the start, then nothing starts', async () => {
    const signal = AbortSignal.abort(new Error('no'));
    const running = runGit(['x'], { config: [shell(`touch ${directory}/started`)], signal });

    await expect(running).rejects.toBe(signal.reason);
    await expect(readFile(`${directory}/started`)).rejects.toThrow('ENOENT');
  });

  test('given more output than the bound, then it fails, or stops there when truncation was asked for', async () => {
    const config = [shell('yes')];

    const error = await rejectionOf(runGit(['x'], { config, maxOutputBytes: 1000 }));
    const cut = await runGit(['x'], { config, maxOutputBytes: 1000, truncate: true });

    expect(error).toMatchObject({ code: 'RepositoryTooLarge' });
    expect(cut.truncated).toBe(true);
    expect(cut.stdout.length).toBe(1000);
  });

  test('given much on standard error, then its end is kept', async () => {
    const { stderr } = await runGit(['x'], { config: [shell('seq 1 100000 >&2; echo last >&2')] });

    expect(stderr.length).toBe(16 * 1024);
    expect(stderr).toMatch(/last\n$/);
  });

  test('given input, then git reads it; given none, then its input is empty', async () => {
    const config = [shell('cat')];

    expect((await runGit(['x'], { config, input: 'hello' })).stdout.toString()).toBe('hello');
    expect((await runGit(['x'], { config })).stdout.toString()).toBe('');
  });

  test('given input that git does not read, then that is no error', async () => {
    await expect(runGit(['version'], { input: 'x'.repeat(1_000_000) })).resolves.toMatchObject({ truncated: false });
  });

  test('given a umask, then the child has it and this process keeps its own', async () => {
    const before = process.umask();

    const { stdout } = await runGit(['x'], { config: [shell('umask;')], umask: 0o027 });

    expect(Number.parseInt(stdout.toString(), 8)).toBe(0o027);
    expect(process.umask()).toBe(before);
  });

  test('given no git in PATH, then the error asks whether it is installed', async () => {
    vi.stubEnv('PATH', directory);
    onTestFinished(() => void vi.unstubAllEnvs());

    const error = await rejectionOf(runGit(['version']));

    expect(error).toMatchObject({ code: 'GitFailed', message: expect.stringContaining('is it installed') });
  });

  test('given a directory that is not there, then the error says that git could not be started', async () => {
    const error = await rejectionOf(runGit(['version'], { gitDirectory: `${directory}/none` }));

    expect(error).toMatchObject({ code: 'GitFailed', message: expect.stringContaining('cannot be started') });
  });
});
