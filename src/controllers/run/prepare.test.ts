import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type GitServer, startGitServer } from '../../../test/fixtures/git-server/git-server.mjs';
import { createRepository } from '../../../test/fixtures/git-server/repositories.mjs';
import type { TakoRepositorySpec, TakoRepositoryStatus } from '../../api/takorepository.ts';
import type { TakoRunSpec } from '../../api/takorun.ts';
import { createRepositoryReader } from '../repository/reader.ts';
import { checkWorkflow, type Preparation, prepareWorkflow } from './prepare.ts';
import { COMMIT, repository, settings, takoFile } from './testing/builders.ts';

type WorkflowSpec = NonNullable<TakoRunSpec['workflow']>;

const spec = (changes: Partial<WorkflowSpec> = {}): WorkflowSpec => ({
  repositoryRef: { name: 'core-lib' },
  name: 'release',
  ...changes,
});

function check(workflow: string, run: Partial<WorkflowSpec> = {}, own: Partial<TakoRepositorySpec> = {}): Preparation {
  const file = takoFile(`version: 0.1.0\nworkflows:\n  release:\n${workflow.replaceAll(/^/gm, '    ')}\n`);
  const at = { slug: 'acme/core-lib', commit: COMMIT, file, digest: 'd'.repeat(64) };
  return checkWorkflow(spec(run), repository({ spec: own }), at, settings);
}

const messageOf = (preparation: Preparation) => (preparation.kind === 'ready' ? '' : preparation.message);

describe('the checks of a workflow', () => {
  it('given all that it needs, then it is ready, with its containers and converted inputs', () => {
    const prepared = check('inputs: {count: {type: number}}\nsteps: [./build.sh]', { inputs: { count: '3' } });
    expect(prepared).toMatchObject({ kind: 'ready', commit: COMMIT, slug: 'acme/core-lib', inputs: { count: 3 } });
    expect(prepared.kind === 'ready' && prepared.containers.map(({ name }) => name)).toEqual(['step-0']);
  });

  it.each([
    ['relaese', 'did you mean release?'],
    ['nothing-like-it', 'it has release'],
    ['constructor', 'it has release'],
    ['toString', 'it has release'],
    ['__proto__', 'it has release'],
  ])('given the unknown workflow %s, then the message says which there are', (name, hint) => {
    const prepared = check('steps: [./build.sh]', { name });
    expect(prepared).toMatchObject({ kind: 'failed', reason: 'WorkflowNotFound' });
    expect(messageOf(prepared)).toBe(`tako.yml of acme/core-lib at aaaaaaaaaaaa has no workflow "${name}": ${hint}`);
  });

  const inputs =
    'inputs:\n  bump: {type: string, validation: {enum: [major, minor]}}\n  count: {type: number, required: true}\nsteps: [a]';

  it.each([
    ['an unknown input', { count: '1', bmup: 'major' }, 'input bmup: the workflow has no such input'],
    ['a wrong type', { count: 'many' }, 'input count: expected a number, got "many"'],
    [
      'a value that is not in the enum',
      { count: '1', bump: 'huge' },
      'input bump: expected one of major, minor, got "huge"',
    ],
    ['a required input that is missing', {}, 'input count: is required'],
  ])('given %s, then the message names it', (_, given, text) => {
    const prepared = check(inputs, { inputs: given });
    expect(prepared).toMatchObject({ kind: 'failed', reason: 'InvalidInputs' });
    expect(messageOf(prepared)).toContain(text);
  });

  it('given several wrong inputs, then all are named', () => {
    const message = messageOf(check(inputs, { inputs: { bump: 'huge', x: '1' } }));
    expect(message).toMatch(/input x.*input bump.*input count/);
  });

  const volumes = (...mounts: string[]) => `steps:\n  - run: a\n    volumes: [${mounts.join(', ')}]`;
  const withVolume = (volume: Record<string, unknown>): Partial<TakoRepositorySpec> => ({
    runTemplate: { volumes: [{ name: 'data', volume }] },
  });

  it.each([
    [
      'a built-in of a later version',
      'steps:\n  - {id: look, uses: tako/checkout@v1}',
      {},
      'step look: tako/checkout@v1 cannot be run',
    ],
    [
      'capabilities',
      'steps:\n  - run: a\n    capabilities: [NET_ADMIN]',
      {},
      'step step-1: capabilities NET_ADMIN are not allowed',
    ],
    [
      'an unknown volume',
      volumes('{source: data, destination: /d}'),
      {},
      'volume "data" is not in spec.runTemplate.volumes',
    ],
    [
      'a hostPath',
      volumes('{source: data, destination: /d}'),
      withVolume({ hostPath: { path: '/' } }),
      'must be exactly one of',
    ],
    [
      'a token for the API server as a volume',
      volumes('{source: data, destination: /d}'),
      withVolume({ projected: { sources: [{ serviceAccountToken: { path: 't' } }] } }),
      'must be exactly one of',
    ],
    [
      'a network file system',
      volumes('{source: data, destination: /d}'),
      withVolume({ nfs: { server: 'x', path: '/' } }),
      'must be',
    ],
    [
      'a volume of two types',
      volumes('{source: data, destination: /d}'),
      withVolume({ emptyDir: {}, secret: {} }),
      'exactly one',
    ],
    ['a volume of no type', volumes('{source: data, destination: /d}'), withVolume({}), 'exactly one'],
    [
      'the cache',
      volumes('{source: data, destination: /d}'),
      withVolume({ persistentVolumeClaim: { claimName: 'tako-cache' } }),
      'volume "data" of the TakoRepository is the cache, which no step may have',
    ],
    [
      'two volumes at one place',
      volumes('{source: data, destination: /d}', '{source: data, destination: /d/}'),
      withVolume({ emptyDir: {} }),
      'two volumes are mounted at /d',
    ],
    [
      'a secret that nobody provides',
      'secrets: [TOKEN]\nsteps:\n  - run: a\n    env: {GH: TOKEN}',
      {},
      'secret TOKEN is not in spec.secrets of the TakoRepository',
    ],
  ])('given %s, then it is not allowed, and the message says where', (_, workflow, own, text) => {
    const prepared = check(workflow, {}, own as Partial<TakoRepositorySpec>);
    expect(prepared).toMatchObject({ kind: 'failed', reason: 'NotAllowed' });
    expect(messageOf(prepared)).toContain(text);
  });

  it('given secrets and volumes that the repository provides, then it is ready', () => {
    const workflow =
      'secrets: [TOKEN]\nsteps:\n  - run: a\n    env: {GH: TOKEN}\n    volumes: [{source: data, destination: /d}]';
    const own = {
      ...withVolume({ emptyDir: {} }),
      secrets: [{ name: 'TOKEN', secretKeyRef: { name: 's', key: 'k' } }],
    };
    expect(check(workflow, {}, own)).toMatchObject({ kind: 'ready' });
  });

  it('given more environments than a Pod has room for, then the message says how to have fewer', () => {
    const steps = Array.from({ length: 17 }, (_, index) => `  - {run: a, image: "image:${index}"}`);
    const message = messageOf(check(`steps:\n${steps.join('\n')}`));
    expect(message).toContain('its steps need 17 containers, a Pod has at most 16');
  });
});

