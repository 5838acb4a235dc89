import { describe, expect, vi } from 'vitest';
import { announce, built, runSource, source, subscriber, subscribers } from './fixture/fan-out.ts';
import { agentRuns, mostPodsAtOnce } from './fixture/pods.ts';
import { outcome } from './fixture/run-handle.ts';
import { test } from './fixture/tako.ts';

vi.setConfig({ maxConcurrency: 20 });

describe('20 children at the same moment', () => {
  test('given 20 subscribers at the same moment, then each child has a Pod and a workspace of its own', async ({
    tako,
  }) => {
    const barrier = await tako.barrier(20);
    await Promise.all([
      source(tako),
      subscribers(
        tako,
        20,
        subscriber([
          {
            id: 'meet',
            network: 'default',
            run: `echo "$TAKO_REPOSITORY" >same-path
wget -q -O - "{{ .event.payload.barrier }}/$TAKO_REPOSITORY"
cat same-path`,
            produces: { outputs: { back: 'from_stdout' } },
          },
        ]),
      ),
    ]);

    const event = await tako.run({ event: built({ barrier: barrier.url }) });
    const ended = await event.ended();

    expect(outcome(ended)).toMatchObject({ phase: 'Succeeded', reason: 'ChildrenSucceeded' });
    expect(ended.status?.childrenSummary).toMatchObject({ total: 20, completed: 20 });
    const children = event.children();
    expect(children.map(child => child.now().status?.outputs?.['meet.back']).sort()).toEqual(
      Array.from({ length: 20 }, (_, index) => `go\nacme/sub-${index}`).sort(),
    );
    expect(new Set(children.flatMap(child => child.podUids())).size).toBe(20);
    expect(barrier.visitors).toHaveLength(20);
    await Promise.all(children.map(child => child.podsReleased()));
    // A child that simply succeeds is no news.
    expect((await Promise.all(children.map(child => child.events()))).flat()).toEqual([]);
  });
});

describe.concurrent('an event', () => {
  test('given a limit of 2 and 6 subscribers, then never more than 2 Pods work at once and all succeed', async ({
    tako,
  }) => {
    await Promise.all([source(tako), subscribers(tako, 6, subscriber(['sleep 0.5']))]);

    const event = await tako.run({ event: built(), concurrencyLimit: 2 });
    const ended = await event.ended();

    expect(ended.status?.childrenSummary).toMatchObject({ total: 6, completed: 6 });
    expect(mostPodsAtOnce(tako.world, event.children())).toBe(2);
    expect(event.children().some(child => child.phases().includes('Queued'))).toBe(true);
  });

  test('given children that fail in different ways, then the parent says which and how', async ({ tako }) => {
    await Promise.all([
      source(tako),
      tako.repository('good', subscriber(['true'])),
      tako.repository('bad', subscriber([{ id: 'check', run: 'exit 4' }])),
      tako.repository(
        'broken',
        subscriber([{ id: 'check', run: 'true', env: { TOKEN: 'NOWHERE' } }], { secrets: ['NOWHERE'] }),
      ),
    ]);

    const event = await tako.run({ event: built() });
    const ended = await event.ended();

    expect(outcome(ended)).toMatchObject({
      phase: 'Failed',
      errorType: 'workflow_failed',
      reason: 'ChildrenFailed',
      message: expect.stringContaining('2 of 3 children failed'),
    });
    expect(ended.status?.childrenSummary).toMatchObject({ total: 3, completed: 1, failed: 2 });
    // In the order in which they ended: one of them needs no Pod for that.
    expect(ended.status?.detailedErrors).toEqual([
      expect.objectContaining({
        repository: 'acme/broken',
        errorType: 'execution_failed',
        errorMessage: expect.stringContaining('secret NOWHERE is not in spec.secrets'),
      }),
      expect.objectContaining({
        repository: 'acme/bad',
        workflow: 'main',
        errorType: 'workflow_failed',
        errorMessage: 'step check: the script ended with exit code 4',
        retryCount: 0,
      }),
    ]);
    expect((await event.event('ChildrenFailed')).type).toBe('Warning');
  });

  test('given a child that takes too long, then it alone is timed out', async ({ tako }) => {
    await Promise.all([
      source(tako),
      tako.repository('quick', subscriber(['true'])),
      tako.repository('slow', subscriber(['sleep 600'])),
    ]);

    const event = await tako.run({ event: built(), childTimeout: '40s' });
    const ended = await event.ended();

    expect(outcome(ended)).toMatchObject({ phase: 'Failed', errorType: 'workflow_failed', reason: 'ChildrenFailed' });
    expect(ended.status?.childrenSummary).toMatchObject({ total: 2, completed: 1, timedOut: 1 });
    expect(ended.status?.detailedErrors).toEqual([
      expect.objectContaining({ repository: 'acme/slow', errorType: 'timeout' }),
    ]);
    expect(ended.status?.timeoutExceeded).toBeUndefined();
    const slow = event.children().find(child => child.name.startsWith('slow'));
    expect(slow?.now().status).toMatchObject({ phase: 'TimedOut', timeoutExceeded: true });
  });

  test('given children that take longer than the event may, then all of them are timed out', async ({ tako }) => {
    await Promise.all([source(tako), subscribers(tako, 2, subscriber(['sleep 600']))]);

    const event = await tako.run({ event: built(), timeout: '12s' });
    const ended = await event.ended();

    expect(outcome(ended)).toMatchObject({ phase: 'TimedOut', errorType: 'timeout', reason: 'DeadlineExceeded' });
    expect(ended.status).toMatchObject({ timeoutExceeded: true, childrenSummary: { total: 2, timedOut: 2 } });
    await Promise.all(event.children().map(child => child.podsReleased()));
  });

  test('given nobody who listens, then it succeeds and says so', async ({ tako }) => {
    await source(tako);

    expect(outcome(await (await tako.run({ event: built() })).ended())).toMatchObject({
      phase: 'Succeeded',
      reason: 'NoSubscribers',
    });
  });

  test('given a cancel, then the children that run and those that wait are canceled', async ({ tako }) => {
    await Promise.all([source(tako), subscribers(tako, 3, subscriber(['sleep 600']))]);
    const event = await tako.run({ event: built(), concurrencyLimit: 1 });
    await tako.wait('a child to run', () => event.children().find(child => child.now().status?.phase === 'Running'));

    await event.cancel();
    const ended = await event.ended();

    expect(outcome(ended)).toMatchObject({ phase: 'Canceled', errorType: 'canceled', reason: 'Canceled' });
    expect(ended.status?.childrenSummary).toMatchObject({ total: 3, canceled: 3 });
    await Promise.all(event.children().map(child => child.podsReleased()));
  });
});

