import { describe, expect } from 'vitest';
import { announce, runSource, source, subscriber } from './fixture/fan-out.ts';
import { outcome } from './fixture/run-handle.ts';
import { type Tako, test } from './fixture/tako.ts';

/** acme/source fans out to `middle`, that to `leaf`, whose only step never ends by itself and visits `url` when it is told to. */
async function chain(tako: Tako, url: string): Promise<void> {
  await Promise.all([
    source(tako, [announce()]),
    tako.repository('middle', subscriber([{ id: 'next', uses: 'tako/fan-out@v1', with: { event_type: 'tested' } }])),
    tako.repository('leaf', {
      workflows: {
        main: {
          steps: [
            {
              id: 'hang',
              network: 'default',
              run: `trap 'wget -q -O /dev/null ${url}/told; exit 0' TERM\nwget -q -O /dev/null ${url}/there || true\nwhile :; do sleep 1; done`,
            },
          ],
        },
      },
      subscriptions: [{ artifact: 'acme/middle:default', events: ['tested'], workflow: 'main' }],
    }),
  ]);
}

const below = (tako: Tako, run: ReturnType<Tako['handle']>, repository: string) =>
  tako.wait(
    `a run of ${repository}`,
    () => run.descendants().find(one => one.now().spec.workflow?.repositoryRef.name === repository),
    60_000,
  );

describe.concurrent('the time limits of a tree', () => {
  test('given a limit of the root, then the whole tree has timed out, and the steps were told before they were killed', async ({
    tako,
  }) => {
    const barrier = await tako.barrier(1);
    await chain(tako, barrier.url);

    const run = await tako.run({ ...runSource, timeout: '60s' });
    const ended = await run.ended();

    expect(outcome(ended)).toMatchObject({ phase: 'TimedOut', errorType: 'timeout', reason: 'DeadlineExceeded' });
    expect(ended.status).toMatchObject({ timeoutExceeded: true, treeSummary: { total: 2, timedOut: 2, depth: 2 } });
    expect(run.descendants().map(one => one.now().status?.phase)).toEqual(run.descendants().map(() => 'TimedOut'));
    expect(barrier.visitors).toEqual(['/there', '/told']);
  });

  test('given a limit for children, then it counts at each level from the start of the run, and the root has failed', async ({
    tako,
  }) => {
    const barrier = await tako.barrier(1);
    await chain(tako, barrier.url);

    const run = await tako.run({ ...runSource, childTimeout: '45s' });
    const ended = await run.ended();

    expect(outcome(ended)).toMatchObject({ phase: 'Failed', reason: 'ChildrenFailed' });
    expect(ended.status?.timeoutExceeded).toBeUndefined();
    expect(ended.status?.treeSummary).toMatchObject({ total: 2, timedOut: 2 });
    const leaf = await below(tako, run, 'leaf');
    expect(leaf.now().status).toMatchObject({ phase: 'TimedOut', errorType: 'timeout', timeoutExceeded: true });
    expect(barrier.visitors).toEqual(['/there', '/told']);
  });
});

describe.concurrent('a cancel of a root', () => {
  test('given a step of a grandchild, then it gets SIGTERM and time to tidy up, and no Pod stays', async ({ tako }) => {
    const barrier = await tako.barrier(1);
    await chain(tako, barrier.url);

    const run = await tako.run(runSource);
    await tako.wait('the step to run', () => barrier.visitors[0], 90_000);
    await run.cancel();
    const ended = await run.ended();

    expect(outcome(ended)).toMatchObject({ phase: 'Canceled', errorType: 'canceled' });
    expect(ended.status?.treeSummary).toMatchObject({ total: 2, canceled: 2 });
    expect(barrier.visitors).toEqual(['/there', '/told']);
    const leaf = await below(tako, run, 'leaf');
    await leaf.noPod();
  });
});
