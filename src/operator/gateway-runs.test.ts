import { describe, expect, it } from 'vitest';
import { RUN_INDEXES } from '../controllers/run/indexes.ts';
import type { LiveRepository, LiveRun } from '../controllers/run/observed.ts';
import { at, CREATED, repository, workflowRun } from '../controllers/run/testing/builders.ts';
import { createStore } from '../kube/store.ts';
import { createGatewayRuns } from './gateway-runs.ts';

const client = {
  get: () => Promise.reject(new Error('not called')),
  create: () => Promise.reject(new Error('not called')),
  mergePatch: () => Promise.reject(new Error('not called')),
};
const attempts = [{ number: 1, podName: 'pod', podUID: 'pod-1' }];
const ref = { namespace: 'team', name: 'core-lib-release' };

function harness() {
  const runs = createStore<LiveRun>({
    indexes: { [RUN_INDEXES.podUid]: run => (run.status?.attempts ?? []).map(({ podUID }) => podUID) },
  });
  const repositories = createStore<LiveRepository>();
  let version = 1;
  const put = (run: LiveRun) => {
    version += 1;
    runs.set({ ...run, metadata: { ...run.metadata, resourceVersion: String(version) } });
  };
  const gatewayRuns = createGatewayRuns({ client, runs, repositories, defaultTimeoutMs: 3_600_000 });
  return { runs, repositories, put, gatewayRuns };
}

describe('runs as the gateway finds them', () => {
  it('given a Pod of a run, then the run is found with its repository and its deadline', () => {
    const { put, repositories, gatewayRuns } = harness();
    repositories.set(repository());
    put(workflowRun({ spec: { timeout: '10m' }, status: { attempts, startTime: at(5_000) } }));
    expect(gatewayRuns.findByPodUid('pod-1')).toMatchObject({
      run: { metadata: { name: 'core-lib-release' } },
      repository: { slug: 'acme/core-lib', artifacts: ['core'] },
      deadlineMs: CREATED + 600_000,
    });
    expect(gatewayRuns.findByPodUid('pod-2')).toBeUndefined();
  });

  it('given a child, then its deadline counts from its start, within that of its tree', () => {
    const { put, gatewayRuns } = harness();
    const deadline = at(700_000);
    put(workflowRun({ spec: { timeout: '10m' }, parent: { deadline }, status: { attempts, startTime: at(60_000) } }));
    expect(gatewayRuns.findByPodUid('pod-1')?.deadlineMs).toBe(CREATED + 660_000);
    put(workflowRun({ spec: { timeout: '1h' }, parent: { deadline }, status: { attempts, startTime: at(60_000) } }));
    expect(gatewayRuns.findByPodUid('pod-1')?.deadlineMs).toBe(CREATED + 700_000);
  });

  it('given a repository that is gone meanwhile, then what the run knows of it counts', () => {
    const { put, gatewayRuns } = harness();
    put(workflowRun({ status: { attempts, repository: 'acme/core-lib' } }));
    expect(gatewayRuns.findByPodUid('pod-1')?.repository).toEqual({ slug: 'acme/core-lib', artifacts: ['default'] });
  });
});

describe('waiting for a run', () => {
  const ended = (run: { status?: { phase?: string | undefined } | undefined } | undefined) =>
    run?.status?.phase === 'Succeeded';

  it('given a run that is as asked for, then nobody waits', async () => {
    const { put, gatewayRuns } = harness();
    put(workflowRun({ status: { phase: 'Succeeded' } }));
    const found = await gatewayRuns.waitForRun(ref, ended, new AbortController().signal);
    expect(found?.status?.phase).toBe('Succeeded');
  });

  it('given many that wait, when the run comes to be as asked for, then all hear of it, and only then', async () => {
    const { put, gatewayRuns } = harness();
    const waiting = Array.from({ length: 5 }, () => gatewayRuns.waitForRun(ref, ended, new AbortController().signal));
    let over = false;
    void Promise.all(waiting).then(() => {
      over = true;
    });
    put(workflowRun({ status: { phase: 'Running' } }));
    put(workflowRun({ name: 'other', status: { phase: 'Succeeded' } }));
    await new Promise(resolve => setImmediate(resolve));
    expect(over).toBe(false);
    put(workflowRun({ status: { phase: 'Succeeded' } }));
    for (const found of await Promise.all(waiting)) expect(found?.status?.phase).toBe('Succeeded');
  });

  it('given a wait that is over, then the run is told as it stands', async () => {
    const { put, gatewayRuns } = harness();
    put(workflowRun({ status: { phase: 'Running' } }));
    const over = new AbortController();
    const waiting = gatewayRuns.waitForRun(ref, ended, over.signal);
    over.abort();
    expect((await waiting)?.status?.phase).toBe('Running');
    expect((await gatewayRuns.waitForRun(ref, ended, AbortSignal.abort()))?.status?.phase).toBe('Running');
  });

  it('given a run that is deleted meanwhile, then who asked for that hears of it', async () => {
    const { runs, put, gatewayRuns } = harness();
    put(workflowRun());
    const waiting = gatewayRuns.waitForRun(ref, run => run === undefined, new AbortController().signal);
    runs.delete('team/core-lib-release');
    expect(await waiting).toBeUndefined();
  });
});
