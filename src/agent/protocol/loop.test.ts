import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openStepContainer } from './container.ts';
import { compactShell, STEP_LOOP, stepCommand } from './loop.ts';
import { endProcess, eventually, isAlive, prepareContainer, SHELLS, startTestContainer } from './testing.ts';

describe('the text of the loop', () => {
  test('given Kubernetes expands $$ and $(NAME) in a command, then the loop has neither', () => {
    expect(STEP_LOOP).not.toMatch(/\$\$|\$\(/);
  });

  test('given every Pod carries it, then it is small and without comments', () => {
    expect(STEP_LOOP.length).toBeLessThan(2_000);
    expect(STEP_LOOP).not.toMatch(/^\s*#/m);
  });

  test('given a container command, then the loop gets the directory as its argument', () => {
    expect(stepCommand('/tako/io')).toEqual(['/bin/sh', '-c', STEP_LOOP, 'tako-step', '/tako/io']);
  });

  test.each(SHELLS)('given %s, then the loop is valid there', async shell => {
    await using prepared = prepareContainer({ shell });
    expect(() => execFileSync(prepared.shell, ['-n', '-c', STEP_LOOP])).not.toThrow();
  });

  test('given comments, indentation and blank lines, then compactShell takes them away and nothing else', () => {
    const source = '\n# why\nif true; then\n    # because\n  echo "a # b"  \n\nfi # said at the end\n';
    expect(compactShell(source)).toBe('if true; then\necho "a # b"\nfi # said at the end');
    expect(execFileSync('sh', ['-c', compactShell(source)], { encoding: 'utf8' })).toBe('a # b\n');
  });
});

describe.each(SHELLS)('the loop in %s', shell => {
  test.each([
    ['before', true],
    ['after', false],
  ])('given the container starts %s the agent, then they meet', async (_order, loopFirst) => {
    await using started = await startTestContainer({ shell, loopFirst });
    expect(await started.container.run({ body: 'exit 7' })).toMatchObject({ kind: 'exited', code: 7 });
  });

  test('given the agent opens an hour later, then the loop is still waiting and has not filled the log', async () => {
    await using prepared = prepareContainer({ shell });
    const loop = prepared.startLoop();
    // It waits by sleeping: that it sleeps repeatedly is all that can be seen from outside.
    const sleeps = new Set<number>();
    await eventually(() => {
      for (const pid of prepared.processes()) if (pid !== loop.pid) sleeps.add(pid);
      return sleeps.size >= 3;
    });
    const container = await openStepContainer({ name: 'step', directory: prepared.io });
    await container.hello();
    expect(await container.run({ body: ':' })).toMatchObject({ kind: 'exited', code: 0 });
    await container.close();
    expect(prepared.log().toString()).toBe('');
  });

  test('given the agent never comes, when the Pod is deleted, then the waiting loop ends', async () => {
    await using prepared = prepareContainer({ shell });
    const loop = prepared.startLoop();
    // Not before it has set its handler, which it has when it sleeps.
    await eventually(() => prepared.processes().length === 2);
    endProcess(loop.pid!, 'SIGTERM');
    expect(await new Promise(resolve => loop.once('exit', resolve))).toBe(143);
  });

  test('given the agent is killed, then the loop ends by itself', async () => {
    await using prepared = prepareContainer({ shell });
    const agent = spawnAgent(prepared.io, 'await container.hello(); console.log("ready")');
    const loop = prepared.startLoop();
    await new Promise(resolve => agent.stdout.once('data', resolve));
    agent.kill('SIGKILL');
    await eventually(() => !isAlive(loop.pid!));
    expect(loop.exitCode ?? (await new Promise(resolve => loop.once('exit', resolve)))).toBe(0);
  });

  test('given the agent died before the container started, then the loop ends at once instead of hanging', async () => {
    await using prepared = prepareContainer({ shell });
    const agent = spawnAgent(prepared.io, 'console.log("ready")');
    await new Promise(resolve => agent.stdout.once('data', resolve));
    agent.kill('SIGKILL');
    await new Promise(resolve => agent.once('exit', resolve));
    const loop = prepared.startLoop();
    await eventually(() => !isAlive(loop.pid!), 2_000);
  });

  test('given the container is told to end with TERM, then the loop ends and the agent knows', async () => {
    await using started = await startTestContainer({ shell });
    const outcome = started.container.run({ body: 'sleep 100' });
    endProcess(started.loopPid(), 'SIGTERM');
    expect(await outcome).toMatchObject({ kind: 'containerDied', end: { kind: 'ended' } });
    await eventually(() => !isAlive(started.loopPid()));
  });

  test('given environment variables with the names of shell scripts, then steps see them unchanged', async () => {
    const env = { a: '1', b: '2', c: '3', d: '4', p: '5', r: '6', v: '7', S: '8' };
    await using started = await startTestContainer({ shell, env });
    const outcome = await started.container.run({ body: 'env | sort' }, { capture: { stdoutBytes: 10_000 } });
    const seen = outcome.kind === 'exited' ? outcome.stdout.bytes.toString().split('\n') : [];
    expect(seen.filter(line => /^[a-zS]=/.test(line)).toSorted()).toEqual(
      Object.entries(env)
        .map(([name, value]) => `${name}=${value}`)
        .toSorted(),
    );
    expect(seen.filter(line => line.startsWith('tako_'))).toEqual([]);
  });

  test('given it is kept after the end, then it still runs when the agent has closed, and TERM ends it', async () => {
    await using started = await startTestContainer({ shell });
    await started.container.close({ holdSeconds: 1_000 });
    await eventually(() => started.processes().length === 2);
    endProcess(started.loopPid(), 'SIGTERM');
    await eventually(() => !isAlive(started.loopPid()));
  });
});

describe.each(['dash', 'bash'] as const)('the loop in %s, in an image with almost nothing', shell => {
  test('given the agent is late, then the loop looks less and less often, but five times a second', async () => {
    await using prepared = prepareContainer({ shell });
    const bin = join(prepared.workspace, 'bin');
    const naps = join(prepared.workspace, 'naps');
    mkdirSync(bin);
    writeFileSync(join(bin, 'sleep'), `#!${prepared.shell}\necho "$1" >>${naps}\n`, { mode: 0o755 });
    const loop = spawn(prepared.shell, ['-c', STEP_LOOP, 'tako-step', prepared.io, prepared.shell], {
      env: { PATH: bin },
      stdio: 'ignore',
    });
    try {
      await eventually(() => existsSync(naps) && readFileSync(naps, 'utf8').split('\n').length > 6);
      expect(readFileSync(naps, 'utf8').split('\n').slice(0, 6)).toEqual(['.02', '.05', '.1', '.2', '.2', '.2']);
    } finally {
      endProcess(loop.pid!);
    }
  });

  test('given no setsid, no env and a sleep without fractions, then scripts run and end', async () => {
    await using prepared = prepareContainer({ shell });
    const bin = join(prepared.workspace, 'bin');
    mkdirSync(bin);
    for (const program of ['cat', 'true'])
      symlinkSync(execFileSync('which', [program], { encoding: 'utf8' }).trim(), join(bin, program));
    const sleep = `#!${prepared.shell}\ncase $1 in *.*) exit 1 ;; esac\nexec ${execFileSync('which', ['sleep'], { encoding: 'utf8' }).trim()} "$1"\n`;
    writeFileSync(join(bin, 'sleep'), sleep, { mode: 0o755 });
    const loop = spawn(prepared.shell, ['-c', STEP_LOOP, 'tako-step', prepared.io, prepared.shell], {
      env: { PATH: bin },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      const container = await openStepContainer({ name: 'step', directory: prepared.io });
      expect(await container.hello()).toMatchObject({ setsid: false, pid: loop.pid });
      expect(await container.run({ body: 'exit 9' })).toMatchObject({ kind: 'exited', code: 9 });
      expect(await container.run({ body: 'exec sleep 100' }, { timeoutMs: 50 })).toMatchObject({
        kind: 'exited',
        code: 128 + 15,
        endedBy: 'timeout',
      });
      await container.close();
      await eventually(() => !isAlive(loop.pid!));
    } finally {
      endProcess(loop.pid!);
    }
  });
});

/** An agent as a process of its own, to be killed. It has opened `container` when `code` runs, and then stays. */
function spawnAgent(io: string, code: string) {
  const program = `
    import { openStepContainer } from ${JSON.stringify(join(import.meta.dirname, 'container.ts'))};
    const container = await openStepContainer({ name: 'step', directory: ${JSON.stringify(io)} });
    ${code}
    setInterval(() => undefined, 60_000);`;
  return spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
}
