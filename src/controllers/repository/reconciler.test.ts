import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createFakeClock, type FakeClock } from '../../../test/fixtures/fake-clock.ts';
import { type GitServer, startGitServer } from '../../../test/fixtures/git-server/git-server.mjs';
import { addCommits, createRepository } from '../../../test/fixtures/git-server/repositories.mjs';
import { ANNOTATIONS } from '../../api/meta.ts';
import type { TakoRepositoryStatus } from '../../api/takorepository.ts';
import type { TakoRunStatus } from '../../api/takorun-status.ts';
import type { KubeClient } from '../../kube/client.ts';
import { ApiError } from '../../kube/errors.ts';
import type { EventInput } from '../../kube/events.ts';
import { silentLogger } from '../../kube/logger.ts';
import { keyOf } from '../../kube/objects.ts';
import { createStore, type Store } from '../../kube/store.ts';
import type { LiveRepository } from '../run/observed.ts';
import { workflowRun } from '../run/testing/builders.ts';
import { createRepositoryReader } from './reader.ts';
import { createRepositoryReconciler, type RepositoryReconciler } from './reconciler.ts';
import { type BreakerWorld, breakerWorld } from './testing/breakers.ts';
import { aRepository, type RepositoryFields } from './testing/builders.ts';

const GOOD = 'version: 1\nworkflows:\n  release: {steps: [echo hi]}\n';
const BROKEN = 'version: 1\nworkflows: []\n';
const KEY = 'team/core-lib';

let root: string;
let server: GitServer;
let directory: string;
let counter = 0;

let store: Store<LiveRepository>;
let clock: FakeClock;
let secrets: Map<string, Record<string, string>>;
let events: EventInput[];
let writes: TakoRepositoryStatus[];
let failWrites: Error | undefined;
let world: BreakerWorld;
let reconciler: RepositoryReconciler;

beforeAll(async () => {
  root = await mkdtemp(path.join(os.tmpdir(), 'tako-reconciler-'));
  server = await startGitServer({ root });
});
afterAll(async () => {
  await server.close();
  await rm(root, { recursive: true });
});

beforeEach(async () => {
  directory = path.join(root, `acme/r${counter++}.git`);
  await createRepository(directory, { commits: [{ files: { 'tako.yml': GOOD } }] });
  store = createStore<LiveRepository>();
  clock = createFakeClock();
  secrets = new Map();
  events = [];
  writes = [];
  failWrites = undefined;
  world = breakerWorld();
  reconciler = newReconciler();
});
afterEach(() => {
  server.setFault(undefined);
  server.setCredentials(undefined);
  server.requests.length = 0;
});

/** The API server's side of a status write: compare-and-swap, then the watch brings the object back. */
const client = {
  async applyServerSide(_type, configuration) {
    if (failWrites) throw failWrites;
    const { name, namespace, resourceVersion } = configuration.metadata;
    const object = store.get(keyOf({ name: name ?? '', namespace }));
    if (object?.metadata.resourceVersion !== resourceVersion || object === undefined) {
      throw new ApiError({ class: 'conflict', code: 409, reason: 'Conflict', message: 'it has changed' });
    }
    const { status } = configuration as unknown as { status: TakoRepositoryStatus };
    writes.push(status);
    const version = String(Number(resourceVersion) + 1);
    const next = { ...object, metadata: { ...object.metadata, resourceVersion: version }, status };
    store.set(next);
    return next as never;
  },
} satisfies Pick<KubeClient, 'applyServerSide'>;

const newReader = (timeoutMs = 10_000) => createRepositoryReader({ policy: { schemes: ['http'] }, timeoutMs });

function newReconciler(reader = newReader()): RepositoryReconciler {
  return createRepositoryReconciler({
    client,
    recorder: { event: input => void events.push(input) },
    repositories: store,
    reader,
    secrets: { read: async (namespace, name) => secrets.get(`${namespace}/${name}`) },
    breakers: world.breakers,
    clock,
    logger: silentLogger,
    random: () => 0.5,
  });
}

/** Creates the object, or changes it as a user would: the generation moves with the spec. */
function apply(fields: RepositoryFields = {}): void {
  const name = fields.name ?? 'core-lib';
  const before = store.get(keyOf({ name, namespace: 'team' }));
  const url = `${server.url}/${path.relative(root, directory)}`;
  const spec = { slug: 'acme/core-lib', url, ...fields.spec };
  store.set({
    ...aRepository({
      ...fields,
      generation: (before?.metadata.generation ?? 0) + (fields.annotations ? 0 : 1),
      resourceVersion: String(Number(before?.metadata.resourceVersion ?? 0) + 1),
      spec,
    }),
    ...(before?.status === undefined ? {} : { status: before.status }),
  });
}

