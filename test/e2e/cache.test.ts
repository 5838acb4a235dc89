import { afterAll, beforeAll, describe, expect } from 'vitest';
import { pods } from '../../src/kube/objects.ts';
import { NODE_ADDRESS } from '../cluster/network.ts';
import { type GitServer, startGitServer } from '../fixtures/git-server/git-server.mjs';
import { breakCache, locksOf, verifyCache } from './fixture/cache.ts';
import { built, source } from './fixture/fan-out.ts';
import { operatorHandle, SETTINGS } from './fixture/operator.ts';
import { killContainer } from './fixture/pods.ts';
import { type LivePod, outcome } from './fixture/run-handle.ts';
import { test as base, type RepositoryContent, type Tako } from './fixture/tako.ts';
import { openWorld } from './fixture/world.ts';

/** The volumes of these clusters are on their one node. Times are longer than those of other tests: nothing here is about them. */
const CACHE = {
  TAKO_CACHE_SIZE: '256Mi',
  TAKO_CACHE_ACCESS_MODE: 'ReadWriteOnce',
  TAKO_START_TIMEOUT: '120s',
  TAKO_AGENT_GIT_TIMEOUT: '120s',
};

/** These tests have an operator of other settings, so they run one after the other. */
async function configure(settings: Readonly<Record<string, string | undefined>>): Promise<void> {
  const world = await openWorld();
  await operatorHandle(world).configure(settings);
  await world.close();
}
beforeAll(() => configure(CACHE));
afterAll(() => {
  const before: Readonly<Record<string, string | undefined>> = SETTINGS;
  return configure(Object.fromEntries(Object.keys(CACHE).map(name => [name, before[name]])));
});

/** A Git server of the test's own, so that its log is about nothing else, and it may be slow. */
const test = base.extend<{ git: GitServer; url: (tako: Tako, name: string) => string }>({
  git: async ({ world }, use) => {
    const git = await startGitServer({ root: world.gitRoot, host: '0.0.0.0' });
    await use(git);
    await git.close();
  },
  url: async ({ git }, use) => {
    await use((tako, name) => `http://${NODE_ADDRESS}:${git.port}/${tako.namespace}/acme/${name}.git`);
  },
});

const CHILDREN = 20;
const fetches = ({ requests }: GitServer) => requests.filter(({ command }) => command === 'fetch').length;
const workflowOf = (name: string) => ({ workflow: { repositoryRef: { name }, name: 'main' } });

/** What an agent is held to, KiB. */
const AGENT_KIB = 80 * 1_024;

/** The VmHWM that the agent of a Pod has reported, KiB. */
function residentKiB(pod: LivePod): number {
  const agent = pod.status?.containerStatuses?.find(({ name }) => name === 'agent');
  const { rssKiB } = JSON.parse(agent?.state?.terminated?.message ?? '{}') as { rssKiB?: number };
  return rssKiB ?? Number.NaN;
}

/** A repository with files of several kinds, and a list of their checksums. */
const FILES = {
  'src/main.c': `int main(void) { return 0; }\n${'/* padding */\n'.repeat(5_000)}`,
  'src/deep/er/file.txt': 'deep\n',
  'run.sh': { content: '#!/bin/sh\necho "it runs"\n', executable: true },
  link: { symlink: 'src/deep/er/file.txt' },
} satisfies RepositoryContent['files'];

/** Fails unless the workspace is as the commit has it. */
const CHECK = `test "$(./run.sh)" = "it runs"
test "$(readlink link)" = src/deep/er/file.txt
test "$(cat link)" = deep
test "$(wc -l <src/main.c)" -eq 5001
test "$(find . -type f -not -path './.tako/*' | wc -l)" -eq 4`;

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