describe('the preparation of a run', () => {
  const file = 'version: 0.1.0\nworkflows:\n  release:\n    steps: [./build.sh]\n';
  let root: string;
  let server: GitServer;
  let commits: string[];
  beforeAll(async () => {
    root = await mkdtemp(path.join(tmpdir(), 'tako-prepare-'));
    const created = await createRepository(path.join(root, 'acme/core-lib.git'), {
      commits: [
        { files: { 'tako.yml': file }, tags: ['v1'] },
        { files: { 'tako.yml': 'version: 0.1.0\nworkfows: {}\n' } },
      ],
    });
    commits = created.commits;
    server = await startGitServer({ root });
  });
  afterAll(async () => {
    await server.close();
    await rm(root, { recursive: true });
  });

  const found = (status: TakoRepositoryStatus | undefined, own: Partial<TakoRepositorySpec> = {}) =>
    repository({ spec: { url: `${server.url}/acme/core-lib.git`, ...own }, status });
  const newReader = () => createRepositoryReader({ policy: { schemes: ['http'] }, timeoutMs: 10_000 });
  const prepare = (run: Partial<WorkflowSpec>, repo: Parameters<typeof prepareWorkflow>[2], reader = newReader()) => {
    const secrets = { read: async () => undefined };
    return prepareWorkflow(
      spec(run),
      'team',
      repo,
      { reader, secrets, options: settings },
      AbortSignal.timeout(20_000),
    );
  };

  it('given no such repository, then it waits and says what to create', async () => {
    expect(await prepare({}, undefined)).toEqual({
      kind: 'waiting',
      reason: 'RepositoryNotFound',
      message:
        'there is no TakoRepository core-lib in namespace team: create it, or correct spec.workflow.repositoryRef.name',
    });
  });

  it.each([
    ['nobody has looked at', undefined, '/acme/core-lib.git answer?'],
    [
      'is broken',
      {
        conditions: [
          { type: 'Ready', status: 'False' as const, lastTransitionTime: '', reason: 'X', message: 'no such host' },
        ],
      },
      'no such host',
    ],
  ])('given a repository that %s, then it waits and says why', async (_, status, text) => {
    const prepared = await prepare({}, found(status));
    expect(prepared).toMatchObject({ kind: 'waiting', reason: 'RepositoryNotReady' });
    expect(messageOf(prepared)).toContain(text);
  });

  it('given a repository that is ready, then its revision is the commit', async () => {
    const prepared = await prepare({}, found({ slug: 'acme/core-lib', revision: commits[0] }));
    expect(prepared).toMatchObject({
      kind: 'ready',
      commit: commits[0],
      configDigest: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
  });

  it('given a ref of its own, then that is resolved, even while the repository is not ready', async () => {
    const prepared = await prepare({ ref: 'v1' }, found(undefined, { slug: 'acme/core-lib' }));
    expect(prepared).toMatchObject({ kind: 'ready', commit: commits[0] });
    expect(await prepare({ ref: 'v1' }, found(undefined))).toMatchObject({
      kind: 'waiting',
      reason: 'RepositoryNotReady',
    });
  });

  const tagged = { tag: 'v1', describe: 'v1' };

  it('given a ref of its own, then the tags are as that was resolved', async () => {
    const prepared = await prepare({ ref: 'v1' }, found(undefined, { slug: 'acme/core-lib' }));
    expect(prepared).toMatchObject({ kind: 'ready', facts: tagged });
  });

  it.each([
    ['none, after a restart', undefined, {}, undefined],
    ['of its commit', 'v1', {}, tagged],
    ['of its commit, to which the run is pinned', 'v1', { pinned: true }, tagged],
    ['of another commit', 'main', {}, undefined],
  ])(
    'given a look at the repository %s, then the tags are %4$j',
    async (_, ref, { pinned }: { pinned?: boolean }, facts) => {
      const reader = newReader();
      const repo = found(
        { slug: 'acme/core-lib', revision: commits[0] },
        { ref: ref === 'v1' ? { tag: ref } : { branch: 'main' } },
      );
      if (ref !== undefined) await reader.resolveRef({ repository: repo.spec, ref: repo.spec.ref });
      const prepared = await prepare(pinned ? { ref: commits[0]! } : {}, repo, reader);
      expect(prepared.kind).toBe('ready');
      expect(prepared).toHaveProperty('facts', facts === undefined ? undefined : expect.objectContaining(facts));
    },
  );

  it('given a ref that does not exist, then it fails for good', async () => {
    expect(await prepare({ ref: 'v9' }, found(undefined, { slug: 'acme/core-lib' }))).toMatchObject({
      kind: 'failed',
      reason: 'RefNotFound',
    });
  });

  it('given a broken file, then it fails with the place of the error', async () => {
    const prepared = await prepare({}, found({ slug: 'acme/core-lib', revision: commits[1] }));
    expect(prepared).toMatchObject({ kind: 'failed', reason: 'InvalidConfig' });
    expect(messageOf(prepared)).toMatch(/^tako.yml:2:\d+ .*did you mean "?workflows"?\?/);
  });

  it('given credentials that are missing, then it waits for them', async () => {
    const prepared = await prepare(
      {},
      found({ slug: 'acme/core-lib', revision: commits[0] }, { secretRef: { name: 'git' } }),
    );
    expect(prepared).toMatchObject({ kind: 'waiting', reason: 'InvalidCredentials' });
  });

  it('given a server that is away, then it waits for it', async () => {
    server.setFault({ kind: 'status', status: 503 });
    try {
      const prepared = await prepare({}, found({ slug: 'acme/core-lib', revision: commits[0] }));
      expect(prepared).toMatchObject({ kind: 'waiting', reason: 'ServerError' });
    } finally {
      server.setFault(undefined);
    }
  });

  it('given a URL that the operator does not allow, then it fails for good', async () => {
    const own = { url: 'https://git.example.com/acme/core-lib.git' };
    const prepared = await prepare({}, found({ slug: 'acme/core-lib', revision: commits[0] }, own));
    expect(prepared).toMatchObject({ kind: 'failed', reason: 'UrlNotAllowed' });
  });

  it('given a failure of the cluster, then it is thrown: that is no fault of the run', async () => {
    const broken = new Error('the API server is away');
    const reader = createRepositoryReader();
    const secrets = { read: () => Promise.reject(broken) };
    const repo = found({ slug: 'acme/core-lib', revision: commits[0] }, { secretRef: { name: 'git' } });
    const context = { reader, secrets, options: settings };
    await expect(prepareWorkflow(spec(), 'team', repo, context, AbortSignal.timeout(5_000))).rejects.toBe(broken);
  });
});
