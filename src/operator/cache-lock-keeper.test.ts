import { describe, expect, it } from 'vitest';
import { createFakeClock, settled } from '../../test/fixtures/fake-clock.ts';
import type { ObservedPod } from '../controllers/run/observed.ts';
import type { KubeClient } from '../kube/client.ts';
import { ApiError } from '../kube/errors.ts';
import type { Live, Pod } from '../kube/objects.ts';
import { createStore, type Stored } from '../kube/store.ts';
import { lockName } from '../locks/lease.ts';
import { createMemoryLeases } from '../locks/testing/memory-leases.ts';
import { createCacheLockKeeper } from './cache-lock-keeper.ts';

const url = 'https://git.example.com/acme/app.git';
const owner = (run: string) => ({ run, runUid: `uid-${run}`, pod: `${run}-0`, podUid: `pod-${run}` });
const request = (run: string) => ({
  namespace: 'team',
  url,
  id: `lock-of-${run}`,
  want: { mode: 'write' } as const,
  holder: owner(run),
});

type State = 'running' | 'agent ended' | 'evicted';

function buildPod(run: string, state: State, uid = `pod-${run}`): Live<Pod> {
  const agent = state === 'agent ended' ? { terminated: { exitCode: 0 } } : { running: {} };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `${run}-0`,
      namespace: 'team',
      uid,
      resourceVersion: state,
      creationTimestamp: '2026-01-01T00:00:00Z',
    },
    spec: { containers: [] },
    status: {
      phase: state === 'evicted' ? 'Failed' : 'Running',
      ...(state !== 'evicted' && {
        containerStatuses: [
          { name: 'agent', image: '', imageID: '', ready: true, restartCount: 0, state: agent },
          { name: 'step-0', image: '', imageID: '', ready: true, restartCount: 0, state: { running: {} } },
        ],
      }),
    },
  };
}

/** A keeper with one lock that run `a` holds and run `b` waits for. */
async function setUp(pod: Live<Pod> | ApiError | undefined) {
  const api = { pod };
  const clock = createFakeClock();
  const leases = createMemoryLeases();
  const pods = createStore<ObservedPod>();
  const cacheLocks = createStore<Stored>();
  const asked: string[] = [];
  const client = {
    ...leases.client,
    get: async (type: { kind: string }, ref: { name: string }, options: object) => {
      if (type.kind === 'Lease') return await leases.client.get(type as never, ref as never, options);
      asked.push(ref.name);
      if (api.pod instanceof ApiError) throw api.pod;
      return (
        api.pod ?? Promise.reject(new ApiError({ class: 'notFound', code: 404, reason: 'NotFound', message: 'none' }))
      );
    },
  } as unknown as Pick<KubeClient, 'get' | 'create' | 'replace'>;
  const keeper = createCacheLockKeeper({ client, pods, cacheLocks, clock, random: () => 0.5 });
  await keeper.acquire(request('a'));
  const waiting = keeper.acquire(request('b'), { waitMs: 60_000 });
  let granted = false;
  void waiting.then(({ state }) => {
    granted = state === 'granted';
  });
  await settled();
  return { api, clock, leases, pods, cacheLocks, asked, isGranted: () => granted };
}

describe('the locks of a replica', () => {
  it.each([
    ['is not there', undefined],
    ['has another UID', buildPod('a', 'running', 'another')],
    ['has an agent that ended, while a step runs', buildPod('a', 'agent ended')],
    ['was evicted', buildPod('a', 'evicted')],
  ])('given a holder whose Pod %s, then the next one has the lock', async (_, live) => {
    const { clock, isGranted, asked } = await setUp(live);
    await clock.advance(10_000);
    expect(isGranted()).toBe(true);
    expect(asked).toContain('a-0');
  });

  it.each([
    ['that runs', buildPod('a', 'running')],
    [
      'that cannot be asked for',
      new ApiError({ class: 'transient', code: 503, reason: 'ServiceUnavailable', message: 'away' }),
    ],
  ])('given a Pod %s, then the lock stays', async (_, live) => {
    const { clock, isGranted } = await setUp(live);
    await clock.advance(10_000);
    expect(isGranted()).toBe(false);
  });

  it('given a Pod that runs by the store, then the API server is not asked', async () => {
    const { clock, pods, asked } = await setUp(buildPod('a', 'running'));
    pods.set(buildPod('a', 'running') as unknown as ObservedPod);
    asked.length = 0;
    await clock.advance(10_000);
    expect(asked.filter(name => name === 'a-0')).toEqual([]);
  });

  it('given a Pod that is over by the store alone, then the lock stays: the API server decides', async () => {
    const { clock, pods, isGranted } = await setUp(buildPod('a', 'running'));
    pods.set(buildPod('a', 'agent ended') as unknown as ObservedPod);
    await clock.advance(10_000);
    expect(isGranted()).toBe(false);
  });

  it.each(['ends', 'is deleted'])('given a Pod that %s, then the next one has the lock at once', async how => {
    const running = buildPod('a', 'running');
    const { api, clock, pods, isGranted } = await setUp(running);
    pods.set(running as unknown as ObservedPod);
    await clock.advance(30_000);
    expect(isGranted()).toBe(false);
    api.pod = how === 'ends' ? buildPod('a', 'agent ended') : undefined;
    if (how === 'ends') pods.set(buildPod('a', 'agent ended') as unknown as ObservedPod);
    else pods.delete('team/a-0');
    await clock.advance(0);
    expect(isGranted()).toBe(true);
  });

  it('given a Lease that another replica has written, then those that wait here look at once', async () => {
    const { clock, leases, pods, cacheLocks, isGranted } = await setUp(buildPod('a', 'running'));
    pods.set(buildPod('a', 'running') as unknown as ObservedPod);
    const stores = { pods: createStore<ObservedPod>(), cacheLocks: createStore<Stored>() };
    const other = createCacheLockKeeper({ ...stores, client: leases.client, clock });
    await clock.advance(30_000);
    await other.release({ namespace: 'team', url, id: 'lock-of-a' });
    await clock.advance(0);
    expect(isGranted()).toBe(false);
    cacheLocks.set(leases.get(`team/${lockName(url)}`) as Stored);
    await clock.advance(0);
    expect(isGranted()).toBe(true);
  });
});
