import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { ClusterConfigError } from '../kube/config.ts';
import { ApiError, type ErrorClass } from '../kube/errors.ts';
import { defineCommand, type Group } from './command.ts';
import { CliError, EXIT, type ExitCode } from './exit.ts';
import { allCommands } from './parse.ts';
import { cliReference } from './reference.ts';
import { run } from './run.ts';
import { tako } from './tako.ts';
import { recordedIo } from './testing/io.ts';

function rootOf(work: () => Promise<ExitCode>): Group {
  const command = defineCommand({
    name: 'do',
    summary: 'Does',
    description: ['Does.'],
    options: {},
    examples: [],
    run: work,
  });
  return { kind: 'group', name: 'tako', summary: 'Tako', members: [command] };
}

const apiError = (kind: ErrorClass) =>
  new ApiError({ class: kind, code: 0, reason: 'Because', message: `it is ${kind}` });

describe('a command that ends', () => {
  test('given its exit code, then that is what the process gets', async () => {
    expect(
      await run(
        ['do'],
        recordedIo(),
        rootOf(async () => EXIT.finding),
      ),
    ).toBe(EXIT.finding);
  });

  test.each([
    [new CliError('it is so: do that', EXIT.usage), EXIT.usage, /^tako: it is so: do that\n$/],
    [new ClusterConfigError('there is no context'), EXIT.failed, /no context\. --kubeconfig and --context/],
    [apiError('forbidden'), EXIT.failed, /it is forbidden\. docs\/guides\/cache\.md lists the rights/],
    [apiError('unauthorized'), EXIT.failed, /log in again/],
    [apiError('transient'), EXIT.failed, /kubectl get --raw \/readyz/],
    [apiError('notFound'), EXIT.failed, /^tako: it is notFound\n$/],
    [new TypeError('x is undefined'), EXIT.failed, /TypeError: x is undefined\n +at /],
    ['a text', EXIT.failed, /^tako: a text\n$/],
  ])('given %s, then it is told with what to do next', async (error, code, words) => {
    const io = recordedIo();
    expect(
      await run(
        ['do'],
        io,
        rootOf(() => Promise.reject(error)),
      ),
    ).toBe(code);
    expect(io.stderr()).toMatch(words);
    expect(io.stdout()).toBe('');
  });

  test('given Ctrl-C, then whatever fails by that is not told', async () => {
    const io = recordedIo({ signal: AbortSignal.abort() });
    expect(
      await run(
        ['do'],
        io,
        rootOf(() => Promise.reject(new Error('aborted'))),
      ),
    ).toBe(EXIT.interrupted);
    expect(io.stderr()).toBe('tako: interrupted\n');
  });
});

describe('help', () => {
  test('given --help, then it is the result, and names the commands', async () => {
    const io = recordedIo();
    expect(await run(['cache', '--help'], io)).toBe(EXIT.ok);
    for (const { name, summary } of allCommands(tako)) {
      expect(io.stdout()).toContain(name);
      expect(io.stdout()).toContain(summary);
    }
  });

  test.each(allCommands(tako).map(command => [command.name, command] as const))(
    'given `%s --help`, then it shows every option, an example and the exit codes, in lines of at most 100 characters',
    async (name, command) => {
      const io = recordedIo();
      await run(['cache', name, '--help'], io);
      const text = io.stdout();
      for (const option of Object.keys(command.options)) expect(text).toContain(`--${option}`);
      expect(command.examples.length).toBeGreaterThan(0);
      for (const { command: line } of command.examples) expect(text).toContain(line);
      expect(text).toMatch(/Exit codes:\n {2}0 /);
      expect(text.includes('\n  1 ')).toBe(command.finding !== undefined);
      const wide = text.split('\n').filter(line => line.length > 100 && !/^ {2}(#|tako)/.test(line));
      expect(wide).toEqual([]);
    },
  );

  test('given a wrong command line, then the error points to the help, and standard output stays empty', async () => {
    const io = recordedIo();
    expect(await run(['cahce', 'ls'], io)).toBe(EXIT.usage);
    expect(io.stderr()).toBe('tako: tako has no command "cahce", did you mean "cache"?\nSee `tako --help`.\n');
    expect(io.stdout()).toBe('');
  });
});

describe('docs/reference/cli.md', () => {
  test('given the definitions, then the page is up to date: run `npm run generate` when this fails', () => {
    expect(readFileSync(path.join(import.meta.dirname, '../../docs/reference/cli.md'), 'utf8')).toBe(cliReference());
  });
});

describe('the program', () => {
  const program = path.join(import.meta.dirname, 'tako.mjs');
  const started = (args: string[], env: NodeJS.ProcessEnv = process.env) =>
    promisify(execFile)(process.execPath, [program, ...args], { env }).then(
      ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
      (error: { code: number; stdout: string; stderr: string }) => error,
    );

  test('given it is started from the source, then it runs, and its exit code is the command’s', async () => {
    expect(await started(['--help'])).toMatchObject({
      code: 0,
      stderr: '',
      stdout: expect.stringContaining('Usage: tako COMMAND'),
    });
    expect(await started(['cache'])).toMatchObject({ code: EXIT.usage, stdout: '' });
  });

  test('given a kubeconfig that is not there, then it says which one and how to name another', async () => {
    const { code, stderr } = await started(['cache', 'ls', '--kubeconfig', '/nowhere/config']);
    expect(code).toBe(EXIT.failed);
    expect(stderr).toMatch(
      /cannot read the kubeconfig \/nowhere\/config: .*--kubeconfig and --context choose another/s,
    );
  });
});
