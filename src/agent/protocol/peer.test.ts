import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openStepContainer, type StepContainer } from './container.ts';
import { eventually, prepareContainer } from './testing.ts';

describe('a loop that does what ours does not', () => {
  test('given it speaks another version, then hello rejects and says who has to change', async () => {
    await using peer = await startPeer();
    peer.say('hello 1 1 setsid');
    await expect(peer.container.hello()).rejects.toThrow(
      /speaks version 1 .* this agent speaks version 2: the operator and the agent's image must be of one release/,
    );
  });

  test.each([
    ['a line that is no report', 'welcome'],
    ['a line without an end', 'x'.repeat(200_000)],
    ['a PID that is none', 'hello 2 0 setsid'],
    ['binary data', '\0\xff\xfe'],
  ])('given %s, then the channel ends with a violation', async (_what, line) => {
    await using peer = await startPeer();
    peer.say(line);
    expect(await peer.container.ended).toMatchObject({ kind: 'violation' });
  });

  test('given answers that nobody asked for, then they change nothing', async () => {
    await using peer = await startPeer();
    peer.say('pong\nswept\nlog\nhello 2 1 setsid');
    expect(await peer.container.hello()).toEqual({ version: 2, pid: 1, setsid: true });
  });

  test('given a supervisor that ends before it has started the script, then none could be started', async () => {
    await using peer = await startPeer();
    peer.say('hello 2 2 setsid');
    await peer.container.hello();
    const outcome = peer.container.run({ body: ':' });
    await peer.heard('run 1\n');
    closeSync(openSync(peer.file('1.state'), constants.O_WRONLY));
    await peer.heard('ping\n');
    peer.say('pong');
    expect(await outcome).toMatchObject({
      kind: 'neverStarted',
      reason: 'noProcess',
      message: expect.stringContaining('limit of processes'),
    });
    await peer.heard('drop 1\nping\nreap 1\n');
  });

  test.each([
    ['an exit without a start', 'exit 0\n', 'neverStarted'],
    ['two starts', 'started 7\nstarted 8\n', 'supervisorLost'],
    ['the start of the loop itself', 'started 1\n', 'neverStarted'],
    ['a code that no process has', 'started 7\nexit 256\n', 'supervisorLost'],
    ['half a line', 'started 7\nexit 0', 'supervisorLost'],
  ])('given a supervisor that reports %s, then the run is lost', async (_what, reports, kind) => {
    await using peer = await startPeer();
    peer.say('hello 2 2 setsid');
    await peer.container.hello();
    const outcome = peer.container.run({ body: ':' });
    await peer.heard('run 1\n');
    const state = openSync(peer.file('1.state'), constants.O_WRONLY);
    writeSync(state, reports);
    closeSync(state);
    await peer.heard('ping\n');
    peer.say('pong');
    expect(await outcome).toMatchObject({ kind });
  });

  test('given a supervisor that reports the exit and stays, then it is killed before the loop waits for it', async () => {
    await using peer = await startPeer();
    peer.say('hello 2 2 setsid');
    await peer.container.hello();
    const outcome = peer.container.run({ body: ':' });
    await peer.heard('run 1\n');
    for (const stream of ['1.stdout', '1.stderr']) closeSync(openSync(peer.file(stream), constants.O_WRONLY));
    const state = openSync(peer.file('1.state'), constants.O_WRONLY);
    writeSync(state, 'started 7\nexit 3\n');
    await peer.heard('drop 1\nreap 1\n');
    closeSync(state);
    expect(await outcome).toMatchObject({ kind: 'exited', code: 3, leftovers: 'none' });
  });

  test('given the container ends while a lost run is looked into, then it is the container that died', async () => {
    await using peer = await startPeer();
    peer.say('hello 2 2 setsid');
    await peer.container.hello();
    const outcome = peer.container.run({ body: ':' });
    await peer.heard('run 1\n');
    const state = openSync(peer.file('1.state'), constants.O_WRONLY);
    writeSync(state, 'started 7\n');
    closeSync(state);
    await peer.heard('ping\n');
    peer.leave();
    expect(await outcome).toMatchObject({ kind: 'containerDied', end: { kind: 'ended' } });
  });
});

/** A loop played by the test. */
async function startPeer() {
  const prepared = prepareContainer({ shell: 'dash' });
  const container: StepContainer = await openStepContainer({ name: 'step', directory: prepared.io });
  const file = (name: string) => join(prepared.io, 'channel', name);
  const control = openSync(file('control'), constants.O_RDONLY | constants.O_NONBLOCK);
  let result: number | undefined = openSync(file('result'), constants.O_WRONLY);
  let orders = '';

  function leave(): void {
    if (result !== undefined) closeSync(result);
    result = undefined;
  }

  function listen(): string {
    const buffer = Buffer.alloc(4_096);
    try {
      orders += buffer.toString('latin1', 0, readSync(control, buffer));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    }
    return orders;
  }

  return {
    container,
    file,
    leave,
    say(line: string): void {
      const bytes = Buffer.from(`${line}\n`, 'latin1');
      try {
        // More than a pipe holds must be read meanwhile, and the agent may stop reading at any byte.
        writeSync(result!, bytes.subarray(0, 60_000));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EPIPE') throw error;
      }
    },
    heard: (expected: string) => eventually(() => listen().endsWith(expected)),
    async [Symbol.asyncDispose](): Promise<void> {
      leave();
      closeSync(control);
      await container.close();
      await prepared[Symbol.asyncDispose]();
    },
  };
}
