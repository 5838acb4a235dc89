import { describe, expect } from 'vitest';
import { pods } from '../../../src/kube/objects.ts';
import { breakCache, locksOf, verifyCache } from '../fixture/cache.ts';
import { CHECK, FILES, fetches, test, withCache, workflowOf } from '../fixture/cached.ts';
import { built, source } from '../fixture/fan-out.ts';
import { killContainer } from '../fixture/pods.ts';
import { type LivePod, outcome } from '../fixture/run-handle.ts';
import type { Tako } from '../fixture/tako.ts';

withCache();

const CHILDREN = 20;

/** What an agent is held to, KiB. */
const AGENT_KIB = 80 * 1_024;

/** The VmHWM that the agent of a Pod has reported, KiB. */
function residentKiB(pod: LivePod): number {
  const agent = pod.status?.containerStatuses?.find(({ name }) => name === 'agent');
  const { rssKiB } = JSON.parse(agent?.state?.terminated?.message ?? '{}') as { rssKiB?: number };
  return rssKiB ?? Number.NaN;
}

describe('runs of one repository with a cold cache', () => {
  test('given 20 children at the same moment, then the Git server is cloned once, and each has a workspace of its own', async ({
    tako,
    git,
    url,
  }) => {
    const barrier = await tako.barrier(CHILDREN);
    const numbers = Array.from({ length: CHILDREN }, (_, number) => number);
    const run = (number: number) => `${CHECK}
test ! -e mine
echo ${number} >mine
echo 'child ${number}' >src/main.c
rm link
wget -q -O /dev/null ${barrier.url}/${number}
cat mine src/main.c`;
    await source(tako);
    await tako.repository('app', {
      files: FILES,
      workflows: Object.fromEntries(
        numbers.map(number => [
          `main-${number}`,
          {
            steps: [
              { id: 'meet', network: 'default', run: run(number), produces: { outputs: { mine: 'from_stdout' } } },
            ],
          },
        ]),
      ),
      subscriptions: numbers.map(number => ({
        artifact: 'acme/source:default',
        events: ['built'],
        workflow: `main-${number}`,
      })),
      spec: { url: url(tako, 'app') },
    });
    // What the operator has fetched to read tako.yml.
    const before = fetches(git);

    const event = await tako.run({ event: built() });
    const ended = await event.ended(240_000);

    expect(outcome(ended)).toMatchObject({ phase: 'Succeeded', reason: 'ChildrenSucceeded' });
    expect(ended.status?.childrenSummary).toMatchObject({ total: CHILDREN, completed: CHILDREN });
    expect(
      event
        .children()
        .map(child => child.now().status?.outputs?.['meet.mine'])
        .sort(),
    ).toEqual(numbers.map(number => `${number}\nchild ${number}`).sort());
    // All of them were there before the first one left.
    expect(barrier.visitors).toHaveLength(CHILDREN);
    expect(fetches(git) - before).toBe(1);
    expect(await verifyCache(tako)).toEqual({ verified: 1, problems: [] });
    const [lock, ...others] = await locksOf(tako);
    expect(others).toEqual([]);
    expect(lock?.state).toMatchObject({ holders: [], queue: [], published: { commits: [expect.any(String)] } });

    await Promise.all(event.children().map(child => child.podsReleased()));
    const resident = event.children().flatMap(child => child.pods().map(residentKiB));
    expect(resident).toHaveLength(CHILDREN);
    expect(Math.max(...resident)).toBeLessThan(AGENT_KIB);
  });

  test('given a later run of another commit, then only what is new is fetched, and the cache has both', async ({
    tako,
    git,
    url,
  }) => {
    const steps = [
      {
        id: 'check',
        run: `${CHECK.replace('= deep', '!= ""')}\ncat link`,
        produces: { outputs: { text: 'from_stdout' } },
      },
    ];
    await tako.repository('app', { files: FILES, workflows: { main: { steps } }, spec: { url: url(tako, 'app') } });
    const textOf = async (name: string) => {
      const ended = await (await tako.run(workflowOf('app'), name)).ended();
      return { phase: ended.status?.phase, text: ended.status?.outputs?.['check.text'] };
    };
    expect(await textOf('cold')).toEqual({ phase: 'Succeeded', text: 'deep' });
    const cold = fetches(git);
    expect(await textOf('warm')).toEqual({ phase: 'Succeeded', text: 'deep' });
    expect(fetches(git)).toBe(cold);
    await tako.push('app', { 'src/deep/er/file.txt': 'deeper\n' });
    const pushed = fetches(git);
    expect(await textOf('next')).toEqual({ phase: 'Succeeded', text: 'deeper' });
    expect(fetches(git) - pushed).toBe(1);
    const [lock] = await locksOf(tako);
    expect(lock?.state.published?.commits).toHaveLength(2);
    expect(await verifyCache(tako)).toEqual({ verified: 1, problems: [] });
  });
});

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
