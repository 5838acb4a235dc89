import { describe, expect, it } from 'vitest';
import { startServerAndClient } from '../../../test/fixtures/api-server/client.ts';
import { EVENT_CLAIM_COMPONENT, LABELS } from '../../api/meta.ts';
import type { TakoRunStatus } from '../../api/takorun-status.ts';
import { CLAIM_MS } from '../../fanout/claim.ts';
import { type KubeObject, keyOf, type Lease, type Live } from '../../kube/objects.ts';
import { createStore } from '../../kube/store.ts';
import { claimEvent, claimOf, peekClaim } from './event-claim.ts';
import type { LiveRun } from './observed.ts';
import { eventRun } from './testing/builders.ts';

const event = { type: 'library_built', source: 'acme/core-lib:core', payload: { password: 'hunter2' } };

async function harness() {
  const { server, client } = await startServerAndClient();
  const runs = createStore<LiveRun>();
  const context = { client, runs };
  const now = () => Date.now();
  return {
    server,
    client,
    runs,
    /** A run of the event; in the store unless only the API server knows it. */
    run(name: string, status: TakoRunStatus = {}, { stored = true, spec = {} } = {}): LiveRun {
      const base = eventRun({ name, spec: { event, idempotent: true, ...spec }, status });
      const live = server.storage.put('tako.dev/takoruns', keyOf(base.metadata), base as KubeObject) as LiveRun;
      if (stored) runs.set(live);
      return live;
    },
    claim: (run: LiveRun, at = now()) => claimEvent(run, at, context, AbortSignal.timeout(10_000)),
    peek: (run: LiveRun) => peekClaim(run, now(), context, AbortSignal.timeout(10_000)),
    leases: () => server.storage.list('coordination.k8s.io/leases') as unknown as Live<Lease>[],
    writes: () => server.requests.filter(({ method }) => method !== 'GET').map(({ method }) => method),
  };
}

