import { describe, expect, vi } from 'vitest';
import { takoRepositories } from '../../src/api/resources.ts';
import type { TakoRunSpec } from '../../src/api/takorun.ts';
import { events } from '../../src/kube/objects.ts';
import { NODE_ADDRESS } from '../cluster/network.ts';
import { startGitServer } from '../fixtures/git-server/git-server.mjs';
import { outcome } from './fixture/run-handle.ts';
import { type RepositoryContent, type Tako, test } from './fixture/tako.ts';

vi.setConfig({ maxConcurrency: 20 });

const WORKFLOWS: RepositoryContent = {
  artifacts: { core: {} },
  workflows: {
    release: {
      inputs: {
        bump: { type: 'string', default: 'patch', validation: { enum: ['major', 'minor', 'patch'] } },
        count: { type: 'number', validation: { min: 1 } },
        dry: { type: 'boolean' },
        who: { type: 'string', required: true },
      },
      steps: ['true'],
    },
  },
};

const release = (inputs: Record<string, string>, name = 'release'): TakoRunSpec => ({
  workflow: { repositoryRef: { name: 'app' }, name, inputs },
});

describe.concurrent('a run that cannot be', () => {
  test.for([
    ['an unknown workflow', release({}, 'relase'), 'WorkflowNotFound', 'did you mean release?'],
    ['an unknown input', release({ who: 'me', bumb: 'x' }), 'InvalidInputs', 'did you mean "bump"?'],
    ['a value that is not in the enum', release({ who: 'me', bump: 'huge' }), 'InvalidInputs', 'expected one of major'],
    ['text for a number', release({ who: 'me', count: 'many' }), 'InvalidInputs', 'expected a number, got "many"'],
    ['a number out of bounds', release({ who: 'me', count: '0' }), 'InvalidInputs', 'expected at least 1'],
    ['text for a boolean', release({ who: 'me', dry: 'yes' }), 'InvalidInputs', 'expected true or false'],
    ['no value for a required input', release({}), 'InvalidInputs', 'input who: is required'],
    [
      'a ref that is not there',
      { workflow: { repositoryRef: { name: 'app' }, name: 'release', ref: 'nowhere' } },
      'RefNotFound',
      'nowhere',
    ],
    [
      'an unknown repository',
      { workflow: { repositoryRef: { name: 'absent' }, name: 'release' } },
      'RepositoryNotFound',
      'create it, or correct spec.workflow.repositoryRef.name',
    ],
    [
      'an event of a repository that is not of the namespace',
      { event: { type: 'built', source: 'other/repo:default' } },
      'SourceNotFound',
      'an event can only speak for a repository of its own namespace',
    ],
    [
      'an event of an artifact that is not there',
      { event: { type: 'built', source: 'acme/app:absent' } },
      'ArtifactNotFound',
      'it has',
    ],
    [
      'a payload that is too large',
      { event: { type: 'built', source: 'acme/app:core', payload: { text: 'x'.repeat(65 * 1024) } } },
      'InvalidPayload',
      '65536',
    ],
  ] as const)(
    'given %s, then it fails without a Pod and says what to do',
    async ([, spec, reason, words], { tako }) => {
      await tako.repository('app', WORKFLOWS);

      const run = await tako.run(spec);

      expect(outcome(await run.ended())).toEqual({
        phase: 'Failed',
        errorType: 'execution_failed',
        reason,
        message: expect.stringContaining(words),
      });
      const event = await run.event(reason);
      expect(event.type).toBe('Warning');
      expect(event.note).toContain(words);
      expect(run.podUids()).toEqual([]);
    },
  );

  test.for([
    ['both of workflow and event', { ...release({}), event: { type: 'built', source: 'acme/app:core' } }],
    ['neither of workflow and event', {}],
  ] as const)('given %s, then the API server refuses it', async ([, spec], { tako }) => {
    await expect(tako.run(spec)).rejects.toThrow(/give exactly one of workflow/);
  });

  test('given a source in another namespace, then nobody there is triggered', async ({ tako }) => {
    await tako.repository('listener', {
      workflows: { main: { steps: ['true'] } },
      subscriptions: [{ artifact: 'acme/elsewhere:default', events: ['built'], workflow: 'main' }],
    });
    const run = await tako.run({ event: { type: 'built', source: 'acme/elsewhere:default' } });

    expect(outcome(await run.ended())).toMatchObject({ phase: 'Failed', reason: 'SourceNotFound' });
    expect(run.descendants()).toEqual([]);
  });
});

