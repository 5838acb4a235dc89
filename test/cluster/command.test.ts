import { describe, expect, test } from 'vitest';
import { CommandFailed, lastLines, run } from './command.ts';

describe('run', () => {
  test('given input and variables, then the command sees them and its stdout is returned', async () => {
    const output = await run(['sh', '-c', 'cat; echo "$GREETING"'], { input: 'in ', env: { GREETING: 'hello' } });
    expect(output).toBe('in hello\n');
  });

  test('given a command that fails, then the error holds its code and the end of its stderr', async () => {
    const error = await run(['sh', '-c', 'echo first >&2; echo last >&2; exit 7']).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(CommandFailed);
    expect(error).toMatchObject({ exitCode: 7, stderr: 'first\nlast\n' });
    expect(String(error)).toMatch(/ended with code 7:\nfirst\nlast$/);
  });

  test('given a command that tells on stdout why it fails, then the error holds that', async () => {
    await expect(run(['sh', '-c', 'echo why; exit 1'])).rejects.toThrow('ended with code 1:\nwhy');
  });

  test('given a command that is killed, then the error names the signal', async () => {
    await expect(run(['sh', '-c', 'kill -TERM $$'])).rejects.toThrow(/was ended by SIGTERM/);
  });

  test('given a script among the arguments, then the error does not repeat it', async () => {
    await expect(run(['sh', '-c', 'exit 3\n# a long script'])).rejects.toThrow('`sh -c ...` ended with code 3');
  });

  test('given a program that is not there, then it rejects', async () => {
    await expect(run(['tako-no-such-program'])).rejects.toThrow(/ENOENT/);
  });

  test('given a command that does not read its input, then it still ends', async () => {
    expect(await run(['true'], { input: 'x'.repeat(1_000_000) })).toBe('');
  });

  test('given onLine, then each line of both streams arrives, also one without an end', async () => {
    const lines: string[] = [];
    await run(['sh', '-c', 'printf "a\\nb\\nc"; printf "d\\ne" >&2'], { onLine: line => lines.push(line) });
    expect(lines.sort()).toEqual(['a', 'b', 'c', 'd', 'e']);
  });
});

test('lastLines: given more lines than asked for, then the last ones without the blanks at the end', () => {
  expect(lastLines('a\nb\nc\n\n', 2)).toBe('b\nc');
  expect(lastLines('', 2)).toBe('');
});
