import { describe, expect, it } from 'vitest';
import type { ElectionOutcome } from '../../../src/kube/leader-election.ts';
import { createLeaderElector } from '../../../src/kube/leader-election.ts';
import { leases } from '../../../src/kube/objects.ts';
import { until } from '../../fixtures/until.ts';
import { clientWith, useNamespace } from './fixture.ts';

const cluster = useNamespace();

function contend(name: string, identity: string) {
  const abort = new AbortController();
  const client = clientWith({});
  let fence: number | undefined;
  const elector = createLeaderElector({
    client,
    namespace: cluster.namespace,
    name,
    identity,
    leaseDurationMs: 9_000,
    renewDeadlineMs: 6_000,
    retryPeriodMs: 400,
    onStartedLeading: leadership => {
      fence = leadership.fence;
    },
  });
  const outcome: Promise<ElectionOutcome> = elector.run(abort.signal);
  return {
    elector,
    outcome,
    fence: () => fence,
    stop: () => abort.abort(new Error('stop')),
    /** As if the process had died: it says nothing any more. */
    kill: () => client.close(),
    close: () => client.close(),
  };
}

describe('leader election on a real Lease', () => {
  it('given two contenders, then one leads; when it leaves, the other does at once; when that is killed, the next does after the duration', async () => {
    const { client, namespace } = cluster;
    const lease = async () => (await client.get(leases, { namespace, name: 'boss' })).spec;

    const a = contend('boss', 'a');
    await until('a to lead', () => a.elector.isLeader());
    const b = contend('boss', 'b');
    await until('b to know', () => b.elector.leader() === 'a');
    expect(await lease()).toMatchObject({ holderIdentity: 'a', leaseTransitions: 0, leaseDurationSeconds: 9 });

    const released = performance.now();
    a.stop();
    expect(await a.outcome).toBe('stopped');
    await until('b to lead', () => b.elector.isLeader());
    // At once, as its look every 0.4 s goes, and not when the Lease expires.
    expect(performance.now() - released).toBeLessThan(8_000);
    expect([b.fence(), (await lease())?.leaseTransitions]).toEqual([1, 1]);

    const c = contend('boss', 'c');
    await until('c to know', () => c.elector.leader() === 'b');
    const killed = performance.now();
    await b.kill();
    await until('c to lead', () => c.elector.isLeader());
    expect(performance.now() - killed).toBeGreaterThan(6_000);
    expect(c.fence()).toBe(2);
    expect(await b.outcome).toBe('lost');

    c.stop();
    expect(await c.outcome).toBe('stopped');
    expect((await lease())?.holderIdentity).toBeUndefined();
    await Promise.all([a.close(), c.close()]);
  });

  it('given a leader whose Lease another has taken, then it steps down', async () => {
    const { client, namespace } = cluster;
    const a = contend('robbed', 'a');
    await until('a to lead', () => a.elector.isLeader());
    await client.mergePatch(
      leases,
      { namespace, name: 'robbed' },
      { spec: { holderIdentity: 'robber', leaseTransitions: 1 } },
    );
    expect(await a.outcome).toBe('lost');
    expect(a.elector.isLeader()).toBe(false);
    await a.close();
  });
});
