import { describe, expect } from 'vitest';
import { locksOf, verifyCache } from '../fixture/cache.ts';
import { CHECK, FILES, fetches, test, withCache, workflowOf } from '../fixture/cached.ts';
import { built, source } from '../fixture/fan-out.ts';
import { type LivePod, outcome } from '../fixture/run-handle.ts';

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

    const hasTold = (pod: LivePod) => !Number.isNaN(residentKiB(pod));
    await Promise.all(event.children().map(child => child.pod('tell the memory of its agent', hasTold)));
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
