import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { API_VERSION } from '../../../src/api/meta.ts';
import { type TakoRepository, type TakoRun, takoRepositories, takoRuns } from '../../../src/api/resources.ts';
import type { KubeClient } from '../../../src/kube/client.ts';
import { createNamespace, testClient } from '../fixture.ts';

let client: KubeClient;
let namespace: string;
beforeAll(async () => {
  client = testClient();
  namespace = await createNamespace(client);
});
afterAll(async () => {
  await client.close();
});

const workflow = { repositoryRef: { name: 'core-lib' }, name: 'release' };
const event = { type: 'library_built', source: 'acme/core-lib:default' };
const parent = {
  run: { namespace: 'default', name: 'a', uid: 'u' },
  root: { namespace: 'default', name: 'a', uid: 'u' },
  depth: 1,
};

function createRun(spec: unknown) {
  const run = { apiVersion: API_VERSION, kind: 'TakoRun', metadata: { generateName: 'run-', namespace }, spec };
  return client.create(takoRuns, run as TakoRun);
}

function createRepository(spec: unknown) {
  const repository = {
    apiVersion: API_VERSION,
    kind: 'TakoRepository',
    metadata: { generateName: 'repo-', namespace },
    spec,
  };
  return client.create(takoRepositories, repository as TakoRepository);
}

describe('TakoRun on the API server', () => {
  test.each([
    ['a workflow', { workflow: { ...workflow, ref: 'v1.2.0', inputs: { bump: 'patch' } } }],
    [
      'an event with a nested payload',
      { event: { ...event, schemaVersion: '1.2.0', payload: { a: [1, { b: null }] } } },
    ],
    ['an event with a payload that is no object', { event: { ...event, payload: 'text' } }],
    [
      'every option',
      {
        event,
        waitForChildren: false,
        concurrencyLimit: 4,
        dedupe: 'Tree',
        timeout: '1h30m',
        childTimeout: '90s',
        ttlSecondsAfterFinished: 60,
        childrenTTL: '24h',
        suspend: true,
        retry: { limit: 2, backoff: { initial: '1s', maximum: '1m' } },
      },
    ],
    [
      'a volume claim as its workspace',
      {
        workflow,
        workspace: {
          volumeClaimTemplate: {
            spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
          },
        },
      },
    ],
  ])('given %s, then it is accepted and comes back as it was', async (_, spec) => {
    const created = await createRun(spec);
    expect(created.spec).toEqual(spec);
  });

  test.each([
    ['neither workflow nor event', {}, 'give exactly one of workflow (to run one) and event (to fan one out)'],
    ['both workflow and event', { workflow, event }, 'give exactly one of workflow'],
    ['a source without an artifact', { event: { ...event, source: 'acme/core-lib' } }, 'spec.event.source'],
    ['an event type that is not snake_case', { event: { ...event, type: 'LibraryBuilt' } }, 'spec.event.type'],
    ['a schema version of two parts', { event: { ...event, schemaVersion: '1.2' } }, 'spec.event.schemaVersion'],
    [
      'a ref that is an option',
      { workflow: { ...workflow, ref: '--upload-pack=x' } },
      'ref must be a branch, a tag or a full commit name',
    ],
    ['a ref with dots', { workflow: { ...workflow, ref: 'a..b' } }, 'ref must be a branch'],
    ['a workflow name with a slash', { workflow: { ...workflow, name: 'a/b' } }, 'spec.workflow.name'],
    [
      'a repository name with ..',
      { workflow: { ...workflow, repositoryRef: { name: '../x' } } },
      'spec.workflow.repositoryRef.name',
    ],
    ['an input that is a number', { workflow: { ...workflow, inputs: { count: 3 } } }, 'spec.workflow.inputs.count'],
    ['a time limit without a unit', { workflow, timeout: '90' }, 'spec.timeout'],
    ['a limit of no children', { event, concurrencyLimit: 0 }, 'spec.concurrencyLimit'],
    [
      'two kinds of workspace',
      { workflow, workspace: { emptyDir: {}, volumeClaimTemplate: {} } },
      'a workspace is either an emptyDir or a volumeClaimTemplate',
    ],
  ])('given %s, then it is refused with a message that says what to do', async (_, spec, message) => {
    await expect(createRun(spec)).rejects.toThrow(message);
  });

  const changes: [string, unknown, object, string][] = [
    ['workflow', { workflow }, { workflow: { ...workflow, name: 'other' } }, 'workflow cannot be changed'],
    ['workflow to event', { workflow }, { workflow: null, event }, 'cannot be changed'],
    [
      'the payload',
      { event: { ...event, payload: { a: 1 } } },
      { event: { payload: { a: 2 } } },
      'event cannot be changed',
    ],
    ['the payload by adding it', { event }, { event: { payload: [] } }, 'event cannot be changed'],
    [
      'the payload by removing it',
      { event: { ...event, payload: { a: 1 } } },
      { event: { payload: null } },
      'event cannot be changed',
    ],
    ['waitForChildren', { event }, { waitForChildren: false }, 'waitForChildren cannot be changed'],
    ['concurrencyLimit', { event, concurrencyLimit: 2 }, { concurrencyLimit: 3 }, 'concurrencyLimit cannot be changed'],
    ['dedupe', { event }, { dedupe: 'Tree' }, 'dedupe cannot be changed'],
    ['idempotent', { event, idempotent: true }, { idempotent: false }, 'idempotent cannot be changed'],
    ['dryRun', { event, dryRun: true }, { dryRun: null }, 'dryRun cannot be changed'],
    ['timeout', { workflow, timeout: '1h' }, { timeout: '2h' }, 'timeout cannot be changed'],
    ['childTimeout', { event }, { childTimeout: '2h' }, 'childTimeout cannot be changed'],
    ['queueTimeout', { workflow, queueTimeout: '1h' }, { queueTimeout: null }, 'queueTimeout cannot be changed'],
    ['retry', { workflow }, { retry: { limit: 1 } }, 'retry cannot be changed'],
    ['workspace', { workflow }, { workspace: { emptyDir: {} } }, 'workspace cannot be changed'],
    ['parent by adding it', { workflow }, { parent }, 'parent cannot be changed'],
    ['parent by removing it', { workflow, parent }, { parent: null }, 'parent cannot be changed'],
    ['cancel back', { workflow, cancel: true }, { cancel: false }, 'cancel cannot be taken back'],
    ['cancel back by removing it', { workflow, cancel: true }, { cancel: null }, 'cancel cannot be taken back'],
  ];
  test.each(changes)('given a change of %s, then it is refused', async (_, spec, change, message) => {
    const run = await createRun(spec);
    const { name } = run.metadata;
    await expect(client.mergePatch(takoRuns, { namespace, name }, { spec: change })).rejects.toThrow(message);
    expect((await client.get(takoRuns, { namespace, name })).spec).toEqual(run.spec);
  });

  test.each([
    ['suspend', { suspend: true }],
    ['cancel', { cancel: true }],
    ['ttlSecondsAfterFinished', { ttlSecondsAfterFinished: 5 }],
    ['childrenTTL', { childrenTTL: '1h' }],
  ])('given a change of %s, then it is accepted', async (_, change) => {
    const { name } = (await createRun({ workflow })).metadata;
    const changed = await client.mergePatch(takoRuns, { namespace, name }, { spec: change });
    expect(changed.spec).toEqual({ workflow, ...change });
  });
});

