import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { takoRepositories } from '../../../src/api/resources.ts';
import { type RepositoryOperator, startRepositoryOperator } from './operator.ts';

const GOOD = `version: 1
artifacts: {core: {path: .}}
workflows:
  release:
    inputs: {bump: {type: string, default: patch}}
    steps: [echo hi]
subscriptions:
  - {artifact: "acme/core-lib:core", events: [library_built], workflow: release}
`;
const BROKEN = 'version: 1\nworkflows:\n  release:\n    stepz: [echo hi]\n';
const REQUESTED_AT = 'reconcile.tako.dev/requestedAt';

/** Nine levels of nine aliases each: 387,420,489 values from 500 bytes. */
const ALIAS_BOMB = `a: &a [x,x,x,x,x,x,x,x,x]\n${[...'bcdefghi']
  .map((name, index) => `${name}: &${name} [${Array(9).fill(`*${'abcdefgh'[index]}`).join(',')}]\n`)
  .join('')}version: 1\n`;

let operator: RepositoryOperator;
beforeAll(async () => {
  operator = await startRepositoryOperator();
});
afterAll(() => operator?.stop());

describe('a TakoRepository', () => {
  test('given a good repository, then its status is published, kstatus is satisfied and an event says so', async () => {
    const url = await operator.git('good', [{ files: { 'tako.yml': GOOD } }]);
    await operator.create('good', { url });

    const { status } = await operator.waitFor('good', 'Ready=True Succeeded');

    expect(status).toMatchObject({
      slug: 'acme/good',
      revision: expect.stringMatching(/^[0-9a-f]{40}$/),
      configDigest: expect.stringMatching(/^[0-9a-f]{64}$/),
      artifacts: ['core'],
      workflows: [{ name: 'release', inputs: [{ name: 'bump', type: 'string', default: 'patch' }] }],
      subscriptions: [{ index: 0, source: 'acme/core-lib:core', events: ['library_built'], workflow: 'release' }],
    });
    expect(status?.observedRevision).toBe(status?.revision);
    expect(status?.conditions?.map(({ type, status: state }) => `${type}=${state}`).sort()).toEqual([
      'Ready=True',
      'Reconciling=False',
      'Stalled=False',
    ]);
    expect(await operator.waitForEvent('good', 'Succeeded')).toMatchObject({ type: 'Normal' });
  });

  test('given a good repository that nobody touches, then looking at it again on request writes only the echo', async () => {
    const url = await operator.git('quiet', [{ files: { 'tako.yml': GOOD } }]);
    await operator.create('quiet', { url });
    const before = await operator.waitFor('quiet', 'Ready=True Succeeded');

    await operator.change('quiet', { metadata: { annotations: { [REQUESTED_AT]: '1' } } });
    await expect.poll(async () => (await operator.get('quiet')).status?.lastHandledReconcileAt).toBe('1');
    const after = await operator.get('quiet');

    expect({ ...after.status, lastHandledReconcileAt: undefined, lastFetchTime: undefined }).toEqual({
      ...before.status,
      lastHandledReconcileAt: undefined,
      lastFetchTime: undefined,
    });
    const writers = after.metadata.managedFields as { manager: string; subresource?: string }[];
    expect(writers.filter(({ subresource }) => subresource === 'status').map(({ manager }) => manager)).toEqual([
      'tako-operator',
    ]);
  });

  test('given a file that breaks and is repaired, then the last good one stays in force meanwhile', async () => {
    const url = await operator.git('flaky', [{ files: { 'tako.yml': GOOD } }]);
    await operator.create('flaky', { url });
    const good = await operator.waitFor('flaky', 'Ready=True Succeeded');

    const broken = await operator.push('flaky', { files: { 'tako.yml': BROKEN } });
    await operator.change('flaky', { metadata: { annotations: { [REQUESTED_AT]: 'broken' } } });
    const stalled = await operator.waitFor('flaky', 'Stalled=True InvalidConfig');

    expect(stalled.status).toMatchObject({ revision: good.status?.revision, observedRevision: broken });
    expect(stalled.status?.subscriptions).toEqual(good.status?.subscriptions);
    const ready = stalled.status?.conditions?.find(({ type }) => type === 'Ready');
    expect(ready).toMatchObject({ status: 'False', reason: 'InvalidConfig' });
    expect(ready?.message).toMatch(/tako\.yml:\d+:\d+ .*stepz/);
    expect(await operator.waitForEvent('flaky', 'InvalidConfig')).toMatchObject({
      type: 'Warning',
      note: expect.stringContaining('stepz'),
    });

    const repaired = await operator.push('flaky', { files: { 'tako.yml': `${GOOD}# repaired\n` } });
    await operator.change('flaky', { metadata: { annotations: { [REQUESTED_AT]: 'repaired' } } });
    const again = await operator.waitFor('flaky', 'Ready=True Succeeded');
    expect(again.status).toMatchObject({ revision: repaired, lastHandledReconcileAt: 'repaired' });
  });

  test.each([
    ['no tako.yml', { 'README.md': 'x' }, 'FileNotFound', /add one/],
    ['a tako.yml of 10 MB', { 'tako.yml': 'a'.repeat(10_000_000) }, 'FileTooLarge', /at most 1048576 bytes/],
    ['an alias bomb', { 'tako.yml': ALIAS_BOMB }, 'InvalidConfig', /alias/],
    ['a tako.yml that is a symbolic link', { 'tako.yml': { symlink: '/etc/passwd' } }, 'NotAFile', /symbolic link/],
    ['a tako.yml that is a directory', { 'tako.yml/x': 'y' }, 'NotAFile', /directory/],
    ['no YAML at all', { 'tako.yml': '{{{{' }, 'InvalidConfig', /tako\.yml:1:/],
    ['binary data', { 'tako.yml': Buffer.from([0, 255, 1, 2]) }, 'InvalidConfig', /tako\.yml:/],
    ['a .git directory in its tree', { 'tako.yml': GOOD, '.git/config': 'x' }, 'UnsafeRepository', /refuses/],
  ] as const)(
    'given %s, then it is stalled with a message and an event that say so',
    async (what, files, reason, message) => {
      const name = `bad-${what.replace(/[^a-z0-9]+/gi, '-').toLowerCase()}`.slice(0, 40).replace(/-$/, '');
      const url = await operator.git(name, [{ files }]);
      await operator.create(name, { url });

      const { status } = await operator.waitFor(name, `Stalled=True ${reason}`);

      expect(status?.conditions?.find(({ type }) => type === 'Ready')).toMatchObject({ status: 'False', reason });
      expect(status?.conditions?.find(({ type }) => type === 'Stalled')?.message).toMatch(message);
      expect(status).not.toHaveProperty('revision');
      expect((await operator.waitForEvent(name, reason)).note).toMatch(message);
    },
  );

  test.each([
    ['a repository that is not there', { path: 'acme/none.git' }, 'RepositoryNotFound'],
    ['a branch that is not there', { ref: { branch: 'none' } }, 'RefNotFound'],
    ['a host that is not allowed', { url: 'ssh://git@host/acme/x' }, 'UrlNotAllowed'],
    ['a Secret that is not there', { secretRef: { name: 'none' } }, 'InvalidCredentials'],
  ])('given %s, then it is stalled with a reason of its own', async (what, fields, reason) => {
    const name = what.replace(/[^a-z]+/gi, '-').toLowerCase();
    const url = await operator.git(name, [{ files: { 'tako.yml': GOOD } }]);
    const { path: other, ...spec } = { path: undefined, ...fields };
    await operator.create(name, { url: other === undefined ? url : `${operator.server.url}/${other}`, ...spec });

    await operator.waitFor(name, `Stalled=True ${reason}`);
    expect(await operator.waitForEvent(name, reason)).toMatchObject({ type: 'Warning' });
  });

  test('given a suspended repository, then pushes are not seen until it is resumed', async () => {
    const url = await operator.git('paused', [{ files: { 'tako.yml': GOOD } }]);
    await operator.create('paused', { url });
    const before = await operator.waitFor('paused', 'Ready=True Succeeded');
    await operator.change('paused', { spec: { suspend: true } });
    await operator.waitFor('paused', 'Reconciling=False Suspended');
    const commit = await operator.push('paused', { files: { n: '1' } });
    const asked = operator.server.requests.filter(({ path }) => path.includes('paused')).length;
    await operator.change('paused', { metadata: { annotations: { [REQUESTED_AT]: 'ignored' } } });
    await operator.change('paused', { spec: { interval: '10s' } });
    const still = await operator.waitFor('paused', 'Ready=True Succeeded');

    expect(still.status?.revision).toBe(before.status?.revision);
    expect(still.status).not.toHaveProperty('lastHandledReconcileAt');
    expect(operator.server.requests.filter(({ path }) => path.includes('paused'))).toHaveLength(asked);

    await operator.change('paused', { spec: { suspend: false } });
    await expect.poll(async () => (await operator.get('paused')).status?.revision, { timeout: 10_000 }).toBe(commit);
  });

  test('given two with one slug, then the later one is stalled until the first is deleted', async () => {
    const url = await operator.git('twins', [{ files: { 'tako.yml': GOOD } }]);
    await operator.create('twin-a', { url });
    await operator.waitFor('twin-a', 'Ready=True Succeeded');
    await operator.create('twin-b', { url });
    const second = await operator.waitFor('twin-b', 'Stalled=True SlugConflict');
    expect(second.status).not.toHaveProperty('subscriptions');

    await operator.client.delete(takoRepositories, { namespace: operator.namespace, name: 'twin-a' });

    await operator.waitFor('twin-b', 'Ready=True Succeeded');
  });
});

