import { describe, expect, vi } from 'vitest';
import { stringify } from 'yaml';
import { NODE_ADDRESS } from '../cluster/network.ts';
import { startGitServer } from '../fixtures/git-server/git-server.mjs';
import { addCommits } from '../fixtures/git-server/repositories.mjs';
import { announce, runSource, source, subscriber } from './fixture/fan-out.ts';
import { outcome } from './fixture/run-handle.ts';
import { test } from './fixture/tako.ts';

vi.setConfig({ maxConcurrency: 20 });

/** What would do harm, or get lost, if a template's value ever became text of a script. */
const HOSTILE = `it's "quoted" $(touch /workspace/harm) \`touch /workspace/harm\` \${HOME} $HOME \\n
second line; exit 7 # & | > * ~ !! %s {{ .inputs.who }}`;
const TOKEN = 'tok-3f9b2c71d8e4';

describe.concurrent('a workflow', () => {
  test('given everything that a step can have, then all of it arrives and the secret stays one', async ({ tako }) => {
    await tako.secret('credentials', { token: TOKEN });
    await tako.repository('app', {
      tags: ['v1.4.0'],
      spec: { secrets: [{ name: 'API_TOKEN', secretKeyRef: { name: 'credentials', key: 'token' } }] },
      files: { 'scripts/greet.sh': { content: '#!/bin/sh\necho "$GREETING, $1 times"\n', executable: true } },
      workflows: {
        everything: {
          env: { GREETING: 'hello {{ .inputs.who }}' },
          secrets: ['API_TOKEN'],
          inputs: {
            who: { type: 'string', required: true },
            hostile: { type: 'string' },
            count: { type: 'number', default: 3, validation: { min: 1, max: 10 } },
            dry: { type: 'boolean', default: false },
          },
          steps: [
            {
              id: 'beat',
              long_running: true,
              run: 'while :; do echo beat >>beats; sleep 0.1; done',
            },
            {
              id: 'greet',
              run: './scripts/greet.sh {{ .inputs.count }}',
              produces: { outputs: { text: 'from_stdout' } },
            },
            {
              id: 'hostile',
              run: [
                'printf %s "{{ .inputs.hostile }}" >double',
                "printf %s '{{ .inputs.hostile }}' >single",
                'cat >document <<END',
                '{{ .inputs.hostile }}',
                'END',
                'cmp double single',
                '[ ! -e harm ]',
              ].join('\n'),
              produces: { outputs: { double: 'from_file:double', document: 'from_file:./document' } },
            },
            {
              id: 'secret',
              env: { TOKEN: 'API_TOKEN', MODE: 'plain' },
              run: 'echo "the token is $TOKEN"; SHA=abc123; printf %s "$TOKEN" | wc -c >length',
              produces: { outputs: { leak: 'from_stdout', sha: 'from_env:SHA', length: 'from_file:length' } },
            },
            { id: 'skipped', if: 'inputs.dry', run: 'exit 1' },
            { id: 'taken', if: 'steps.greet.outputs.text.startsWith("hello") && !inputs.dry', run: 'true' },
            {
              id: 'other-image',
              image: tako.image,
              run: 'node --version; git --version; cat /workspace/single; until [ -s beats ]; do sleep 0.1; done',
            },
            {
              id: 'note',
              run: 'echo "$TAKO_GIT_TAG $TAKO_WORKFLOW $TAKO_REPOSITORY"',
              produces: {
                outputs: { tag: 'from_stdout', note: 'v{{ .outputs.tag }} by {{ .steps.greet.outputs.text | upper }}' },
              },
            },
          ],
        },
      },
    });

    const run = await tako.run({
      workflow: {
        repositoryRef: { name: 'app' },
        name: 'everything',
        inputs: { who: 'world', hostile: HOSTILE, count: '4' },
      },
    });
    const ended = await run.ended();

    expect(outcome(ended)).toMatchObject({ phase: 'Succeeded', reason: 'Succeeded' });
    expect(ended.status?.outputs).toEqual({
      'greet.text': 'hello world, 4 times',
      'hostile.double': HOSTILE,
      'hostile.document': HOSTILE,
      'secret.leak': 'the token is ***',
      'secret.sha': 'abc123',
      'secret.length': String(TOKEN.length),
      'note.tag': 'v1.4.0 everything acme/app',
      'note.note': 'vv1.4.0 everything acme/app by HELLO WORLD, 4 TIMES',
    });
    expect(ended.status?.steps?.map(({ id, phase }) => `${id} ${phase}`)).toEqual([
      'beat Succeeded',
      'greet Succeeded',
      'hostile Succeeded',
      'secret Succeeded',
      'skipped Skipped',
      'taken Succeeded',
      'other-image Succeeded',
      'note Succeeded',
    ]);
    // The long-running step, the steps without a secret, the one with it, and the one with another image.
    expect(run.pods().map(pod => pod.spec.containers.map(({ name }) => name))).toEqual([
      ['agent', 'step-0', 'step-1', 'step-2', 'step-3'],
    ]);
    expect(run.pods()[0]?.spec.containers[4]?.image).toBe(tako.image);
    const logs = await run.logs();
    expect(logs).toContain('the token is ***');
    for (const text of [
      logs,
      JSON.stringify(run.now()),
      JSON.stringify(run.pods()),
      await tako.kubectl('get', 'events', '-o', 'json'),
    ]) {
      expect(text).not.toContain(TOKEN);
    }
    await run.podsReleased();
  });

  test('given a step that fails, then its on_failure scripts run and those after it do not', async ({ tako }) => {
    const run = await tako.steps([
      { id: 'build', run: 'echo built >built', on_failure: ['touch never'] },
      { id: 'test', run: 'exit 3', on_failure: ['echo rolling back; cat built', { run: 'echo again' }] },
      { id: 'publish', run: 'echo published' },
    ]);

    const ended = await run.ended();

    expect(outcome(ended)).toEqual({
      phase: 'Failed',
      errorType: 'workflow_failed',
      reason: 'StepFailed',
      message: 'step test: the script ended with exit code 3',
    });
    expect(ended.status?.steps?.map(({ id, phase }) => `${id} ${phase}`)).toEqual([
      'build Succeeded',
      'test Failed',
      'test-on-failure-1 Succeeded',
      'test-on-failure-2 Succeeded',
      'publish Skipped',
    ]);
    expect(await run.log()).toBe('rolling back\nbuilt\nagain\n');
    expect((await run.event('StepFailed')).note).toContain('exit code 3');
    await run.podsReleased();
  });
});

