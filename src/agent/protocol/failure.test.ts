import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  childrenOf,
  endProcess,
  eventually,
  isAlive,
  SHELLS,
  startTestContainer,
  type TestContainer,
} from './testing.ts';

const KEEP = { capture: { stdoutBytes: 1_000 } };

describe.each(SHELLS)('what goes wrong in %s', shell => {
  test('given the loop dies in the middle of a step, then it is noticed within 100 ms', async () => {
    // The best of three, as the machine may be busy.
    const noticedAfterMs: number[] = [];
    for (let round = 0; round < 3; round++) {
      await using started = await startTestContainer({ shell });
      const up = Promise.withResolvers<void>();
      const outcome = started.container.run({ body: 'echo up; sleep 100' }, { ...KEEP, onData: () => up.resolve() });
      await up.promise;
      const killedAt = performance.now();
      endProcess(started.loopPid());
      await started.container.ended;
      noticedAfterMs.push(performance.now() - killedAt);
      expect(await outcome).toMatchObject({ kind: 'containerDied', end: { kind: 'ended' }, stdout: { total: 3 } });
      expect(await started.container.run({ body: ':' })).toMatchObject({ kind: 'neverStarted', reason: 'closed' });
    }
    expect(Math.min(...noticedAfterMs)).toBeLessThan(100);
  });

  test('given a step kills its supervisor, then the step is lost and the container is not', async () => {
    await using started = await startTestContainer({ shell });
    const outcome = await started.container.run({ body: 'echo before; kill -KILL $PPID; sleep 100' }, KEEP);
    expect(outcome).toMatchObject({ kind: 'supervisorLost', stdout: { bytes: Buffer.from('before\n') } });
    await eventually(() => started.processes().length === 2);
    expect(await started.container.run({ body: 'exit 6' })).toMatchObject({ kind: 'exited', code: 6 });
  });

  test('given rubbish in the state FIFO, then the step is lost and the container is not', async () => {
    await using started = await startTestContainer({ shell });
    const outcome = await started.container.run({ body: 'echo "exit 0 or so" >"${0%.script}.state"; sleep 100' });
    expect(outcome).toMatchObject({ kind: 'supervisorLost', detail: expect.stringContaining('"exit 0 or so"') });
    await eventually(() => started.processes().length === 2);
    expect(await started.container.run({ body: ':' })).toMatchObject({ kind: 'exited' });
  });

  test('given a flood in the state FIFO, then the agent stops reading it', async () => {
    await using started = await startTestContainer({ shell });
    const outcome = await started.container.run(
      { body: 'tr "\\0" x </dev/zero >"${0%.script}.state"' },
      { timeoutMs: 5_000 },
    );
    expect(outcome).toMatchObject({ kind: 'supervisorLost' });
  });

  test('given rubbish in the result FIFO, then the container counts as tampered with and takes no more', async () => {
    await using started = await startTestContainer({ shell });
    const outcome = await started.container.run({ body: 'echo rubbish >"${0%/*}/result"; sleep 100' });
    expect(outcome).toMatchObject({
      kind: 'containerDied',
      end: { kind: 'violation', detail: 'unexpected report "rubbish"' },
    });
    await eventually(() => !started.processes().includes(started.loopPid()));
  });

  test('given a second hello, then the container counts as tampered with', async () => {
    await using started = await startTestContainer({ shell });
    await started.container.run({ body: 'echo "hello 2 2 setsid" >"${0%/*}/result"; sleep 100' });
    expect(await started.container.ended).toEqual({ kind: 'violation', detail: 'it said hello twice' });
  });

  test('given the log reader was killed, then a step goes on without, and the next step is logged again', async () => {
    await using started = await startTestContainer({ shell });
    const cat = logReader(started);
    endProcess(cat);
    await eventually(() => !isAlive(cat));
    const outcome = await started.container.run({ body: 'echo lost; exit 4' }, KEEP);
    expect(outcome).toMatchObject({
      kind: 'exited',
      code: 4,
      stdout: { bytes: Buffer.from('lost\n') },
      logComplete: false,
    });
    expect(await started.container.run({ body: 'echo logged' })).toMatchObject({ kind: 'exited', logComplete: true });
    await eventually(() => started.log().toString() === 'logged\n');
  });

  test('given a log reader that stands still, when the step has ended, then the rest of its log is given up', async () => {
    await using started = await startTestContainer({ shell, logStallMs: 200 });
    const cat = logReader(started);
    endProcess(cat, 'SIGSTOP');
    await eventually(() => /^State:\s+T/m.test(readFileSync(`/proc/${cat}/status`, 'utf8')));
    // Enough to fill the log and the agent's buffer, and little enough for the rest to fit into the script's own pipe.
    const line = '0123456789012345678901234567890123456789012345678';
    const body = `i=0; while [ $i -lt 3300 ]; do echo ${line}; i=$((i+1)); done`;
    const outcome = await started.container.run({ body }, KEEP);
    expect(outcome).toMatchObject({ kind: 'exited', code: 0, stdout: { total: 165_000 }, logComplete: false });
    expect(await started.container.run({ body: 'echo logged' })).toMatchObject({ kind: 'exited', logComplete: true });
    await eventually(() => started.log().toString().endsWith('logged\n'));
  });

  test('given nobody reads the container log, then the step waits, the agent keeps little, and nothing is lost', async () => {
    await using started = await startTestContainer({ shell, logUnread: true });
    let seen = 0;
    const lines = 60_000;
    const body = `i=0; while [ $i -lt ${lines} ]; do echo "line $i of many, each of which has to arrive"; i=$((i+1)); done`;
    const outcome = started.container.run({ body }, { onData: chunk => (seen += chunk.length) });
    let last = -1;
    let still = 0;
    await eventually(() => {
      still = seen === last && seen > 0 ? still + 1 : 0;
      last = seen;
      return still >= 40;
    });
    expect(seen).toBeLessThan(1_000_000);
    started.readLog();
    expect(await outcome).toMatchObject({ kind: 'exited', code: 0, logComplete: true });
    const expected = Array.from(
      { length: lines },
      (_, index) => `line ${index} of many, each of which has to arrive\n`,
    ).join('');
    await eventually(() => started.log().length >= expected.length);
    expect(started.log().toString()).toBe(expected);
  });

  test('given a container that does not answer, then the script is not started, not even later', async () => {
    await using started = await startTestContainer({ shell });
    endProcess(started.loopPid(), 'SIGSTOP');
    const outcome = await started.container.run({ body: ': >ran' }, { startTimeoutMs: 50 });
    expect(outcome).toMatchObject({
      kind: 'neverStarted',
      reason: 'deadline',
      message: expect.stringContaining('0.05 s'),
    });
    endProcess(started.loopPid(), 'SIGCONT');
    expect(await started.container.run({ body: 'exit 6' })).toMatchObject({ kind: 'exited', code: 6 });
    expect(existsSync(join(started.workspace, 'ran'))).toBe(false);
    await eventually(() => childrenOf(started.loopPid()).length === 1);
  });
});

// At the same time, since each waits for the supervisor for five seconds.
test.concurrent.each(SHELLS)(
  'given a step in %s stops its supervisor, when its time is up, then the step is lost and the container is not',
  async shell => {
    await using started = await startTestContainer({ shell });
    const limits = { timeoutMs: 1_000, graceMs: 0 };
    const outcome = await started.container.run({ body: 'kill -STOP $PPID; exit 0' }, limits);
    expect(outcome).toMatchObject({ kind: 'supervisorLost', detail: expect.stringContaining('after KILL') });
    expect(await started.container.run({ body: 'exit 6' })).toMatchObject({ kind: 'exited', code: 6 });
    await eventually(() => started.processes().length === 2);
  },
);

/** The PID of the `cat` that prints the container's log. */
function logReader(started: TestContainer): number {
  const [pid] = childrenOf(started.loopPid());
  return pid!;
}
