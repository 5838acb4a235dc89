import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { leases } from '../../../src/kube/objects.ts';
import type { LockKeeper } from '../../../src/locks/keeper.ts';
import { lockName } from '../../../src/locks/lease.ts';
import { connect } from '../../cluster/cluster.ts';
import { createOverlapObserver, startKeeper, useLock } from '../../fixtures/lock-contention.ts';
import { until } from '../../fixtures/until.ts';
import { useNamespace } from '../kube/fixture.ts';

const cluster = useNamespace();
const stops: (() => Promise<void>)[] = [];
let keepers: [LockKeeper, LockKeeper];

beforeAll(async () => {
  const one = await startKeeper(cluster.client, cluster.namespace);
  const other = await startKeeper(cluster.client, cluster.namespace);
  stops.push(one.stop, other.stop);
  keepers = [one.keeper, other.keeper];
});
afterAll(() => Promise.all(stops.map(stop => stop())));

const repository = (name: string): string => `https://git.example.com/acme/${name}.git`;
const request = (name: string, run: string) => ({
  namespace: cluster.namespace,
  url: repository(name),
  id: run,
  holder: { run, runUid: run, pod: run, podUid: '' },
});
const commit = 'a'.repeat(40);

/** The columns of `kubectl get leases` for a lock. */
async function shown(name: string): Promise<string> {
  const kubectl = (await connect(process.env.TAKO_TEST_CLUSTER!)).kubectl;
  const args = ['get', 'leases', `--namespace=${cluster.namespace}`, lockName(repository(name)), '--no-headers'];
  return (await kubectl(args)).replaceAll(/ {2,}/g, ' | ').trim();
}

describe('locks on real Leases', () => {
  test('given 20 contenders at two keepers, then no writer is beside anybody, and everybody gets the lock each time', async () => {
    const observer = createOverlapObserver();
    const contend = async (index: number): Promise<void> => {
      for (let round = 0; round < 5; round++) {
        await useLock({
          keeper: keepers[index % 2]!,
          namespace: cluster.namespace,
          url: repository('busy'),
          name: `run-${index}`,
          mode: (index + round) % 3 === 0 ? 'write' : 'read',
          holdMs: 5,
          observer,
        });
      }
    };
    await Promise.all(Array.from({ length: 20 }, (_, index) => contend(index)));
    expect(observer.violations).toEqual([]);
    const lease = await cluster.client.get(leases, {
      namespace: cluster.namespace,
      name: lockName(repository('busy')),
    });
    expect(lease.spec).toMatchObject({ holderIdentity: '', leaseTransitions: 33 });
  });

  test('given 20 runs that need one commit, then one writes and 19 read what it published, and kubectl shows it in words', async () => {
    const want = { commit };
    const first = request('cold', 'app-one');
    expect(await keepers[0].acquire({ ...first, want }, { waitMs: 1 })).toMatchObject({ mode: 'write', fence: 1 });
    expect(await shown('cold')).toMatch(/^tako-cache-[0-9a-f]{32} \| written by run app-one \| \d+s$/);
    const others = Array.from({ length: 19 }, (_, index) => request('cold', `run-${index}`));
    const grants = others.map((other, index) => keepers[index % 2]!.acquire({ ...other, want }, { waitMs: 30_000 }));
    await until('all to wait', async () => (await shown('cold')).includes('| written by run app-one, 19 waiting |'));
    await keepers[1].publish({ ...first, commits: [commit], bytes: 1 });
    for (const grant of await Promise.all(grants)) {
      expect(grant).toMatchObject({ mode: 'read', fence: 1, published: { fence: 1, commits: [commit], bytes: 1 } });
    }
    await until('kubectl to show it', async () => (await shown('cold')).includes('| read by 20 runs |'));
    await Promise.all([first, ...others].map(one => keepers[0].release(one)));
    expect(await shown('cold')).toMatch(/^tako-cache-[0-9a-f]{32} \| \d+s$/);
  });

  test('given a Lease that is deleted while it is held, then the holder has lost it, and the next one counts on from what it sees', async () => {
    const want = { mode: 'write' } as const;
    const [keeper, other] = keepers;
    const first = request('deleted', 'first');
    const second = request('deleted', 'second');
    expect(await keeper.acquire({ ...first, want, seenFence: 6 })).toMatchObject({ mode: 'write', fence: 7 });
    await cluster.client.delete(leases, { namespace: cluster.namespace, name: lockName(repository('deleted')) });
    // This keeper may not know yet: the API server refuses what it writes.
    expect(await keeper.renew(first)).toEqual({ held: false });
    expect(await other.acquire({ ...second, want, seenFence: 7 }, { waitMs: 1 })).toMatchObject({ fence: 8 });
    expect(await keeper.publish({ ...first, commits: [commit], bytes: 1 })).toEqual({ held: false });
    expect(await keeper.renew(second)).toMatchObject({ held: true });
  });

  test('given a Lease that somebody has written to, then nobody gets the lock, the reason says what to do, and that helps', async () => {
    const want = { mode: 'write' } as const;
    const ref = { namespace: cluster.namespace, name: lockName(repository('broken')) };
    const first = request('broken', 'first');
    await keepers[0].acquire({ ...first, want });
    await cluster.client.mergePatch(leases, ref, { metadata: { annotations: { 'tako.dev/lock': '{"holders": []}' } } });
    expect(await keepers[1].renew(first)).toEqual({ held: false });
    const answer = await keepers[1].acquire({ ...request('broken', 'second'), want }, { waitMs: 50 });
    expect(answer.state).toBe('waiting');
    const [, command] = /kubectl (.*)$/.exec(answer.state === 'waiting' ? answer.reason : '') ?? [];
    await (await connect(process.env.TAKO_TEST_CLUSTER!)).kubectl(command!.split(' '));
    expect(await keepers[1].acquire({ ...request('broken', 'third'), want }, { waitMs: 20_000 })).toMatchObject({
      state: 'granted',
    });
  });
});