describe.concurrent('a tree', () => {
  test('given its root is deleted while the children run, then nothing of it is left', async ({ tako }) => {
    await Promise.all([source(tako, [announce()]), subscribers(tako, 3, subscriber(['sleep 600']))]);
    const run = await tako.run(runSource);
    await run.phase('Waiting');
    await tako.wait('all children to run', () => run.children().filter(child => child.pods().some(agentRuns))[2]);
    const all = [run, ...run.descendants()];

    await run.delete();

    await Promise.all(all.map(one => one.gone()));
    await Promise.all(all.map(one => one.noPod()));
  });

  test('given a child is deleted while the root waits for it, then it counts as canceled', async ({ tako }) => {
    const barrier = await tako.barrier(3);
    await Promise.all([
      source(tako, [announce()]),
      subscribers(tako, 2, subscriber([`wget -q -O /dev/null ${barrier.url}`])),
    ]);
    const run = await tako.run(runSource);
    await tako.wait('both children to be there', () => barrier.visitors[1]);
    await run.phase('Waiting');

    const [first] = run.children();
    await first!.delete();
    await first!.gone();
    barrier.open();

    const ended = await run.ended();
    expect(outcome(ended)).toMatchObject({ phase: 'Failed', errorType: 'workflow_failed', reason: 'ChildrenFailed' });
    expect(ended.status?.childrenSummary).toMatchObject({ total: 2, completed: 1, canceled: 1 });
    await first!.noPod();
  });

  test('given the largest payload and inputs full of what shells and YAML care for, then they arrive', async ({
    tako,
  }) => {
    const text = '$(x)"\'\n'.repeat(5_000);
    const input = '`$$#{\t'.repeat(2_000);
    await Promise.all([
      source(tako),
      tako.repository('child', {
        workflows: {
          main: {
            inputs: { text: { type: 'string' } },
            steps: [
              {
                id: 'count',
                run: 'printf %s "{{ .inputs.text }}" | wc -c; printf %s "{{ .event.payload.text }}" | wc -c',
                produces: { outputs: { bytes: 'from_stdout' } },
              },
            ],
          },
        },
        subscriptions: [
          {
            artifact: 'acme/source:default',
            events: ['built'],
            workflow: 'main',
            inputs: { text: '{{ .event.payload.input }}' },
          },
        ],
      }),
    ]);

    const event = await tako.run({ event: built({ text, input }) });
    const ended = await event.ended();

    expect(outcome(ended)).toMatchObject({ phase: 'Succeeded' });
    expect(event.children()[0]?.now().status?.outputs).toEqual({ 'count.bytes': `${input.length}\n${text.length}` });
  });
});