describe('a TakoRepository with credentials', () => {
  test('given a wrong Secret that is put right, then it is stalled and then ready, and no secret is in the status', async () => {
    const own = await startRepositoryOperator();
    try {
      own.server.setCredentials({ username: 'robot', password: 'right-password' });
      await own.secret('git', { username: 'robot', password: 'wrong-password' });
      const url = await own.git('private', [{ files: { 'tako.yml': GOOD } }]);
      await own.create('private', { url, secretRef: { name: 'git' } });

      const stalled = await own.waitFor('private', 'Stalled=True AuthenticationFailed');
      expect(JSON.stringify(stalled)).not.toContain('wrong-password');
      expect((await own.waitForEvent('private', 'AuthenticationFailed')).note).not.toContain('wrong-password');

      await own.secret('git', { username: 'robot', password: 'right-password' });
      await own.change('private', { metadata: { annotations: { [REQUESTED_AT]: 'fixed' } } });
      await own.waitFor('private', 'Ready=True Succeeded');
    } finally {
      await own.stop();
    }
  });
});

describe('a TakoRepository whose server does not answer', () => {
  test('given the time limit, then a condition and an event say so, and it recovers by itself', async () => {
    const own = await startRepositoryOperator({ gitTimeoutMs: 1_500 });
    try {
      own.server.setFault({ kind: 'hang' });
      const url = await own.git('silent', [{ files: { 'tako.yml': GOOD } }]);
      await own.create('silent', { url });

      const { status } = await own.waitFor('silent', 'Reconciling=True TimedOut');
      expect(status?.conditions?.find(({ type }) => type === 'Ready')).toMatchObject({
        status: 'False',
        reason: 'TimedOut',
        message: expect.stringContaining('did not answer within'),
      });
      expect(await own.waitForEvent('silent', 'TimedOut')).toMatchObject({ type: 'Warning' });

      own.server.setFault(undefined);
      await own.waitFor('silent', 'Ready=True Succeeded');
    } finally {
      await own.stop();
    }
  });
});
