import { describe, expect, vi } from 'vitest';
import { configMaps, controllerOf } from '../../src/kube/objects.ts';
import { outcome } from './fixture/run-handle.ts';
import { test } from './fixture/tako.ts';

vi.setConfig({ maxConcurrency: 20 });

describe.concurrent('an output', () => {
  const from = (source: string) => ({ produces: { outputs: { value: source } } });

  test.for([
    ['a symbolic link to a file outside', 'ln -s /etc/passwd out', 'leads out of the workspace by a symbolic link'],
    [
      'a symbolic link to a directory outside',
      'ln -s /etc dir; mkdir real; ln -s dir/passwd out',
      'leads out of the workspace',
    ],
    ['a symbolic link to itself', 'ln -s out out', 'leads back to itself'],
    ["a symbolic link to where the agent's token is", 'ln -s /tako/token/token out', 'does not exist'],
    ['nothing', 'true', 'does not exist'],
    ['a directory', 'mkdir out', 'is a directory'],
    ['a FIFO', 'mkfifo out', 'is a FIFO'],
    ['a device', 'ln -s /dev/zero out', 'leads out of the workspace'],
    ['a file that is too large', 'head -c 65537 /dev/zero | tr "\\0" x >out', 'larger than 65536 bytes'],
    ['bytes that are no text', 'printf "a\\0b" >out', 'NUL'],
  ] as const)('given a file that is %s, then the step fails and says so', async ([, script, words], { tako }) => {
    const run = await tako.steps([{ id: 'make', run: script, ...from('from_file:out') }]);

    expect(outcome(await run.ended())).toMatchObject({
      phase: 'Failed',
      errorType: 'workflow_failed',
      reason: 'OutputFailed',
      message: expect.stringMatching(new RegExp(`^step make: output value: .*${words}`)),
    });
    await run.event('OutputFailed');
    await run.podsReleased();
  });

  test.for([
    ['..', '../../etc/passwd'],
    ['an absolute path', '/etc/passwd'],
    ['an encoded slash', 'a%2f..%2fb'],
  ])('given a path from an input with %s, then the step fails', async ([, path], { tako }) => {
    const run = await tako.steps([{ id: 'make', run: 'true', ...from('from_file:{{ .inputs.path }}') }], {
      workflow: { inputs: { path: { type: 'string' } } },
      inputs: { path: path! },
    });

    expect(outcome(await run.ended())).toMatchObject({ phase: 'Failed', reason: 'OutputFailed' });
  });

  test('given more than 64 KiB on standard output, then the step fails and says where to put it', async ({ tako }) => {
    const run = await tako.steps([{ id: 'talk', run: 'head -c 70000 /dev/zero | tr "\\0" x', ...from('from_stdout') }]);

    expect(outcome(await run.ended())).toMatchObject({
      reason: 'OutputFailed',
      message: expect.stringContaining('standard output has 70000 bytes, an output at most 65536'),
    });
  });

  test('given exactly 64 KiB and more than a Pod can report, then all of it comes back by a ConfigMap', async ({
    tako,
  }) => {
    const run = await tako.steps([
      { id: 'large', run: 'head -c 65536 /dev/zero | tr "\\0" x', ...from('from_stdout') },
      {
        id: 'many',
        run: 'for i in $(seq 10 39); do head -c 1000 /dev/zero | tr "\\0" y >f$i; done',
        produces: {
          outputs: Object.fromEntries(
            Array.from({ length: 30 }, (_, index) => [`o${index}`, `from_file:f${index + 10}`]),
          ),
        },
      },
      { id: 'use', run: '[ "$LENGTH" = 65536 ]', env: { LENGTH: '{{ .steps.large.outputs.value | len }}' } },
    ]);

    const ended = await run.ended();

    expect(outcome(ended)).toMatchObject({ phase: 'Succeeded' });
    const outputs = ended.status?.outputs ?? {};
    expect(Object.keys(outputs)).toHaveLength(30);
    expect(outputs['many.o29']).toBe('y'.repeat(1_000));
    const { name } = ended.status!.resultRef!;
    const stored = await tako.world.client.get(configMaps, { namespace: tako.namespace, name });
    expect(stored.immutable).toBe(true);
    expect(controllerOf(stored)).toMatchObject({ kind: 'TakoRun', uid: ended.metadata.uid });
    expect(JSON.parse(stored.data!['result.json']!).outputs['large.value']).toBe('x'.repeat(65_536));
    await run.podsReleased();
  });
});

describe.concurrent('a repository with symbolic links', () => {
  test('given links out of the tree, then the agent follows none and the steps find nothing behind them', async ({
    tako,
  }) => {
    const run = await tako.steps(
      [
        {
          id: 'look',
          run: `ls -l token passwd state
for link in token secrets state/git; do if cat "$link" 2>/dev/null; then exit 1; fi; done
cat passwd | head -n 1
# What the links lead to is this container's, and what it writes there stays here.
echo written >etc/motd 2>/dev/null || true
cat inside`,
        },
        { id: 'read', run: 'true', produces: { outputs: { value: 'from_file:passwd' } } },
      ],
      {
        repository: {
          files: {
            token: { symlink: '/tako/token/token' },
            secrets: { symlink: '/tako/secrets' },
            state: { symlink: '/tako/state' },
            passwd: { symlink: '/etc/passwd' },
            etc: { symlink: '/etc' },
            inside: { symlink: 'tako.yml' },
          },
        },
      },
    );

    const ended = await run.ended();

    expect(ended.status?.steps?.map(({ id, phase }) => `${id} ${phase}`)).toEqual(['look Succeeded', 'read Failed']);
    expect(outcome(ended)).toMatchObject({ reason: 'OutputFailed' });
    expect(await run.log()).toContain('version: 0.1.0');
    expect(await run.log('agent')).not.toContain('root:');
  });
});
