import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openStepContainer } from './container.ts';
import { compileMask } from './mask.ts';
import type { ScriptOutcome } from './outcome.ts';
import { childrenOf, ESCAPE, eventually, SHELLS, startTestContainer } from './testing.ts';

const KEEP = { capture: { stdoutBytes: 1_000_000, stderrBytes: 1_000_000 } };

describe.each(SHELLS)('a step container in %s', shell => {
  test('given a script that writes to both streams, when it ends, then code and output are known and logged', async () => {
    await using started = await startTestContainer({ shell });
    const outcome = await started.container.run({ body: 'echo out; echo err >&2; exit 3' }, KEEP);
    expect(outcome).toMatchObject({ kind: 'exited', code: 3, endedBy: 'itself', leftovers: 'none', logComplete: true });
    expect(stdoutOf(outcome)).toBe('out\n');
    expect(outcome).toHaveProperty('stderr', { bytes: Buffer.from('err\n'), truncated: false, total: 4 });
    await eventually(() => started.log().length === 8);
    expect(started.log().toString().split('\n').toSorted()).toEqual(['', 'err', 'out']);
  });

  test('given a prelude, then it runs before the body, in the working directory of the container', async () => {
    await using started = await startTestContainer({ shell });
    const prelude = "export GREETING='it'\\''s'\nset -e";
    const outcome = await started.container.run(
      { prelude, body: 'pwd -P; echo "$GREETING"; false; echo unreached' },
      KEEP,
    );
    expect(outcome).toMatchObject({ kind: 'exited', code: 1 });
    expect(stdoutOf(outcome)).toBe(`${started.workspace}\nit's\n`);
  });

  test.each([
    ['a command that is not there', 'echo one\n\ntako-no-such-command\n', 127],
    ['a syntax error', 'echo one\n\nif )\n', 2],
  ])(
    'given a prelude of several lines and %s in the third line of the body, then the shell says line 3',
    async (_, body, code) => {
      await using started = await startTestContainer({ shell });
      const prelude = "export TEXT='of\ntwo lines'\nexport OTHER=x\nset -e";
      const outcome = await started.container.run({ prelude, body }, KEEP);
      expect(outcome).toMatchObject({ kind: 'exited', code });
      expect(stdoutOf(outcome)).toBe('one\n');
      expect(outcome).toHaveProperty(
        'stderr.bytes',
        expect.toSatisfy(stderr => /\.script: (line )?3:/.test(String(stderr))),
      );
    },
  );

  test.each([
    ['KILL', 137],
    ['TERM', 143],
    ['SEGV', 139],
  ])('given a script that a %s ends, then its code is %i', async (signal, code) => {
    await using started = await startTestContainer({ shell });
    const outcome = await started.container.run({ body: `kill -${signal} $$` });
    expect(outcome).toMatchObject({ kind: 'exited', code, endedBy: 'itself' });
    expect(started.log().toString()).toBe('');
  });

  test('given a script that reads stdin, then it meets the end of file', async () => {
    await using started = await startTestContainer({ shell });
    expect(stdoutOf(await started.container.run({ body: 'cat; read -r line || echo end' }, KEEP))).toBe('end\n');
  });

  test('given a script, then it inherits nothing of the protocol', async () => {
    await using started = await startTestContainer({ shell });
    const body =
      'for fd in 3 4 5 6 7 8 9; do (echo x >&$fd) 2>/dev/null && echo "$fd writable"; (: <&$fd) 2>/dev/null && echo "$fd"; done; :';
    expect(stdoutOf(await started.container.run({ body }, KEEP))).toBe('');
  });

  test('given an image with GNU env, then INT and QUIT work in a script as anywhere; busybox cannot take them back', async () => {
    await using started = await startTestContainer({ shell });
    const outcome = await started.container.run(
      { body: 'grep SigIgn /proc/self/status; sh -c "kill -INT \\$\\$"; echo $?' },
      KEEP,
    );
    const [works, ignored] = [/^SigIgn:\s+0+\n130\n$/, /^SigIgn:\s+0+6\n0\n$/];
    expect(stdoutOf(outcome)).toMatch(shell === 'busybox' ? ignored : works);
  });

  test('given output of all byte values, then it is captured and logged as it is', async () => {
    await using started = await startTestContainer({ shell });
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, value) => value));
    const body = `printf '${[...bytes].map(byte => `\\${byte.toString(8).padStart(3, '0')}`).join('')}'`;
    const outcome = await started.container.run({ body }, KEEP);
    expect(outcome).toHaveProperty('stdout.bytes', bytes);
    await eventually(() => started.log().length === bytes.length);
    expect(started.log()).toEqual(bytes);
  });

  test('given secrets, then log and lines are masked, and what is captured is not', async () => {
    const mask = compileMask([{ name: 'TOKEN', value: 'hunter2-and-more' }]);
    await using started = await startTestContainer({ shell, mask });
    const lines: string[] = [];
    const chunks: Buffer[] = [];
    const outcome = await started.container.run(
      { body: 'printf "a hunter2-"; sleep 0.05; printf "and-more b\\nlast hunter2-and"' },
      {
        ...KEEP,
        onLine: (line, stream) => lines.push(`${stream}: ${line}`),
        onData: chunk => chunks.push(Buffer.from(chunk)),
      },
    );
    expect(stdoutOf(outcome)).toBe('a hunter2-and-more b\nlast hunter2-and');
    expect(Buffer.concat(chunks).toString()).toBe('a hunter2-and-more b\nlast hunter2-and');
    expect(lines).toEqual(['stdout: a *** b', 'stdout: last hunter2-and']);
    await eventually(() => started.log().toString() === 'a *** b\nlast hunter2-and');
  });

  test('given a script whose output is not for the log, then the log stays empty', async () => {
    await using started = await startTestContainer({ shell });
    await started.container.run({ body: 'echo quiet' }, { log: false });
    await started.container.run({ body: 'echo loud' });
    await eventually(() => started.log().toString() === 'loud\n');
  });

  test('given more output than is to be captured, then the first bytes are kept and all are counted', async () => {
    await using started = await startTestContainer({ shell });
    const outcome = await started.container.run({ body: 'printf 1234567890' }, { capture: { stdoutBytes: 4 } });
    expect(outcome).toHaveProperty('stdout', { bytes: Buffer.from('1234'), truncated: true, total: 10 });
  });

  test('given a step that ignores TERM, when its time is up, then KILL ends it and its children after the grace', async () => {
    await using started = await startTestContainer({ shell });
    const body = "trap '' TERM; echo ready; sleep 100 & while :; do sleep 100; done";
    const outcome = await started.container.run({ body }, { timeoutMs: 1_000, graceMs: 100 });
    expect(outcome).toMatchObject({ kind: 'exited', code: 137, endedBy: 'timeout', leftovers: 'none' });
    expect(durationOf(outcome)).toBeGreaterThan(1_095);
    await eventually(() => started.processes().length === 2);
  });

  test('given a step that obeys TERM, when its time is up, then its own handler ends it', async () => {
    await using started = await startTestContainer({ shell });
    const body = "trap 'echo bye; exit 5' TERM; while :; do sleep 0.01; done";
    const outcome = await started.container.run({ body }, { ...KEEP, timeoutMs: 1_000 });
    expect(outcome).toMatchObject({ kind: 'exited', code: 5, endedBy: 'timeout' });
    expect(stdoutOf(outcome)).toBe('bye\n');
  });

  test('given a long-running step, when its signal fires, then it stops and the steps beside it do not', async () => {
    await using started = await startTestContainer({ shell });
    const stop = new AbortController();
    const server = started.container.run({ body: 'echo up; exec sleep 100' }, { signal: stop.signal, ...KEEP });
    const beside = started.container.run({ body: 'sleep 0.3; echo beside' }, KEEP);
    expect(await started.container.run({ body: 'exit 4' })).toMatchObject({ kind: 'exited', code: 4 });
    stop.abort();
    expect(await server).toMatchObject({ kind: 'exited', code: 143, endedBy: 'stop' });
    expect(stdoutOf(await beside)).toBe('beside\n');
  });

  test('given a background child without the output, when the script ends, then the child ends too', async () => {
    await using started = await startTestContainer({ shell });
    await started.container.run({ body: 'sleep 100 >/dev/null 2>&1 &' });
    await eventually(() => started.processes().length === 2);
  });

  test('given a process that left the group and holds the output, then the step does not wait for it', async () => {
    await using started = await startTestContainer({ shell });
    const outcome = await started.container.run({ body: `echo mine; ${ESCAPE}; exit 2` }, KEEP);
    // Outside of a PID namespace nobody may sweep.
    expect(outcome).toMatchObject({ kind: 'exited', code: 2, leftovers: 'present' });
    expect(stdoutOf(outcome)).toBe('mine\n');
  });

  test('given 20 scripts at once, then each gets its own output and the one too many is refused', async () => {
    await using started = await startTestContainer({ shell, maxParallelRuns: 20, slots: 3 });
    const outcomes = await Promise.all(
      Array.from({ length: 21 }, (_, index) => started.container.run({ body: `echo ${index}; exit ${index}` }, KEEP)),
    );
    expect(outcomes.slice(0, 20).map(stdoutOf)).toEqual(Array.from({ length: 20 }, (_, index) => `${index}\n`));
    expect(outcomes[20]).toMatchObject({ kind: 'neverStarted', reason: 'tooManyRuns' });
  });

  test('given 200 steps in a row, then neither descriptors, processes nor files are left', {
    timeout: 30_000,
  }, async () => {
    await using started = await startTestContainer({ shell });
    const count = () => [
      readdirSync('/proc/self/fd').length,
      readdirSync(`/proc/${started.loopPid()}/fd`).length,
      childrenOf(started.loopPid()).length,
    ];
    await started.container.run({ body: ':' });
    await eventually(() => childrenOf(started.loopPid()).length === 1);
    const before = count();
    for (let step = 0; step < 200; step++) {
      expect(await started.container.run({ body: `exit ${step % 2}` })).toMatchObject({ code: step % 2 });
    }
    // A shell may hold one descriptor more at the moment of a look; a leak would be 200.
    await eventually(() => count().every((now, index) => now <= before[index]! + 2));
    const files = readdirSync(join(started.io, 'channel'));
    expect(files.filter(name => name.endsWith('.script'))).toEqual([]);
    expect(files.length).toBeLessThan(3 + 3 * 16);
  });

  test('given an end of the agent with output still on its way, then close waits until it is logged', async () => {
    await using started = await startTestContainer({ shell, logUnread: true });
    await started.container.run({
      body: 'i=0; while [ $i -lt 2000 ]; do echo "line $i of a long log"; i=$((i+1)); done',
    });
    const closed = started.container.close();
    started.readLog();
    await closed;
    await eventually(() => started.log().toString().endsWith('line 1999 of a long log\n'));
    await eventually(() => started.processes().length === 0);
    expect(await started.container.ended).toEqual({ kind: 'closed' });
  });
});

