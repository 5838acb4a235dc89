import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { identify, isAlive, kill, parseStat } from './process.ts';

/** proc(5): pid, (name), state, then fields 4 to 22, of which the last is the start time. */
const statLine = (name: string, state: string, startTime: string): string =>
  `12 (${name}) ${state} ${Array.from({ length: 18 }, (_, index) => index).join(' ')} ${startTime} 0 0\n`;

describe('parseStat', () => {
  test('given any name of a command, with blanks and brackets, then the start time is found', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 15 }), fc.nat(), (name, startTime) => {
        expect(parseStat(12, statLine(name, 'S', String(startTime)))).toEqual({
          pid: 12,
          startTime: String(startTime),
        });
      }),
    );
  });

  test.each(['Z', 'X'])('given state %s, then the process is gone', state => {
    expect(parseStat(12, statLine('sh', state, '5'))).toBeUndefined();
  });
});

describe.runIf(process.platform === 'linux')('identify and kill', () => {
  test('given this process, then it is alive', () => {
    expect(isAlive(identify(process.pid)!)).toBe(true);
  });

  test('given another start time for a pid that exists, then it is not alive and not killed', async () => {
    const other = { pid: process.pid, startTime: '1' };
    expect(isAlive(other)).toBe(false);
    await kill(other);
  });

  test('given a running child, when it is killed, then it is gone', async () => {
    const child = spawn('sleep', ['1000'], { stdio: 'ignore' });
    const exited = once(child, 'exit');
    const identity = identify(child.pid!)!;
    expect(isAlive(identity)).toBe(true);
    await kill(identity);
    expect(isAlive(identity)).toBe(false);
    expect(await exited).toEqual([null, 'SIGKILL']);
  });

  test('given a pid that nobody has, then there is no identity', () => {
    expect(identify(2 ** 22 + 1)).toBeUndefined();
  });
});
