import { statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openStepContainer } from './container.ts';
import type { ScriptOutcome } from './outcome.ts';
import {
  childrenOf,
  ESCAPE,
  endProcess,
  eventually,
  isAlive,
  prepareContainer,
  SHARED_GID,
  SHELLS,
  STEP_UID,
  startTestContainer,
} from './testing.ts';

const KEEP = { capture: { stdoutBytes: 100_000, stderrBytes: 100_000 } };
const AGENT_UID = 65_532;
const root = process.getuid?.() === 0;

/** With a PID namespace, a read-only io directory and another user: all of a container that matters to the protocol. Needs root. */
describe.runIf(root).each(SHELLS)('as PID 1 and another user, in %s', shell => {
  const asContainer = { shell, pidNamespace: true, otherUser: true } as const;

  test('given a process that holds the output, then everything but the loop is swept, and the log goes on', async () => {
    await using started = await startTestContainer(asContainer);
    const outcome = await started.container.run({ body: `echo mine; ${ESCAPE}; exit 2` }, KEEP);
    expect(outcome).toMatchObject({ kind: 'exited', code: 2, leftovers: 'swept', logComplete: true });
    // Who died may stay as a zombie until the loop waits the next time.
    await eventually(() => childrenOf(started.loopPid()).filter(isAlive).length === 1);
    expect(await started.container.run({ body: 'echo after' })).toMatchObject({
      kind: 'exited',
      leftovers: 'none',
      logComplete: true,
    });
    await eventually(() => started.log().toString() === 'mine\nafter\n');
  });

  test('given another script runs, then the sweep waits until a script runs alone', async () => {
    await using started = await startTestContainer(asContainer);
    const stop = new AbortController();
    const beside = started.container.run({ body: 'exec sleep 100' }, { signal: stop.signal });
    expect(await started.container.run({ body: ESCAPE })).toMatchObject({ kind: 'exited', leftovers: 'present' });
    await eventually(() => childrenOf(started.loopPid()).filter(isAlive).length === 3);
    stop.abort();
    expect(await beside).toMatchObject({ kind: 'exited', endedBy: 'stop', code: 143 });
    expect(await started.container.run({ body: 'echo after' })).toMatchObject({ kind: 'exited', leftovers: 'none' });
    await eventually(
      () => childrenOf(started.loopPid()).filter(isAlive).length === 1 && started.log().toString() === 'after\n',
    );
  });

  test('given a step that ends every process it can, then it is lost, and the next one runs and is logged', async () => {
    await using started = await startTestContainer(asContainer);
    expect(await started.container.run({ body: 'echo x; kill -KILL -1; sleep 100' })).toMatchObject({
      kind: 'supervisorLost',
    });
    expect(await started.container.run({ body: 'echo after' })).toMatchObject({ kind: 'exited', logComplete: true });
    await eventually(() => started.log().toString().endsWith('after\n'));
  });

  test('given a step that tells the loop to end, then it does not', async () => {
    await using started = await startTestContainer(asContainer);
    expect(await started.container.run({ body: 'kill -TERM 1; exit 4' })).toMatchObject({ kind: 'exited', code: 4 });
    expect(await started.container.run({ body: ':' })).toMatchObject({ kind: 'exited', code: 0 });
  });

  test('given the Pod is deleted, then the step has its time after TERM, and all ends with the agent', async () => {
    await using started = await startTestContainer(asContainer);
    const stop = new AbortController();
    const body = "trap 'sleep 0.3; exit 3' TERM; echo ready; while :; do sleep 0.1; done";
    const outcome = started.container.run({ body }, { signal: stop.signal });
    await eventually(() => started.log().toString() === 'ready\n');
    // The kubelet tells all containers at once.
    endProcess(started.loopPid(), 'SIGTERM');
    stop.abort();
    expect(await outcome).toMatchObject({ kind: 'exited', endedBy: 'stop', code: 3 });
    await started.container.close();
    await eventually(() => started.processes().length === 0);
  });

  test('given a container that is held after its steps, then TERM ends it', async () => {
    await using started = await startTestContainer(asContainer);
    await started.container.run({ body: ':' });
    await started.container.close({ holdSeconds: 100 });
    expect(started.processes()).not.toEqual([]);
    endProcess(started.loopPid(), 'SIGTERM');
    await eventually(() => started.processes().length === 0);
  });

  test('given a container that is killed, then every process of the step goes with it, and that is said', async () => {
    await using started = await startTestContainer(asContainer);
    const outcome = started.container.run({ body: "trap '' TERM; setsid sleep 100 & sleep 100" });
    await eventually(() => childrenOf(started.loopPid()).length === 2);
    endProcess(started.loopPid(), 'SIGKILL');
    expect(await outcome).toMatchObject({ kind: 'containerDied', end: { kind: 'ended' } });
    await eventually(() => started.processes().length === 0);
  });

  test('given the agent closes, then nothing of the container is left', async () => {
    await using started = await startTestContainer(asContainer);
    await started.container.run({ body: 'setsid sleep 100 >/dev/null 2>&1 & echo last' });
    await started.container.close();
    await eventually(() => started.processes().length === 0);
    await eventually(() => started.log().toString() === 'last\n');
  });

  test('given steps that leave orphans behind, then they do not stay as zombies', async () => {
    await using started = await startTestContainer(asContainer);
    const body = 'i=0; while [ $i -lt 20 ]; do (setsid true >/dev/null 2>&1 &); i=$((i+1)); done; sleep 0.1';
    for (let step = 0; step < 3; step++) await started.container.run({ body });
    // The loop reaps what has ended whenever it waits for a supervisor.
    for (let step = 0; step < 3; step++) await started.container.run({ body: ':' });
    await eventually(() => childrenOf(started.loopPid()).length <= 2);
  });

  test('given the modes after hello, then a step opens nothing of the protocol but its own streams', async () => {
    await using started = await startTestContainer(asContainer);
    const body = `
      cd "\${0%/*}" || exit 1
      id -u; id -G
      # The agent closes the state FIFO of a run when it has read of its start; until then a script could lie there about itself.
      tries=0
      while (: 3<>1.state) 2>/dev/null && [ $tries -lt 200 ]; do sleep 0.05; tries=$((tries+1)); done
      for file in control result log *.state; do
        (: <"$file") 2>/dev/null && echo "$file can be read"
        (: >"$file") 2>/dev/null && echo "$file can be written"
        (: 3<>"$file") 2>/dev/null && echo "$file can be opened"
      done
      (: >new) 2>/dev/null && echo "can create"
      rm -f control 2>/dev/null && echo "can remove"
      mv log other 2>/dev/null && echo "can rename"
      chmod 666 control 2>/dev/null && echo "can change modes"
      (: >>"$0") 2>/dev/null && echo "can change its script"
      echo direct >"\${0%.script}.stdout"
      for fd in 7 9; do (: <"/proc/1/fd/$fd") 2>/dev/null && echo "fd $fd of the loop can be opened"; done
      exit 0`;
    const outcome = await started.container.run({ body }, KEEP);
    expect(textOf(outcome)).toBe(`${STEP_UID}\n${STEP_UID} ${SHARED_GID}\ndirect\n`);
  });

  test('given a state FIFO of a run beside it, then a step cannot open it once that run has started', async () => {
    await using started = await startTestContainer(asContainer);
    const stop = new AbortController();
    const up = Promise.withResolvers<void>();
    const beside = started.container.run({ body: 'exec sleep 100' }, { signal: stop.signal, onStarted: up.resolve });
    await up.promise;
    const outcome = await started.container.run({ body: 'echo "exit 0" >"${0%/*}/1.state"' }, KEEP);
    expect(outcome).toMatchObject({ kind: 'exited', code: expect.not.toSatisfy(code => code === 0) });
    stop.abort();
    expect(await beside).toMatchObject({ kind: 'exited', endedBy: 'stop' });
  });

  test('given an agent that is not root either, then modes and groups suffice for every part of the protocol', async () => {
    await using prepared = prepareContainer(asContainer);
    const restore = becomeAgent();
    try {
      const container = await openStepContainer({ name: 'step', directory: prepared.io, slots: 2 });
      const channel = join(prepared.io, 'channel');
      const before = statSync(join(channel, 'control'));
      expect([before.uid, before.gid, before.mode & 0o777]).toEqual([AGENT_UID, SHARED_GID, 0o660]);
      process.seteuid!(0);
      const loop = prepared.startLoop();
      process.seteuid!(AGENT_UID);
      await container.hello();
      expect(statSync(join(channel, 'control')).mode & 0o777).toBe(0o600);
      for (let step = 1; step <= 6; step++) {
        expect(await container.run({ body: `echo ${step}; exit ${step}` })).toMatchObject({
          kind: 'exited',
          code: step,
        });
      }
      expect(await container.run({ body: ESCAPE })).toMatchObject({ kind: 'exited', leftovers: 'swept' });
      expect(await container.run({ body: 'echo end' })).toMatchObject({ kind: 'exited', logComplete: true });
      await container.close();
      await eventually(() => !isAlive(loop.pid!));
      await eventually(() => prepared.log().toString() === '1\n2\n3\n4\n5\n6\nend\n');
    } finally {
      restore();
    }
  });
});

/** Gives this process the agent's user and groups; returns what takes them back. */
function becomeAgent(): () => void {
  const groups = process.getgroups!();
  process.setgroups!([SHARED_GID]);
  process.setegid!(AGENT_UID);
  process.seteuid!(AGENT_UID);
  return () => {
    process.seteuid!(0);
    process.setegid!(0);
    process.setgroups!(groups);
  };
}

function textOf(outcome: ScriptOutcome): string {
  return outcome.kind === 'neverStarted' ? outcome.message : outcome.stdout.bytes.toString();
}