/** Waits until a TakoRepository is not Ready for this reason, and returns the message and that of the event. */
async function refused(tako: Tako, name: string, reason: string): Promise<{ message: string; note: string }> {
  const { client } = tako.world;
  const message = await tako.wait(
    `TakoRepository ${name} to be refused as ${reason}`,
    async () => {
      const { status } = await client.get(takoRepositories, { namespace: tako.namespace, name });
      const stalled = status?.conditions?.find(condition => condition.type === 'Stalled');
      return stalled?.status === 'True' && stalled.reason === reason ? stalled.message : undefined;
    },
    30_000,
  );
  const event = await tako.wait(
    `an event ${reason}`,
    async () => {
      const list = await client.list(events, { namespace: tako.namespace });
      return list.items.find(item => item.regarding?.name === name && item.reason === reason);
    },
    30_000,
  );
  return { message, note: event.note ?? '' };
}

describe.concurrent('a repository that cannot be used', () => {
  test.for([
    ['no tako.yml', { spec: { path: 'absent.yml' } }, 'FileNotFound', 'absent.yml'],
    ['a tako.yml that is no YAML', { raw: 'version: [' }, 'InvalidConfig', 'tako.yml:'],
    [
      'an unknown key',
      { raw: 'version: 0.1.0\nworkflows:\n  main:\n    step: [x]\n' },
      'InvalidConfig',
      'did you mean "steps"?',
    ],
    ['a tako.yml of 10 MB', { raw: `version: 0.1.0\n#${'x'.repeat(10 * 1024 * 1024)}` }, 'FileTooLarge', 'at most'],
    ['an alias bomb', { raw: bomb() }, 'InvalidConfig', 'alias'],
    [
      'a tako.yml that is a symbolic link',
      { files: { 'tako.yml': { symlink: '/etc/passwd' } } },
      'NotAFile',
      'symbolic link',
    ],
    [
      'an output outside of the workspace',
      {
        workflows: { main: { steps: [{ run: 'true', produces: { outputs: { x: 'from_file:../../etc/passwd' } } }] } },
      },
      'InvalidConfig',
      'stays inside the repository',
    ],
    [
      'an output with an absolute path',
      { workflows: { main: { steps: [{ run: 'true', produces: { outputs: { x: 'from_file:/etc/passwd' } } }] } } },
      'InvalidConfig',
      'relative to the repository',
    ],
    [
      'a directory that git would take for its own',
      { ...WORKFLOWS, files: { '.git/hooks/post-checkout': { content: '#!/bin/sh\n', executable: true } } },
      'UnsafeRepository',
      'hasDotgit',
    ],
    ['a branch that is not there', { spec: { ref: { branch: 'nowhere' } } }, 'RefNotFound', 'nowhere'],
    ['a Secret that does not exist', { spec: { secretRef: { name: 'absent' } } }, 'InvalidCredentials', 'absent'],
  ] as const)('given %s, then it is Stalled and says why', async ([, content, reason, words], { tako }) => {
    await tako.applyRepository('app', content as RepositoryContent);

    const { message, note } = await refused(tako, 'app', reason);

    expect(message).toContain(words);
    expect(note).toContain(words);
  });

  test.for([
    'http://user:password@git.example.com/acme/app.git',
    'http://git.example.com/acme/../../etc',
    'http://git.example.com/acme%2f..%2fapp',
    'http://git.example.com/acme/app%00.git',
    'git@git.example.com:acme/app.git',
    'ext::sh -c touch% /tmp/pwned',
  ])('given the url %s, then the API server refuses it', async (url, { tako }) => {
    await expect(tako.applyRepository('app', { spec: { url } })).rejects.toThrow(/url/);
  });

  test('given a server that does not answer, then runs of it fail soon and say so', async ({ tako }) => {
    const server = await startGitServer({ root: tako.world.gitRoot, host: '0.0.0.0', fault: { kind: 'hang' } });
    try {
      await tako.applyRepository('app', {
        ...WORKFLOWS,
        spec: { url: `http://${NODE_ADDRESS}:${server.port}/${tako.namespace}/acme/app.git` },
      });

      await tako.wait('the operator to ask', () => server.requests[0], 60_000);
      const run = await tako.run(release({ who: 'me' }));

      expect(outcome(await run.ended())).toMatchObject({
        phase: 'Failed',
        errorType: 'execution_failed',
        reason: 'RepositoryNotReady',
        message: expect.stringMatching(/TakoRepository app is not ready: .*(did not answer|time)/),
      });
      await run.event('RepositoryNotReady');
      expect(run.podUids()).toEqual([]);
    } finally {
      await server.close();
    }
  });

  test('given a server that stops answering before the checkout, then the run fails and says so', async ({ tako }) => {
    const server = await startGitServer({ root: tako.world.gitRoot, host: '0.0.0.0' });
    try {
      await tako.repository('app', {
        workflows: { release: { steps: ['true'] } },
        spec: { url: `http://${NODE_ADDRESS}:${server.port}/${tako.namespace}/acme/app.git` },
      });
      // The operator has read the commit; whatever the agent asks for hangs.
      server.setFault({ kind: 'hang' });

      const workflow = { repositoryRef: { name: 'app' }, name: 'release' };
      const run = await tako.run({ workflow, retry: { limit: 0 } });

      expect(outcome(await run.ended())).toMatchObject({
        phase: 'Failed',
        errorType: 'execution_failed',
        reason: 'GitUnavailable',
        message: expect.stringContaining('the checkout of acme/app failed'),
      });
      await run.event('GitUnavailable');
      await run.podsReleased();
    } finally {
      await server.close();
    }
  });
});