const reconcile = (key = KEY) => reconciler.reconcile(key, new AbortController().signal);
const status = (key = KEY) => store.get(key)?.status;
const condition = (type: string, key = KEY) => {
  const found = status(key)?.conditions?.find(candidate => candidate.type === type);
  return `${found?.status} ${found?.reason}`;
};
const push = async (text: string | null) =>
  (await addCommits(directory, [{ files: { 'tako.yml': text, n: String(counter++) } }])).commits[0];

describe('the repository reconciler', () => {
  test('given a good repository, then it is ready after one write and looked at again at its interval', async () => {
    apply();

    expect(await reconcile()).toEqual({ requeueAfterMs: 300_000 });

    expect(condition('Ready')).toBe('True Succeeded');
    expect(status()?.workflows).toEqual([{ name: 'release' }]);
    expect(writes).toHaveLength(1);
    expect(events).toMatchObject([{ type: 'Normal', reason: 'Succeeded', action: 'Reconcile' }]);
  });

  test('given a wake-up that changes nothing, such as our own write, then Git is not asked', async () => {
    apply();
    await reconcile();
    const asked = server.requests.length;
    await clock.advance(100_000);

    expect(await reconcile()).toEqual({ requeueAfterMs: 200_000 });
    expect(server.requests).toHaveLength(asked);
  });

  test('given the interval is over and nothing new, then Git is asked and nothing is written', async () => {
    apply();
    await reconcile();
    const asked = server.requests.length;
    await clock.advance(300_000);
    await reconcile();

    expect(server.requests.length).toBeGreaterThan(asked);
    expect(writes).toHaveLength(1);
    expect(events).toHaveLength(1);
  });

  test('given a push, then the next look publishes it', async () => {
    apply();
    await reconcile();
    const commit = await push(`${GOOD}  second: {steps: [echo hi]}\n`);
    await clock.advance(300_000);
    await reconcile();

    expect(status()).toMatchObject({ revision: commit, observedRevision: commit });
    expect(status()?.workflows).toHaveLength(2);
    expect(events).toHaveLength(2);
  });

  test('given a request to look or a changed spec, then Git is asked at once', async () => {
    apply();
    await reconcile();
    const commit = await push(`${GOOD}# two\n`);
    apply({ annotations: { [ANNOTATIONS.reconcileRequestedAt]: 'now' } });
    await reconcile();

    expect(status()).toMatchObject({ revision: commit, lastHandledReconcileAt: 'now' });

    const third = await push(`${GOOD}# three\n`);
    apply({ spec: { interval: '1h' } });
    expect(await reconcile()).toEqual({ requeueAfterMs: 3_600_000 });
    expect(status()).toMatchObject({ revision: third, observedGeneration: 2 });
  });

  test('given a file that breaks, is removed and is repaired, then the good one stays in force until the repair', async () => {
    apply();
    await reconcile();
    const good = status()?.revision;

    const broken = await push(BROKEN);
    await clock.advance(300_000);
    await reconcile();
    expect(condition('Ready')).toBe('False InvalidConfig');
    expect(condition('Stalled')).toBe('True InvalidConfig');
    expect(status()).toMatchObject({ revision: good, observedRevision: broken });

    await push(null);
    await clock.advance(300_000);
    await reconcile();
    expect(condition('Stalled')).toBe('True FileNotFound');
    expect(status()?.revision).toBe(good);

    const repaired = await push(GOOD);
    await clock.advance(300_000);
    await reconcile();
    expect(condition('Ready')).toBe('True Succeeded');
    expect(status()).toMatchObject({ revision: repaired, observedRevision: repaired });
    expect(events.map(({ reason }) => reason)).toEqual(['Succeeded', 'InvalidConfig', 'FileNotFound', 'Succeeded']);
  });

  test('given another URL with a broken file, then nothing of the old repository stays, before and after a restart', async () => {
    const other = path.join(root, `acme/r${counter++}.git`);
    await createRepository(other, { commits: [{ files: { 'tako.yml': BROKEN } }] });
    const elsewhere = { url: `${server.url}/${path.relative(root, other)}` };
    apply();
    await reconcile();
    apply({ spec: elsewhere });
    await reconcile();
    expect(status()).not.toHaveProperty('revision');

    apply();
    await reconcile();
    expect(status()).toHaveProperty('revision');
    apply({ spec: elsewhere });
    reconciler = newReconciler();
    await reconcile();
    expect(status()).not.toHaveProperty('revision');
  });

  test('given a restart, then a broken file does not take the good one away', async () => {
    apply();
    await reconcile();
    await push(BROKEN);
    reconciler = newReconciler();
    await reconcile();

    expect(condition('Stalled')).toBe('True InvalidConfig');
    expect(status()).toHaveProperty('revision');
  });

  test('given a server that does not answer, then it is tried again with growing pauses while Ready stays', async () => {
    const [patient, hasty] = [newReader(), newReader(300)];
    let current = patient;
    reconciler = newReconciler({ ...patient, resolveRef: request => current.resolveRef(request) });
    apply();
    await reconcile();
    server.setFault({ kind: 'hang' });
    current = hasty;

    const waits: unknown[] = [];
    for (const pause of [300_000, 5_000, 10_000]) {
      await clock.advance(pause);
      waits.push(await reconcile());
    }

    expect(waits).toEqual([{ requeueAfterMs: 5_000 }, { requeueAfterMs: 10_000 }, { requeueAfterMs: 20_000 }]);
    expect(condition('Ready')).toBe('True Succeeded');
    expect(condition('Reconciling')).toBe('True TimedOut');
    expect(events.filter(({ reason }) => reason === 'TimedOut')).toHaveLength(1);

    server.setFault(undefined);
    current = patient;
    await clock.advance(20_000);
    expect(await reconcile()).toEqual({ requeueAfterMs: 300_000 });
    expect(condition('Reconciling')).toBe('False Succeeded');
  });

  test('given wrong credentials, then it is stalled; given the right ones, then the next look is good', async () => {
    server.setCredentials({ username: 'robot', password: 'right' });
    apply({ spec: { secretRef: { name: 'git' } } });
    await reconcile();
    expect(condition('Stalled')).toBe('True InvalidCredentials');

    secrets.set('team/git', { username: 'robot', password: 'wrong' });
    await clock.advance(300_000);
    await reconcile();
    expect(condition('Stalled')).toBe('True AuthenticationFailed');
    expect(JSON.stringify(writes)).not.toContain('wrong');

    secrets.set('team/git', { username: 'robot', password: 'right' });
    await clock.advance(300_000);
    await reconcile();
    expect(condition('Ready')).toBe('True Succeeded');
  });

  test('given a suspended repository, then Git is not asked until it is resumed', async () => {
    apply();
    await reconcile();
    apply({ spec: { suspend: true } });
    const asked = server.requests.length;

    expect(await reconcile()).toEqual({});
    expect(condition('Reconciling')).toBe('False Suspended');
    expect(condition('Ready')).toBe('True Succeeded');
    await clock.advance(10_000_000);
    await reconcile();
    expect(server.requests).toHaveLength(asked);

    apply({ spec: { suspend: false } });
    await reconcile();
    expect(condition('Reconciling')).toBe('False Succeeded');
    expect(server.requests.length).toBeGreaterThan(asked);
  });

  test('given two with one slug, then the later one is stalled until the older one is gone', async () => {
    apply({ creationTimestamp: '2026-01-01T00:00:00Z' });
    apply({ name: 'twin', creationTimestamp: '2026-01-02T00:00:00Z' });
    await reconcile();
    await reconcile('team/twin');
    expect(condition('Ready')).toBe('True Succeeded');
    expect(condition('Stalled', 'team/twin')).toBe('True SlugConflict');

    const woken: string[] = [];
    const stop = reconciler.source.start(key => woken.push(key));
    woken.length = 0;
    store.delete(KEY);
    expect(woken).toContain('team/twin');
    stop();

    await reconcile('team/twin');
    expect(condition('Ready', 'team/twin')).toBe('True Succeeded');
  });

  test.each([
    ['a URL without a slug', { slug: undefined, url: 'http://127.0.0.1:1/one' }, 'SlugMissing'],
    ['a scheme that is not allowed', { url: 'ssh://git@host/a/b' }, 'UrlNotAllowed'],
    ['a branch that is not there', { ref: { branch: 'none' } }, 'RefNotFound'],
    ['a commit that is not there', { ref: { commit: '1'.repeat(40) } }, 'CommitNotFound'],
  ])('given %s, then it is stalled with a reason of its own', async (_, spec, reason) => {
    apply({ spec: spec as RepositoryFields['spec'] & object });
    await reconcile();

    expect(condition('Stalled')).toBe(`True ${reason}`);
    expect(events).toMatchObject([{ type: 'Warning', reason }]);
  });

  test('given a file that is too large as JSON, then it is stalled', async () => {
    await push(`version: 1\nworkflows:\n  a:\n    steps: [${[1, 2, 3].map(() => 'x'.repeat(100_000)).join(', ')}]\n`);
    apply();
    await reconcile();

    expect(condition('Stalled')).toBe('True ConfigTooLarge');
  });

  test('given a write that fails, then it is thrown, no event is out, and the next try does it all', async () => {
    apply();
    failWrites = new ApiError({ class: 'conflict', code: 409, reason: 'Conflict', message: 'it has changed' });
    await expect(reconcile()).rejects.toThrow('it has changed');
    expect(events).toEqual([]);

    failWrites = undefined;
    await reconcile();
    expect(condition('Ready')).toBe('True Succeeded');
  });

  test('given an object that is gone or going, then nothing happens', async () => {
    expect(await reconcile()).toBeUndefined();
    apply({ deletionTimestamp: '2026-01-01T00:00:00Z' });
    expect(await reconcile()).toBeUndefined();
    expect(writes).toEqual([]);
  });

  test('given an interval that cannot be read, then the default holds', async () => {
    apply({ spec: { interval: 'soon' } });

    expect(await reconcile()).toEqual({ requeueAfterMs: 300_000 });
  });
});