describe('TakoRepository on the API server', () => {
  const url = 'https://git.example.com/acme/core-lib.git';

  test('given only a url, then the defaults are filled in', async () => {
    const created = await createRepository({ url });
    expect(created.spec).toEqual({ url, path: 'tako.yml', interval: '5m' });
  });

  test.each([
    ['credentials in the url', { url: 'https://me:secret@git.example.com/a/b' }, 'no credentials in the url'],
    ['.. in the url', { url: 'https://git.example.com/a/../b' }, 'the url may not contain a ".." segment'],
    [
      'an encoded slash in the url',
      { url: 'https://git.example.com/a%2Fb' },
      'the url may not contain encoded slashes',
    ],
    [
      'an encoded NUL in the url',
      { url: 'https://git.example.com/a%00b' },
      'the url may not contain encoded slashes, dots or NUL',
    ],
    ['an address as ssh takes it', { url: 'git@git.example.com:acme/core-lib.git' }, 'ssh://git@host/path'],
    ['another scheme', { url: 'ext::sh -c true' }, 'spec.url'],
    ['an absolute path', { url, path: '/etc/passwd' }, 'spec.path'],
    ['a path with ..', { url, path: 'a/../../b' }, 'the path may not contain "." or ".." segments'],
    ['a slug of one part', { url, slug: 'core-lib' }, 'spec.slug'],
    ['a slug with ..', { url, slug: '../core-lib' }, 'neither part may be "." or ".."'],
    ['two kinds of ref', { url, ref: { branch: 'main', tag: 'v1' } }, 'give one of branch, tag and commit'],
    [
      'a branch that is an option',
      { url, ref: { branch: '--exec=x' } },
      'branch and tag must be valid Git reference names',
    ],
    [
      'a selector without from: Selector',
      { url, acceptEvents: { namespaces: { from: 'All', selector: { matchLabels: { a: 'b' } } } } },
      'selector goes with from: Selector',
    ],
  ])('given %s, then it is refused with a message that says what to do', async (_, spec, message) => {
    await expect(createRepository(spec)).rejects.toThrow(message);
  });

  test('given a change of the url, then it is accepted: repositories move', async () => {
    const { name } = (await createRepository({ url })).metadata;
    const other = 'https://git.example.com/acme/moved.git';
    expect((await client.mergePatch(takoRepositories, { namespace, name }, { spec: { url: other } })).spec.url).toBe(
      other,
    );
  });
});