describe.concurrent('a commit that cannot be checked out', () => {
  // The operator sees none of it: it has the server leave out what is not beside tako.yml, or beyond its size.
  test.for([
    ['a .git further down', { 'a/b/.GIT/config': 'x' }, 'hasDotgit'],
    [
      'a symbolic link with a target of 5,000 bytes',
      { link: { symlink: 'x'.repeat(5_000) } },
      'a target of 5000 bytes',
    ],
    ['a name that no file system takes', { ['x'.repeat(300)]: 'x' }, 'a name of more than 255 bytes'],
    [
      'more than its workspace holds, in a pack of a hundredth of it',
      { zeros: Buffer.alloc(40 * 1024 * 1024) },
      'which is what the workspace holds',
    ],
  ] as const)('given %s, then no step runs, and the run says why', async ([, files, words], { tako }) => {
    await tako.repository('app', { workflows: { release: { steps: ['touch ran'] } }, files });

    const run = await tako.run({
      workflow: { repositoryRef: { name: 'app' }, name: 'release' },
      workspace: { emptyDir: { sizeLimit: '32Mi' } },
    });

    const ended = await run.ended();
    expect(outcome(ended)).toMatchObject({
      phase: 'Failed',
      errorType: 'execution_failed',
      reason: 'CheckoutFailed',
      message: expect.stringContaining(words),
    });
    expect(ended.status?.steps ?? []).toEqual([]);
    await run.event('CheckoutFailed');
    await run.podsReleased();
  });

  test('given links to what the agent has, then only a step follows them, and finds nothing', async ({ tako }) => {
    await tako.repository('app', {
      workflows: { look: { steps: ['for link in *-link; do test ! -s $link || exit 1; done'] } },
      files: {
        'token-link': { symlink: '/tako/token/token' },
        'credentials-link': { symlink: '/tako/git-credentials/password' },
        'state-link': { symlink: '/tako/state/git/config' },
        'up-link': { symlink: '../tako/state' },
      },
    });

    const run = await tako.run({ workflow: { repositoryRef: { name: 'app' }, name: 'look' } });

    expect(outcome(await run.ended())).toMatchObject({ phase: 'Succeeded' });
  });
});

/** Nine levels of nine aliases each. */
function bomb(): string {
  const levels = Array.from({ length: 9 }, (_, level) =>
    level === 0
      ? '  l0: &l0 [x, x, x, x, x, x, x, x, x]'
      : `  l${level}: &l${level} [${Array.from({ length: 9 }, () => `*l${level - 1}`).join(', ')}]`,
  );
  return `version: 0.1.0\nworkflows:\n${levels.join('\n')}\n`;
}