describe.concurrent('a fan-out step', () => {
  test('given it stands in the middle and waits, then the steps after it come when the children are through', async ({
    tako,
  }) => {
    const barrier = await tako.barrier(1);
    const visit = (name: string) => `wget -q -O /dev/null ${barrier.url}/${name}`;
    await Promise.all([
      source(tako, [announce(), { id: 'after', network: 'default', run: visit('after') }]),
      subscribers(tako, 2, subscriber([{ network: 'default', run: `sleep 1; ${visit('child')}` }])),
    ]);

    const run = await tako.run(runSource);
    const ended = await run.ended();

    expect(outcome(ended)).toMatchObject({ phase: 'Succeeded', reason: 'Succeeded' });
    expect(barrier.visitors).toEqual(['/child', '/child', '/after']);
    expect(ended.status).toMatchObject({
      children: '2/2',
      childrenSummary: { total: 2, completed: 2 },
      treeSummary: { total: 2, completed: 2, depth: 1 },
    });
    // It holds its Pod, and so never waits without one.
    expect(run.phases()).not.toContain('Waiting');
    expect(run.podUids()).toHaveLength(1);
  });

  test('given it stands last, then its Pod goes and the run waits for the children', async ({ tako }) => {
    const barrier = await tako.barrier(2);
    await Promise.all([
      source(tako, ['true', announce()]),
      tako.repository('child', subscriber([{ network: 'default', run: `wget -q -O /dev/null ${barrier.url}/child` }])),
    ]);
    const run = await tako.run(runSource);

    await run.phase('Waiting');
    await run.podsReleased();
    await tako.wait('the child to be there', () => barrier.visitors[0]);
    barrier.open();

    expect(outcome(await run.ended())).toMatchObject({ phase: 'Succeeded', message: 'all steps and children ended' });
  });

  test('given it does not wait, then the run ends before the children do', async ({ tako }) => {
    const barrier = await tako.barrier(2);
    await Promise.all([
      source(tako, [announce({ wait_for_children: false })]),
      tako.repository('child', subscriber([{ network: 'default', run: `wget -q -O /dev/null ${barrier.url}/child` }])),
    ]);

    const run = await tako.run(runSource);
    expect(outcome(await run.ended())).toMatchObject({ phase: 'Succeeded' });
    await tako.wait('the child to be there', () => barrier.visitors[0]);
    barrier.open();

    const [child] = run.children();
    expect(outcome(await child!.ended())).toMatchObject({ phase: 'Succeeded' });
    await run.until('count the child', ({ status }) => status?.childrenSummary?.completed === 1);
    expect(outcome(run.now())).toMatchObject({ phase: 'Succeeded' });
  });

  test('given it waits and a child fails, then the run fails, its on_failure scripts run and later steps do not', async ({
    tako,
  }) => {
    await Promise.all([
      source(tako, [
        { ...announce(), on_failure: ['echo cleaning up'] },
        { id: 'after', run: 'echo not here' },
      ]),
      tako.repository('child', subscriber([{ id: 'check', run: 'exit 5' }])),
    ]);

    const run = await tako.run(runSource);
    const ended = await run.ended();

    expect(outcome(ended)).toMatchObject({ phase: 'Failed', errorType: 'workflow_failed', reason: 'ChildrenFailed' });
    expect(ended.status?.message).toContain('exit code 5');
    expect(ended.status?.childrenSummary).toMatchObject({ total: 1, failed: 1 });
    expect(ended.status?.detailedErrors).toEqual([
      expect.objectContaining({ repository: 'acme/child', errorType: 'workflow_failed' }),
    ]);
    expect(await run.log()).toBe('cleaning up\n');
  });

  test('given its time limit passes, then the run says that the time was over', async ({ tako }) => {
    await Promise.all([
      source(tako, [announce({ timeout: '12s' })]),
      tako.repository('child', subscriber(['sleep 600'])),
    ]);

    const run = await tako.run(runSource);
    const ended = await run.ended();

    expect(ended.status?.phase).toBe('Failed');
    expect(outcome(ended)).toMatchObject({ errorType: 'timeout', reason: 'FanOutTimedOut' });
    const event = run.descendants().find(below => below.now().spec.event !== undefined);
    expect(event?.now().status).toMatchObject({ phase: 'TimedOut', timeoutExceeded: true });
  });

  test('given a child of a child fails, then the root knows it by its tree', async ({ tako }) => {
    await Promise.all([
      source(tako, [announce()]),
      tako.repository('middle', subscriber([{ id: 'next', uses: 'tako/fan-out@v1', with: { event_type: 'tested' } }])),
      tako.repository('leaf', {
        workflows: { main: { steps: [{ id: 'check', run: 'exit 6' }] } },
        subscriptions: [{ artifact: 'acme/middle:default', events: ['tested'], workflow: 'main' }],
      }),
    ]);

    const run = await tako.run(runSource);
    const ended = await run.ended();

    expect(outcome(ended)).toMatchObject({ phase: 'Failed', errorType: 'workflow_failed', reason: 'ChildrenFailed' });
    expect(ended.status?.treeSummary).toMatchObject({ total: 2, failed: 2, depth: 2 });
    expect(ended.status?.detailedErrors).toEqual([
      expect.objectContaining({ repository: 'acme/leaf', errorType: 'workflow_failed' }),
    ]);
    expect(ended.status?.message).toContain('exit code 6');
  });
});