describe('a step container', () => {
  test('given a container that never comes, when the signal fires, then hello rejects with its reason', async () => {
    await using io = temporaryDirectory();
    const container = await openStepContainer({ name: 'build', directory: io.path });
    await expect(container.hello({ signal: AbortSignal.timeout(20) })).rejects.toThrow('timeout');
    expect(await container.run({ body: ':' })).toMatchObject({ kind: 'neverStarted', reason: 'notReady' });
    await container.close();
    await expect(container.hello()).rejects.toThrow('step container build cannot be used: the container was closed');
  });

  test('given a directory that is not there, or already in use, then opening rejects and says so', async () => {
    await using io = temporaryDirectory();
    await expect(openStepContainer({ name: 'step', directory: join(io.path, 'none') })).rejects.toThrow(
      /cannot prepare the io directory .*ENOENT/,
    );
    const container = await openStepContainer({ name: 'step', directory: io.path });
    await expect(openStepContainer({ name: 'step', directory: io.path })).rejects.toThrow('already has a channel');
    await container.close();
  });

  test('given a script that cannot be one, or a signal that has fired, then nothing starts', async () => {
    await using started = await startTestContainer({ shell: 'dash' });
    const { container } = started;
    expect(await container.run({ body: 'a\0b' })).toMatchObject({ kind: 'neverStarted', reason: 'invalidScript' });
    expect(await container.run({ body: '#'.repeat(1_048_576) })).toMatchObject({
      kind: 'neverStarted',
      reason: 'invalidScript',
    });
    expect(await container.run({ body: 'echo x' }, { signal: AbortSignal.abort() })).toMatchObject({
      kind: 'neverStarted',
      reason: 'aborted',
    });
    await container.close();
    expect(await container.run({ body: ':' })).toMatchObject({ kind: 'neverStarted', reason: 'closed' });
    expect(started.log().toString()).toBe('');
  });

  test('given its directory is gone, then runs end with a message instead of an exception', async () => {
    await using started = await startTestContainer({ shell: 'dash' });
    rmSync(join(started.io, 'channel'), { recursive: true });
    expect(await started.container.run({ body: ':' })).toMatchObject({ kind: 'neverStarted', reason: 'io' });
  });

  test('given a script that is stopped as it starts, then it is stopped', async () => {
    await using started = await startTestContainer({ shell: 'dash' });
    const stop = new AbortController();
    const outcome = started.container.run(
      { body: 'exec sleep 100' },
      { signal: stop.signal, onStarted: () => stop.abort() },
    );
    expect(await outcome).toMatchObject({ kind: 'exited', endedBy: 'stop' });
  });
});

function stdoutOf(outcome: ScriptOutcome): string {
  return outcome.kind === 'neverStarted' ? outcome.message : outcome.stdout.bytes.toString();
}

function durationOf(outcome: ScriptOutcome): number {
  return outcome.kind === 'neverStarted' ? 0 : outcome.durationMs;
}

function temporaryDirectory() {
  const path = mkdtempSync(join(tmpdir(), 'tako-io-'));
  return { path, [Symbol.asyncDispose]: async () => rmSync(path, { recursive: true, force: true }) };
}
