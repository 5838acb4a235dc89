import { writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { GatewayCallError } from './gateway-client.ts';
import { TIMEOUT } from './step-end.ts';
import { createMemoryGateway } from './testing/builders.ts';
import { runWorkflow } from './testing/run-workflow.ts';

const phases = (result: { steps: readonly { id: string; phase: string }[] }) =>
  result.steps.map(({ id, phase }) => `${id} ${phase}`);

describe('the steps of a workflow', () => {
  it('given steps that end well, then the run has succeeded, in order, in the workspace', async () => {
    const { result, logs } = await runWorkflow(`steps:
  - echo one >file
  - {id: second, run: "cat file; pwd"}`);
    expect(result).toMatchObject({ protocol: 1, state: 'succeeded' });
    expect(phases(result)).toEqual(['step-1 Succeeded', 'second Succeeded']);
    expect(result.steps[1]).toMatchObject({ exitCode: 0, durationMilliseconds: expect.any(Number) });
    expect(logs['step-0']).toMatch(/^one\n.*tako-workspace-/);
  });

  it('given a step that fails, then the rest is skipped and the run has failed by the workflow', async () => {
    const { result } = await runWorkflow(`steps:
  - {id: test, run: "exit 3"}
  - echo on`);
    expect(result).toMatchObject({
      state: 'failed',
      errorType: 'workflow_failed',
      reason: 'StepFailed',
      message: 'step test: the script ended with exit code 3',
    });
    expect(result.steps).toMatchObject([
      { id: 'test', phase: 'Failed', exitCode: 3 },
      { id: 'step-2', phase: 'Skipped' },
    ]);
  });

  it('given a script of several commands, then the first that fails fails the step', async () => {
    const { result, logs } = await runWorkflow('steps:\n  - |\n    false\n    echo on');
    expect(result.state).toBe('failed');
    expect(logs['step-0']).toBe('');
  });

  it('given a step that fails, then the result has the last lines that it wrote, masked, and nothing of other steps', async () => {
    const { result } = await runWorkflow(
      `secrets: [TOKEN]
steps:
  - echo of another step
  - id: test
    env: {TOKEN: TOKEN}
    run: |
      seq 1 20
      printf '\\033[31mFAIL\\033[0m %s\\n' "$TOKEN" >&2
      exit 3`,
      { secrets: { TOKEN: 'hunter2-hunter2' } },
    );
    expect(result.message).toBe('step test: the script ended with exit code 3');
    const lines = result.output?.split('\n') ?? [];
    expect(lines).toHaveLength(10);
    expect(lines).toContain('FAIL ***');
    expect(lines).toContain('20');
  });

  it('given a secret with an escape sequence in it, then taking that out does not bring the secret back', async () => {
    const { result } = await runWorkflow(
      `steps:
  - id: test
    run: |
      printf 'hunter2-\\033[0mhunter2\\n'
      exit 1`,
      { secrets: { TOKEN: 'hunter2-hunter2' } },
    );
    expect(result.output).toBe('***');
  });

  it('given a step that fails without a word, then the result has no output', async () => {
    const { result } = await runWorkflow('steps: ["echo before", "exit 1"]');
    expect(result).not.toHaveProperty('output');
  });

  it('given on_failure, then its scripts run after the failure, until one fails itself', async () => {
    const { result, logs } = await runWorkflow(`steps:
  - id: build
    run: exit 1
    env: {WHERE: here}
    on_failure:
      - echo "rollback $WHERE"
      - {id: second, run: exit 2}
      - echo never`);
    expect(phases(result)).toEqual(['build Failed', 'build-on-failure-1 Succeeded', 'second Failed']);
    expect(result).toMatchObject({ reason: 'StepFailed', message: 'step build: the script ended with exit code 1' });
    expect(logs['step-0']).toBe('rollback here\n');
  });

  it('given on_failure with a condition, then the condition decides', async () => {
    const { result } = await runWorkflow(
      `inputs: {dry: {type: boolean, default: true}}
steps:
  - id: build
    run: exit 1
    on_failure:
      - {id: clean, run: echo clean, if: "!inputs.dry"}
      - {id: tell, run: echo tell, if: inputs.dry}`,
      { assignment: { inputs: { dry: true } } },
    );
    expect(phases(result)).toEqual(['build Failed', 'clean Skipped', 'tell Succeeded']);
  });

  it('given a fan-out that fails, then its on_failure scripts run in their container', async () => {
    const gateway = createMemoryGateway();
    gateway.answer = { created: {}, ended: { phase: 'Failed', message: '1 of 2 children failed' } };
    const { result, logs } = await runWorkflow(
      `steps:
  - id: emit
    uses: tako/fan-out@v1
    with: {event_type: built}
    on_failure: [echo told]`,
      { gateway },
    );
    expect(gateway.waits).toEqual(['emit']);
    expect(result).toMatchObject({
      errorType: 'workflow_failed',
      reason: 'ChildrenFailed',
      message: 'step emit: 1 of 2 children failed',
    });
    expect(logs['step-0']).toBe('told\n');
  });

  it('given a fan-out that could not be carried out, then the run has not failed by the workflow', async () => {
    const gateway = createMemoryGateway();
    const message = 'a cycle: acme/a ci -> acme/b ci -> acme/a ci';
    gateway.answer = { created: {}, ended: { phase: 'Failed', errorType: 'execution_failed', message } };
    const { result } = await runWorkflow(
      'steps:\n  - {id: emit, uses: tako/fan-out@v1, with: {event_type: built}}\n  - echo on',
      { gateway },
    );
    expect(result).toMatchObject({
      errorType: 'execution_failed',
      reason: 'FanOutFailed',
      message: `step emit: ${message}`,
    });
  });

  it('given conditions, then they see inputs, outputs and the event', async () => {
    const { result } = await runWorkflow(
      `inputs: {bump: {type: string}}
steps:
  - {id: build, run: echo 1.4.0, produces: {outputs: {version: from_stdout}}}
  - {id: yes, run: "true", if: 'inputs.bump == "major" && steps.build.outputs.version == "1.4.0"'}
  - {id: no, run: "true", if: 'event_type == "other"'}`,
      { assignment: { inputs: { bump: 'major' } } },
    );
    expect(phases(result)).toEqual(['build Succeeded', 'yes Succeeded', 'no Skipped']);
  });

  it('given a condition that cannot be evaluated, then the step has failed and says why', async () => {
    const { result } = await runWorkflow(
      'inputs: {a: {type: string}}\nsteps:\n  - {id: odd, run: "true", if: inputs.a}',
    );
    expect(result).toMatchObject({
      state: 'failed',
      reason: 'ConditionFailed',
      message: expect.stringMatching(/^step odd: if: /),
    });
  });

  it('given a condition that is no truth value, then the message says what it is', async () => {
    const { result } = await runWorkflow(
      'inputs: {a: {type: string}}\nsteps:\n  - {id: odd, run: "true", if: inputs.a}',
      {
        assignment: { inputs: { a: 'text' } },
      },
    );
    expect(result.message).toContain('the condition gives "text", expected true or false');
  });

  it('given templates in run and env, then values arrive as they are, however hostile', async () => {
    const hostile = `'; echo hacked; ' "$(id)" \`id\``;
    const { logs } = await runWorkflow(
      `inputs: {text: {type: string}}
env: ["BASE=b-{{ .inputs.text }}"]
steps:
  - run: printf '%s\\n' "{{ .inputs.text }}" "$OWN" "{{ .env.OWN }}"
    env: {OWN: "o-{{ .env.BASE }}"}`,
      { assignment: { inputs: { text: hostile } } },
    );
    expect(logs['step-0']).toBe(`${hostile}\no-b-${hostile}\no-b-${hostile}\n`);
  });

  it('given a template without a value, then the step has failed before it ran', async () => {
    const { result, logs } = await runWorkflow('inputs: {a: {type: string}}\nsteps:\n  - echo "{{ .inputs.a }}"');
    expect(result).toMatchObject({ state: 'failed', reason: 'InvalidScript', errorType: 'workflow_failed' });
    expect(logs['step-0']).toBe('');
  });

  it('given a reserved variable, then the step says so', async () => {
    const { result } = await runWorkflow('steps:\n  - {run: "true", env: {LD_PRELOAD: x}}');
    expect(result.message).toContain('LD_PRELOAD is reserved');
  });

  it('given a secret, then the step has it under the name that it gave it, and nobody sees it', async () => {
    const { result, logs } = await runWorkflow(
      `secrets: [TOKEN]
steps:
  - id: use
    run: printf '%s %s' "$GH" "$(printf %s "$GH" | wc -c)"
    env: {GH: TOKEN}
    produces: {outputs: {seen: from_stdout}}
  - {id: fail, run: 'echo "$GH" >&2; exit 1', env: {GH: TOKEN}}`,
      { secrets: { TOKEN: 'hunter2-hunter2' } },
    );
    expect(logs['step-0']).not.toContain('hunter2');
    expect(JSON.stringify(result)).not.toContain('hunter2');
    expect(result.outputs?.['use.seen']).toMatch(/ 15$/);
  });

  it('given a step without the secret, then it is in another container and cannot see it', async () => {
    const { logs } = await runWorkflow(
      'secrets: [TOKEN]\nsteps:\n  - {run: "true", env: {GH: TOKEN}}\n  - echo "[${TAKO_SECRET_TOKEN-}]"',
      { secrets: { TOKEN: 'hunter2-hunter2' } },
    );
    expect(logs['step-1']).toBe('[]\n');
  });

  it('given a built-in that this version does not run, then the run could not be executed', async () => {
    const { result } = await runWorkflow('steps:\n  - uses: tako/checkout@v1');
    expect(result).toMatchObject({ state: 'failed', errorType: 'execution_failed', reason: 'UnsupportedStep' });
  });
});

describe('outputs of a step', () => {
  it('given every kind of source, then each gives its value', async () => {
    const { result } = await runWorkflow(
      `steps:
  - id: build
    run: |
      echo out; echo err >&2; mkdir -p sub; printf 'file\\n\\n' >sub/f-1.4.0; SHA=abc
    produces:
      outputs:
        stdout: from_stdout
        stderr: from_stderr
        version: from_file:./sub/f-{{ .trigger.tag }}
        sha: from_env:SHA
        note: "v{{ .outputs.sha }}"`,
      { facts: { tag: '1.4.0' } },
    );
    expect(result).toMatchObject({ state: 'succeeded' });
    expect(result.outputs).toEqual({
      'build.stdout': 'out',
      'build.stderr': 'err',
      'build.version': 'file\n',
      'build.sha': 'abc',
      'build.note': 'vabc',
    });
  });

  it('given an output, then later steps can use it', async () => {
    const { logs } = await runWorkflow(`steps:
  - {id: build, run: echo 1.4.0, produces: {outputs: {version: from_stdout}}}
  - {run: 'printf "%s|" "{{ .steps.build.outputs.version }}" "$V"', env: {V: "{{ .steps.build.outputs.version }}"}}`);
    expect(logs['step-0']).toBe('1.4.0\n1.4.0|1.4.0|');
  });

  it.each([
    [
      'a file that is missing',
      'from_file:none',
      '"true"',
      'output o: "none" does not exist when the script has ended: let the step write it, or correct from_file',
    ],
    [
      'a file that leaves the workspace by a template',
      'from_file:{{ .inputs.p }}',
      '"true"',
      'stays inside the repository',
    ],
    ['a symlink that leads out', 'from_file:link', 'ln -s /etc/passwd link', 'output o: '],
    ['text with NUL', 'from_stdout', "printf 'a\\000b'", 'NUL'],
    [
      'more than an output may have',
      'from_stdout',
      'head -c 70000 /dev/zero | tr "\\0" x',
      'has 70000 bytes, an output at most 65536',
    ],
    ['a template without a value', '"{{ .outputs.none }}"', '"true"', 'output o: '],
  ])('given %s, then the step has failed and says which output', async (_, source, run, text) => {
    const body = `inputs: {p: {type: string}}
steps:
  - id: build
    run: ${run.startsWith('"') ? run : `|\n      ${run}`}
    produces: {outputs: {o: ${source.startsWith('"') ? source : `"${source}"`}}}`;
    const { result } = await runWorkflow(body, { assignment: { inputs: { p: '../../etc/passwd' } } });
    expect(result).toMatchObject({ state: 'failed', errorType: 'workflow_failed', reason: 'OutputFailed' });
    expect(result.message).toContain(text);
    expect(result.outputs).toBeUndefined();
  });

  it('given exactly as much as an output may have, then it is taken', async () => {
    const { result } = await runWorkflow(`steps:
  - id: build
    run: head -c 65536 /dev/zero | tr "\\\\0" x
    produces: {outputs: {o: from_stdout}}`);
    expect(result.outputs?.['build.o']).toHaveLength(65_536);
  });

  it('given a step that fails, then it has no outputs', async () => {
    const { result } = await runWorkflow('steps:\n  - {run: "echo x; exit 1", produces: {outputs: {o: from_stdout}}}');
    expect(result.outputs).toBeUndefined();
    expect(result.reason).toBe('StepFailed');
  });
});

describe('long-running steps', () => {
  it('given one, then it runs beside the others and is stopped at the end', async () => {
    const { result, logs } = await runWorkflow(`steps:
  - {id: server, long_running: true, run: 'trap "echo stopped; exit 0" TERM; : >up; while :; do sleep 0.02; done'}
  - until [ -e up ]; do sleep 0.02; done; echo used`);
    expect(phases(result)).toEqual(['server Succeeded', 'step-2 Succeeded']);
    expect(logs['step-0']).toContain('stopped');
    expect(logs['step-1']).toBe('used\n');
  });
});

describe('a run that is stopped', () => {
  const body = `steps:
  - {id: before, run: "true"}
  - {id: slow, run: "echo so far; : >started; sleep 600"}
  - echo after`;

  /** Aborts with the reason once the slow step runs. */
  async function stopped(reason: unknown, workflow = body) {
    const stop = new AbortController();
    const poll = { timer: undefined as NodeJS.Timeout | undefined };
    const { existsSync } = await import('node:fs');
    try {
      return await runWorkflow(workflow, {
        signal: stop.signal,
        onReady: (_, workspace) => {
          poll.timer = setInterval(() => existsSync(`${workspace}/started`) && stop.abort(reason), 10);
        },
      });
    } finally {
      clearInterval(poll.timer);
    }
  }

  it('given its deadline, then it has timed out, and so has the step', async () => {
    const { result } = await stopped(TIMEOUT);
    expect(result).toMatchObject({
      state: 'failed',
      errorType: 'timeout',
      reason: 'TimedOut',
      message: 'the time limit of the run was reached in step slow',
      output: 'so far',
    });
    expect(phases(result)).toEqual(['before Succeeded', 'slow TimedOut', 'step-3 Skipped']);
  });

  it('given the deletion of its Pod, then it is canceled, and no on_failure script runs', async () => {
    const { result, logs } = await stopped(
      new Error('deleted'),
      `${body.replace('600"}', '600", on_failure: [echo no]}')}`,
    );
    expect(result).toMatchObject({ state: 'failed', errorType: 'canceled', reason: 'Canceled' });
    expect(phases(result)).toEqual(['before Succeeded', 'slow Canceled', 'step-3 Skipped']);
    expect(logs['step-0']).not.toContain('no');
  });

  it('given a long-running step as well, then both end within one grace period', async () => {
    const start = performance.now();
    await stopped(
      new Error('deleted'),
      `steps:
  - {long_running: true, run: 'trap "" TERM; while :; do sleep 0.05; done'}
  - 'trap "" TERM; : >started; while :; do sleep 0.05; done'`,
    );
    expect(performance.now() - start).toBeLessThan(4_000);
  });
});

describe('a step whose container ends', () => {
  it('given a container that dies, then the run says so: the kubelet knows why', async () => {
    const { result } = await runWorkflow('steps:\n  - {id: eat, run: "echo so far; : >started; sleep 600"}', {
      onReady: ([container], workspace) => {
        const timer = setInterval(() => {
          try {
            writeFileSync(`${workspace}/started`, '', { flag: 'r+' });
          } catch {
            return;
          }
          clearInterval(timer);
          process.kill(container!.loopPid(), 'SIGKILL');
        }, 10);
      },
    });
    expect(result).toMatchObject({ state: 'failed', errorType: 'workflow_failed', reason: 'StepContainerDied' });
  });
});

describe('a fan-out step', () => {
  const emit = (more = '', after = '') => `steps:
  - id: build
    run: echo 1.4.0
    produces:
      artifact: core
      outputs: {version: from_stdout}
      events: [{type: library_built, schema_version: 1.2.0, payload: {version: "{{ .outputs.version }}", n: 1}}]
  - {id: emit, uses: tako/fan-out@v1, with: {event_type: library_built${more}}}${after}`;

  it('given a producer, then the event is completed by what it declares', async () => {
    const gateway = createMemoryGateway();
    const { result } = await runWorkflow(emit(), { gateway });
    expect(gateway.fanOuts).toEqual([
      {
        step: 'emit',
        request: {
          type: 'library_built',
          schemaVersion: '1.2.0',
          artifact: 'core',
          payload: { version: '1.4.0', n: 1 },
          waitForChildren: true,
        },
      },
    ]);
    expect(result).toMatchObject({ state: 'succeeded', waitFor: ['emit'] });
    expect(gateway.waits).toEqual([]);
  });

  it("given its own payload and options, then they come before the producer's", async () => {
    const gateway = createMemoryGateway();
    await runWorkflow(
      emit(
        ', wait_for_children: false, timeout: 2h, concurrency_limit: 4, schema_version: 2.0.0, idempotent: true, artifact: core, payload: {all: "{{ .steps.build.outputs }}"}',
      ),
      { gateway },
    );
    expect(gateway.fanOuts[0]?.request).toEqual({
      type: 'library_built',
      schemaVersion: '2.0.0',
      artifact: 'core',
      payload: { all: { version: '1.4.0' } },
      waitForChildren: false,
      timeoutMs: 7_200_000,
      concurrencyLimit: 4,
      idempotent: true,
    });
  });

  it('given steps behind it, then it holds the Pod until the children have ended', async () => {
    const gateway = createMemoryGateway();
    const { result } = await runWorkflow(emit('', '\n  - echo after'), { gateway });
    expect(gateway.waits).toEqual(['emit']);
    expect(result).toMatchObject({ state: 'succeeded' });
    expect(result).not.toHaveProperty('waitFor');
  });

  it('given a long-running step beside it, then it holds the Pod in last position too', async () => {
    const gateway = createMemoryGateway();
    const server = '\n  - {id: db, long_running: true, run: sleep 600}';
    const body = emit().replace('\n  - {id: emit', `${server}\n  - {id: emit`);
    const { result } = await runWorkflow(body, { gateway });
    expect(gateway.waits).toEqual(['emit']);
    expect(result).not.toHaveProperty('waitFor');
  });

  it('given a fan-out that ended when it was found again, then nobody waits', async () => {
    const gateway = createMemoryGateway();
    gateway.answer = { created: { finished: true, phase: 'Succeeded' }, ended: {} };
    const { result } = await runWorkflow(emit('', '\n  - echo after'), { gateway });
    expect(gateway.waits).toEqual([]);
    expect(result.state).toBe('succeeded');
  });

  it('given children that failed, then the step has failed, and the rest is skipped', async () => {
    const gateway = createMemoryGateway();
    gateway.answer = { created: {}, ended: { phase: 'TimedOut' } };
    const { result } = await runWorkflow(emit('', '\n  - echo after'), { gateway });
    expect(result).toMatchObject({ errorType: 'workflow_failed', message: 'step emit: the fan-out ended as TimedOut' });
    expect(phases(result)).toEqual(['build Succeeded', 'emit Failed', 'step-3 Skipped']);
  });

  it('given a gateway that refuses, then the run could not be executed, and its reason is told', async () => {
    const gateway = createMemoryGateway();
    gateway.failure = new GatewayCallError('UnknownArtifact', 'acme/core-lib has no artifact core');
    const { result } = await runWorkflow(emit(), { gateway });
    expect(result).toMatchObject({
      state: 'failed',
      errorType: 'execution_failed',
      reason: 'UnknownArtifact',
      message: 'step emit: acme/core-lib has no artifact core',
    });
  });

  it.each([
    ['event type', 'event_type: "{{ .inputs.a }}"', 'event_type: '],
    ['schema version', 'event_type: x, schema_version: "{{ .inputs.a }}"', 'schema_version: '],
    ['payload', 'event_type: x, payload: {v: "{{ .inputs.a }}"}', 'payload: '],
  ])('given an %s without a value, then nothing is emitted', async (_, options, text) => {
    const gateway = createMemoryGateway();
    const body = `inputs: {a: {type: string}}\nsteps:\n  - {id: emit, uses: tako/fan-out@v1, with: {${options}}}`;
    const { result } = await runWorkflow(body, { gateway });
    expect(result).toMatchObject({ state: 'failed', reason: 'InvalidEvent', message: expect.stringContaining(text) });
    expect(gateway.fanOuts).toEqual([]);
  });
});