describe.concurrent('a run', () => {
  test('given a private repository, then operator and agent read it with its Secret and the steps never see that', async ({
    tako,
  }) => {
    const credentials = { username: 'robot', password: 'pw-8c1e5fd27a' };
    await tako.secret('git', credentials);
    const server = await startGitServer({ root: tako.world.gitRoot, host: '0.0.0.0', credentials });
    try {
      const run = await tako.steps(['env; cat tako.yml; ! ls -d .git /tako/git-credentials'], {
        repository: {
          spec: {
            url: `http://${NODE_ADDRESS}:${server.port}/${tako.namespace}/acme/run.git`,
            secretRef: { name: 'git' },
          },
        },
      });

      expect(outcome(await run.ended())).toMatchObject({ phase: 'Succeeded' });
      const logs = await run.logs();
      expect(logs).toContain('version: 0.1.0');
      for (const text of [logs, JSON.stringify(run.pods()), JSON.stringify(run.now())]) {
        expect(text).not.toContain(credentials.password);
      }
    } finally {
      await server.close();
    }
  });

  test('given it is suspended, then it starts when it is not any more', async ({ tako }) => {
    const run = await tako.steps(['true'], { run: { suspend: true } });
    await run.until('be suspended', found => outcome(found).reason === 'Suspended');
    expect(run.podUids()).toEqual([]);

    await tako.kubectl('patch', 'takorun', run.name, '--type=merge', '--patch={"spec":{"suspend":false}}');

    expect(outcome(await run.ended())).toMatchObject({ phase: 'Succeeded' });
  });

  test('given a time to live, then it goes with its children and Pods when that is over', async ({ tako }) => {
    await Promise.all([source(tako, [announce()]), tako.repository('child', subscriber(['true']))]);
    const run = await tako.run(runSource);
    await run.ended();
    const below = run.descendants();
    expect(below).toHaveLength(2);
    await tako.kubectl('patch', 'takorun', run.name, '--type=merge', '--patch={"spec":{"ttlSecondsAfterFinished":2}}');

    await Promise.all([run, ...below].map(one => one.gone()));
    await Promise.all([run, ...below].map(one => one.noPod()));
  });

  test('given a commit, then it runs that one and not the newest', async ({ tako }) => {
    const steps = (text: string) => stringify({ version: '0.1.0', workflows: { main: { steps: [`echo ${text}`] } } });
    await tako.repository('run', { raw: steps('old'), tags: ['v1'] });
    await addCommits(`${tako.world.gitRoot}/${tako.namespace}/acme/run.git`, [{ files: { 'tako.yml': steps('new') } }]);

    const old = await tako.run({ workflow: { repositoryRef: { name: 'run' }, name: 'main', ref: 'v1' } }, 'old');
    const newest = await tako.run({ workflow: { repositoryRef: { name: 'run' }, name: 'main', ref: 'main' } }, 'new');

    await Promise.all([old.ended(), newest.ended()]);
    expect([await old.log(), await newest.log()]).toEqual(['old\n', 'new\n']);
    expect(old.now().status?.revision).not.toBe(newest.now().status?.revision);
  });
});

describe.concurrent('kubectl', () => {
  test('given a run, then wait, get and describe speak of it as of any other resource', async ({ tako }) => {
    const run = await tako.steps(['sleep 1']);

    await tako.kubectl('wait', '--for=condition=Ready', '--timeout=60s', `takorun/${run.name}`);
    const [head, line] = (await tako.kubectl('get', 'takoruns'))
      .trim()
      .split('\n')
      .map(text => text.split(/\s{2,}/));
    await run.event('Succeeded');
    const described = await tako.kubectl('describe', 'trun', run.name);

    expect(head).toEqual(expect.arrayContaining(['NAME', 'PHASE', 'CHILDREN', 'AGE']));
    expect(line?.[0]).toBe('run');
    expect(line).toContain('Succeeded');
    expect(described).toMatch(/Type:\s+Ready/);
    expect(described).toMatch(/Normal\s+Succeeded/);
  });

  test('given the kinds, then explain reads like documentation', async ({ tako }) => {
    const spec = await tako.kubectl('explain', 'takorun.spec');
    const repository = await tako.kubectl('explain', 'takorepository.spec');

    for (const text of [spec, repository]) {
      const fields = text
        .slice(text.indexOf('FIELDS:'))
        .split(/\n {2}(?=\S+\t)/)
        .slice(1);
      expect(fields.length).toBeGreaterThan(5);
      for (const field of fields) expect(field, 'a field without a description').toMatch(/\n {4}\S.{10,}/);
    }
    expect(spec).not.toContain('<no description>');
  });
});
