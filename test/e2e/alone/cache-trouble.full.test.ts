import { describe, expect } from 'vitest';
import { pods } from '../../../src/kube/objects.ts';
import { breakCache, locksOf, verifyCache } from '../fixture/cache.ts';
import { CHECK, FILES, fetches, test, withCache, workflowOf } from '../fixture/cached.ts';
import { killContainer } from '../fixture/pods.ts';
import { type LivePod, outcome } from '../fixture/run-handle.ts';
import type { Tako } from '../fixture/tako.ts';

withCache();

/** Ways to take a writer away in the middle of its work. */
const KILLS: readonly (readonly [string, (tako: Tako, pod: LivePod) => Promise<void>])[] = [
  [
    'its Pod is force-deleted',
    ({ world: { client } }, { metadata: { namespace, name, uid } }) =>
      client.delete(pods, { namespace, name }, { gracePeriodSeconds: 0, preconditions: { uid } }),
  ],
  ['its agent is killed', ({ world: { cluster } }, pod) => killContainer(cluster, pod, 'agent')],
];

describe('a writer that is killed', () => {
  test.for(KILLS)(
    'given %s while it holds the write lock, then the next one takes over within 10 s',
    async ([, kill], { tako, git, url }) => {
      await tako.repository('app', {
        files: FILES,
        workflows: { main: { steps: [CHECK] } },
        spec: { url: url(tako, 'app') },
      });
      const before = fetches(git);
      git.setFault({ kind: 'hang', command: 'fetch', times: 1 });
      const first = await tako.run(workflowOf('app'), 'first');
      const lockIs = (what: string, words: string) =>
        tako.wait(
          `the Lease to say that it is ${what}`,
          async () => (await locksOf(tako)).find(({ lease }) => lease.spec?.holderIdentity?.startsWith(words)),
          60_000,
        );
      const written = await lockIs('written by the first run', 'written by run first');
      await tako.wait('its fetch to hang', () => fetches(git) > before || undefined, 60_000);
      const second = await tako.run(workflowOf('app'), 'second');
      await lockIs('waited for', 'written by run first, 1 waiting');
      const [pod] = first.pods();

      const start = performance.now();
      await kill(tako, pod!);
      const taken = await tako.wait(
        'the second run to have the lock',
        async () => (await locksOf(tako)).find(({ state }) => state.fence > written.state.fence),
        60_000,
      );
      const tookMs = performance.now() - start;

      expect(tookMs).toBeLessThan(10_000);
      expect(taken.state.fence).toBe(written.state.fence + 1);
      // The run whose Pod was taken away goes on with another one, and reads what the second one has written.
      for (const run of [second, first]) expect(outcome(await run.ended())).toMatchObject({ phase: 'Succeeded' });
      expect(first.now().status?.attempts).toMatchObject([{ number: 1 }, { number: 2 }]);
      expect(fetches(git) - before).toBe(2);
      expect(await verifyCache(tako)).toEqual({ verified: 1, problems: [] });
      const [lock] = await locksOf(tako);
      expect(lock?.state).toMatchObject({ holders: [], queue: [], published: { fence: taken.state.fence } });
    },
  );
});

describe('the cache volume', () => {
  test('given steps, then they cannot see it; given a file that is broken in it, then it is made anew', async ({
    tako,
    git,
    url,
  }) => {
    const look = `ls -a / /tako; grep -c -e tako-cache -e /tako/cache /proc/self/mountinfo || true`;
    await tako.repository('app', {
      files: FILES,
      workflows: {
        main: {
          steps: [
            { id: 'look', run: look, produces: { outputs: { seen: 'from_stdout' } } },
            { id: 'other', image: tako.image, run: look, produces: { outputs: { seen: 'from_stdout' } } },
          ],
        },
      },
      spec: { url: url(tako, 'app') },
    });
    const run = await tako.run(workflowOf('app'));
    const ended = await run.ended();
    expect(outcome(ended)).toMatchObject({ phase: 'Succeeded' });
    const { volumeMounts } = run.pods()[0]!.spec.containers.find(({ name }) => name === 'agent')!;
    expect(volumeMounts).toContainEqual({ name: 'cache', mountPath: '/tako/cache' });
    for (const step of ['look', 'other']) {
      const seen = ended.status?.outputs?.[`${step}.seen`]?.split('\n') ?? [];
      expect(seen).toContain('io');
      expect(seen).not.toContain('cache');
      expect(seen.at(-1)).toBe('0');
    }
    expect((await verifyCache(tako)).verified).toBe(1);
    const before = fetches(git);
    await breakCache(tako);
    expect((await verifyCache(tako)).problems).not.toEqual([]);
    expect(outcome(await (await tako.run(workflowOf('app'), 'after')).ended())).toMatchObject({ phase: 'Succeeded' });
    expect(fetches(git) - before).toBe(1);
    expect(await verifyCache(tako)).toEqual({ verified: 1, problems: [] });
  });
});

describe('a claim that somebody deletes, as docs/guides/cache.md says', () => {
  test('given runs before, then those that go on and those that come succeed, and there is a new one when it is gone', async ({
    tako,
    git,
    url,
  }) => {
    const barrier = await tako.barrier(2);
    await tako.repository('app', {
      files: FILES,
      workflows: {
        main: { steps: [CHECK] },
        waits: { steps: [{ network: 'default', run: `${CHECK}\nwget -q -O /dev/null ${barrier.url}` }] },
      },
      spec: { url: url(tako, 'app') },
    });
    const succeeds = async (name: string) =>
      expect(outcome(await (await tako.run(workflowOf('app'), name)).ended())).toMatchObject({ phase: 'Succeeded' });
    await succeeds('before');
    const waits = await tako.run({ workflow: { repositoryRef: { name: 'app' }, name: 'waits' } }, 'waits');
    await tako.wait('the step to be there', () => barrier.visitors[0], 60_000);
    const uid = () =>
      tako.kubectl('get', 'pvc', 'tako-cache', '--output=jsonpath={.metadata.uid}', '--ignore-not-found');
    const first = await uid();
    const cold = fetches(git);

    await tako.kubectl('delete', 'pvc', 'tako-cache', '--wait=false');
    await tako.kubectl('delete', 'leases', '-l', 'app.kubernetes.io/component=cache-lock');
    await succeeds('meanwhile');
    expect(fetches(git)).toBe(cold + 1);
    expect(await uid()).toBe(first);
    barrier.open();
    expect(outcome(await waits.ended())).toMatchObject({ phase: 'Succeeded' });
    // Pods that have ended keep it too. The kubelet says so a moment after their agent has.
    for (const run of [waits, tako.handle('before')]) {
      await run.pod('be Succeeded', ({ status }) => status?.phase === 'Succeeded', 60_000);
    }
    await tako.kubectl(
      'delete',
      'pods',
      '-l',
      'app.kubernetes.io/component=run',
      '--field-selector=status.phase=Succeeded',
    );
    await tako.wait('the claim to be gone', async () => ((await uid()) === '' ? true : undefined), 60_000);
    await succeeds('after');
    expect(await uid()).not.toBe(first);
    expect(await verifyCache(tako)).toEqual({ verified: 1, problems: [] });
  });
});