describe('breakers in the status of a repository', () => {
  const DAY = '2026-01-01T00';
  /** A run of `release` that could not be executed, as it ends at this second of the clock's first minute. */
  const ended = (second: number, changes: TakoRunStatus = {}): void => {
    const time = `${DAY}:00:${String(second).padStart(2, '0')}Z`;
    const attempts = [{ number: 1, podName: 'pod', podUID: `pod-${second}` }];
    const status: TakoRunStatus = {
      startTime: time,
      completionTime: time,
      attempts,
      message: 'it is gone',
      ...changes,
    };
    world.runs.set(workflowRun({ name: `run-${second}`, status: { phase: 'Running', attempts } }));
    const run = workflowRun({ name: `run-${second}`, status });
    world.runs.set({ ...run, metadata: { ...run.metadata, resourceVersion: '2' } });
  };
  const fails = { phase: 'Failed', errorType: 'execution_failed' } as const;
  const asks = (name: string) => {
    world.repositories.set(store.get(KEY)!);
    return world.breakers.enter(workflowRun({ name }), clock.now().getTime());
  };
  const told = () => events.map(({ type, reason }) => `${type} ${reason}`).filter(text => text.includes('Circuit'));

  test('given a workflow that cannot be executed, then its breaker is written, told, tried again in time and closed', async () => {
    clock = createFakeClock(`${DAY}:00:00Z`);
    reconciler = newReconciler();
    apply();
    await reconcile();
    expect(status()).not.toHaveProperty('breakers');
    const asked = server.requests.length;

    asks('first');
    for (const second of [1, 2, 3, 4, 5]) ended(second, fails);
    await clock.advance(6_000);
    expect(await reconcile()).toEqual({ requeueAfterMs: 29_000 });
    expect(status()?.breakers).toMatchObject([{ workflow: 'release', state: 'Open', failures: 5 }]);
    expect([condition('CircuitOpen'), condition('Ready')]).toEqual(['True CircuitOpen', 'True Succeeded']);
    expect(asks('second')).toContain('it is gone; it is tried again from 2026-01-01T00:00:35Z on');

    await clock.advance(29_000);
    await reconcile();
    expect(status()?.breakers).toMatchObject([{ state: 'HalfOpen' }]);
    for (const second of [36, 37, 38]) {
      expect(asks(`run-${second}`)).toBeUndefined();
      ended(second, { phase: 'Succeeded' });
    }
    await clock.advance(4_000);
    await reconcile();
    expect(status()?.breakers).toEqual([{ workflow: 'release', state: 'Closed', lastTransitionTime: `${DAY}:00:38Z` }]);
    expect(condition('CircuitOpen')).toBe('False CircuitClosed');
    expect(told()).toEqual(['Warning CircuitOpen', 'Normal CircuitHalfOpen', 'Normal CircuitClosed']);
    expect(server.requests, 'Git was not asked for it').toHaveLength(asked);
    // A look at Git leaves them as they are.
    await push(`${GOOD}# more\n`);
    await clock.advance(300_000);
    await reconcile();
    expect(status()?.breakers).toHaveLength(1);
  });
});