describe('the claim of an event in the cluster', () => {
  it('given nobody who has it, then a Lease holds it that says who, and nothing of the event', async () => {
    const { run, claim, leases } = await harness();
    const first = run('first');
    expect(await claim(first)).toEqual({ kind: 'mine' });
    const [lease] = leases();
    expect(lease).toMatchObject({
      metadata: {
        namespace: 'team',
        name: expect.stringMatching(/^tako-event-[0-9a-f]{32}$/),
        labels: { [LABELS.component]: EVENT_CLAIM_COMPONENT, [LABELS.runUid]: first.metadata.uid },
        annotations: { 'tako.dev/claim': expect.stringContaining('TakoRun first has sent library_built of acme') },
        ownerReferences: [{ kind: 'TakoRun', name: 'first', uid: first.metadata.uid }],
      },
      spec: { holderIdentity: 'first', leaseDurationSeconds: 86_400 },
    });
    expect(JSON.stringify(lease)).not.toContain('hunter2');
    expect(claimOf(lease!)).toEqual({
      holder: { name: 'first', uid: first.metadata.uid },
      createdMs: Date.parse(lease!.metadata.creationTimestamp),
      durationMs: CLAIM_MS,
    });
  });

  it('given a claim of its own, whose answer was lost, then it goes on', async () => {
    const { server, run, claim, leases } = await harness();
    const first = run('first');
    server.faults = ({ method }) => (method === 'POST' ? { kind: 'lostAnswer' } : undefined);
    await claim(first).catch(() => {});
    server.faults = () => undefined;
    expect(await claim(first)).toEqual({ kind: 'mine' });
    expect(leases()).toHaveLength(1);
  });

  it('given another run that has it, then this one is its duplicate', async () => {
    const { run, claim } = await harness();
    await claim(run('first', { phase: 'Waiting', message: 'the children are running' }));
    expect(await claim(run('second'))).toMatchObject({
      kind: 'duplicate',
      of: { name: 'first', phase: 'Waiting', expanded: false },
      run: { metadata: { name: 'first' } },
    });
  });

  it('given two at the same moment, then one has it and the other is its duplicate', async () => {
    const { run, claim } = await harness();
    const both = [run('first'), run('second')];
    const kinds = (await Promise.all(both.map(one => claim(one)))).map(({ kind }) => kind);
    expect(kinds.sort()).toEqual(['duplicate', 'mine']);
  });

  it('given another payload, id or namespace, then it is another event', async () => {
    const { run, claim, leases } = await harness();
    await claim(run('first'));
    expect(await claim(run('second', {}, { spec: { event: { ...event, id: 'again' } } }))).toEqual({ kind: 'mine' });
    expect(await claim(run('third', {}, { spec: { event: { ...event, payload: {} } } }))).toEqual({ kind: 'mine' });
    expect(leases()).toHaveLength(3);
  });

  it.each(['Failed', 'TimedOut', 'Canceled'] as const)(
    'given a holder that ended as %s, then the next one has it',
    async phase => {
      const { run, claim, leases } = await harness();
      await claim(run('first'));
      run('first', { phase });
      const second = run('second');
      expect(await claim(second)).toEqual({ kind: 'mine' });
      expect(leases().map(lease => claimOf(lease).holder.uid)).toEqual([second.metadata.uid]);
    },
  );

  it('given a holder that was deleted, then the next one has it', async () => {
    const { server, runs, run, claim } = await harness();
    const first = run('first');
    await claim(first);
    server.storage.delete('tako.dev/takoruns', keyOf(first.metadata));
    runs.delete(keyOf(first.metadata));
    expect(await claim(run('second'))).toEqual({ kind: 'mine' });
  });

  it('given a store that does not show the holder yet, or shows how it stood before it was tried again, then the API server decides', async () => {
    const { runs, run, claim } = await harness();
    const first = run('first', {}, { stored: false });
    await claim(first);
    expect(await claim(run('second'))).toMatchObject({ kind: 'duplicate' });
    runs.set({ ...first, status: { phase: 'Failed' } });
    expect(await claim(run('third'))).toMatchObject({ kind: 'duplicate', of: { phase: undefined } });
  });

  it('given a claim of a day ago, then the next one has it', async () => {
    const { run, claim } = await harness();
    await claim(run('first', { phase: 'Succeeded' }));
    expect((await claim(run('second'), Date.now() + CLAIM_MS - 60_000)).kind).toBe('duplicate');
    expect((await claim(run('second'), Date.now() + CLAIM_MS + 60_000)).kind).toBe('mine');
  });

  it('given a run that waits for a result, then it takes also a bad one', async () => {
    const { run, claim } = await harness();
    await claim(run('first'));
    run('first', { phase: 'Failed', message: 'exit code 1' });
    expect(await claim(run('second', { phase: 'Waiting', duplicateOf: 'first' }))).toMatchObject({
      kind: 'duplicate',
      of: { phase: 'Failed', message: 'exit code 1' },
    });
  });

  it('given a Lease that names a run of another event, then that is no result to take', async () => {
    const { server, run, claim, leases } = await harness();
    await claim(run('first'));
    const other = run('other', { phase: 'Succeeded' }, { spec: { event: { ...event, type: 'other' } } });
    const forged = structuredClone(leases()[0]!);
    forged.metadata.labels = { ...forged.metadata.labels, [LABELS.runUid]: other.metadata.uid };
    forged.spec = { ...forged.spec, holderIdentity: 'other' };
    server.storage.put('coordination.k8s.io/leases', keyOf(forged.metadata), forged as KubeObject);
    expect(await claim(run('second'))).toEqual({ kind: 'mine' });
  });

  it('given an API server that forbids it, then that is said', async () => {
    const { server, run, claim } = await harness();
    server.faults = ({ method }) =>
      method === 'POST' ? { kind: 'status', code: 403, message: 'no leases' } : undefined;
    expect(await claim(run('first'))).toEqual({ kind: 'refused', message: expect.stringContaining('no leases') });
  });

  it('given a look alone, then nothing is written', async () => {
    const { run, claim, peek, writes } = await harness();
    expect(await peek(run('dry'))).toBeUndefined();
    await claim(run('first'));
    expect(await peek(run('dry'))).toMatchObject({ name: 'first' });
    expect(writes()).toEqual(['POST']);
  });
});
