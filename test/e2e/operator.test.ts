import { describe, expect } from 'vitest';
import { announce, built, runSource, source, subscriber, subscribers } from './fixture/fan-out.ts';
import { type OperatorHandle, operatorHandle } from './fixture/operator.ts';
import { agentRuns, mostPodsAtOnce } from './fixture/pods.ts';
import { outcome, type RunHandle } from './fixture/run-handle.ts';
import { test as base } from './fixture/tako.ts';

/** These tests disturb the operator, so they run one after the other, and each leaves one replica that is ready. */
const test = base.extend<{ operator: OperatorHandle }>({
  operator: async ({ world }, use) => {
    const operator = operatorHandle(world);
    await use(operator);
    await operator.scale(1);
  },
});

/** How long a new leader may take when the old one could not give its Lease back: that lasts 15 s. Milliseconds. */
const TAKEOVER_MS = 30_000;
const TREE_MS = 120_000;

/** Nothing was run twice: every run that is there had one Pod, and no Pod was anybody else's. */
function expectOnePodEach(runs: readonly RunHandle[]): void {
  const uids = runs.map(run => run.podUids());
  expect(uids.filter(list => list.length !== 1)).toEqual([]);
  expect(new Set(uids.flat()).size).toBe(runs.length);
}

async function firstSuccess(run: RunHandle): Promise<RunHandle> {
  return await run
    .until(
      'have a child that succeeded',
      () => run.children().some(child => child.now().status?.phase === 'Succeeded'),
      TREE_MS,
    )
    .then(() => run.children()[0]!);
}

describe('an operator that is killed', () => {
  test('given the middle of a fan-out, then no run is lost and none runs twice', async ({ tako, operator }) => {
    await Promise.all([
      source(tako, ['true', announce({ concurrency_limit: 4 })]),
      subscribers(tako, 12, subscriber(['sleep 1'])),
    ]);
    const run = await tako.run(runSource);
    await firstSuccess(run);

    const [pod] = await operator.pods();
    await operator.kill(pod!);
    const ended = await run.ended(TREE_MS);

    expect(outcome(ended)).toMatchObject({ phase: 'Succeeded' });
    expect(ended.status).toMatchObject({ children: '12/12', childrenSummary: { total: 12, completed: 12 } });
    const [same] = await operator.pods();
    expect(same?.metadata.uid).toBe(pod?.metadata.uid);
    expect(same?.status?.containerStatuses?.[0]?.restartCount).toBeGreaterThan(
      pod?.status?.containerStatuses?.[0]?.restartCount ?? 0,
    );
    expectOnePodEach([run, ...run.children()]);
    expect(mostPodsAtOnce(tako.world.pods, run.children())).toBeLessThanOrEqual(4);
    await Promise.all([run, ...run.children()].map(one => one.podsReleased()));
  });

  test('given the first child of 20 was just created, then all of them run, once', async ({ tako, operator }) => {
    await Promise.all([source(tako), subscribers(tako, 20, subscriber(['true']))]);
    const [pod] = await operator.pods();
    const event = await tako.run({ event: built() });
    await event.until('have a child', () => event.children().length > 0);

    await operator.forceDelete(pod!);
    const ended = await event.ended(TREE_MS);

    expect(outcome(ended)).toMatchObject({ phase: 'Succeeded' });
    expect(ended.status?.childrenSummary).toMatchObject({ total: 20, completed: 20 });
    expect(event.children()).toHaveLength(20);
    expectOnePodEach(event.children());
    expect((await operator.pods()).map(({ metadata }) => metadata.uid)).not.toContain(pod?.metadata.uid);
  });

  test('given two replicas, then another process leads soon and nothing runs twice', async ({ tako, operator }) => {
    await operator.scale(2);
    await Promise.all([source(tako), subscribers(tako, 6, subscriber(['sleep 1']))]);
    const before = await operator.leader();
    const leader = (await operator.pods()).find(({ metadata }) => before?.startsWith(`${metadata.name}_`));
    const event = await tako.run({ event: built(), concurrencyLimit: 2 });
    await firstSuccess(event);

    await operator.kill(leader!);
    const after = await tako.wait(
      'another leader',
      async () => {
        const now = await operator.leader();
        return now === before ? undefined : now;
      },
      TAKEOVER_MS,
    );
    const ended = await event.ended(TREE_MS);

    expect(after).toMatch(/^tako-operator-/);
    expect(outcome(ended)).toMatchObject({ phase: 'Succeeded' });
    expect(ended.status?.childrenSummary).toMatchObject({ total: 6, completed: 6 });
    expectOnePodEach(event.children());
    expect(mostPodsAtOnce(tako.world.pods, event.children())).toBeLessThanOrEqual(2);
  });
});

describe('an operator that is away for a while', () => {
  test('given a Pod that is deleted by force once its agent is through, then its result is not lost', async ({
    tako,
    operator,
  }) => {
    const barrier = await tako.barrier(2);
    const run = await tako.steps([
      {
        id: 'work',
        run: `wget -q -O /dev/null ${barrier.url}; echo done`,
        produces: { outputs: { text: 'from_stdout' } },
      },
    ]);
    await tako.wait('the step to be there', () => barrier.visitors[0], 60_000);
    await run.phase('Running');
    await operator.scale(0);
    barrier.open();
    const pod = await run.pod('have an agent that is through', found => !agentRuns(found), 60_000);
    expect(run.now().status?.phase).toBe('Running');

    await tako.kubectl('delete', 'pod', pod.metadata.name, '--force', '--grace-period=0', '--wait=false');
    await run.pod('be deleted', found => found.metadata.deletionTimestamp !== undefined);
    await operator.scale(1);

    const ended = await run.ended(60_000);
    expect(outcome(ended)).toMatchObject({ phase: 'Succeeded' });
    expect(ended.status?.outputs).toEqual({ 'work.text': 'done' });
    await run.noPod();
    expect(run.podUids()).toHaveLength(1);
  });

  test('given agents that want to deliver results and events, then they wait for the gateway', async ({
    tako,
    operator,
  }) => {
    const barrier = await tako.barrier(3);
    const wait = `wget -q -O /dev/null ${barrier.url}/wait`;
    const large = {
      run: `${wait}; head -c 20000 /dev/zero | tr "\\0" x`,
      produces: { outputs: { text: 'from_stdout' } },
    };
    await Promise.all([
      source(tako, [wait, { ...announce(), id: 'announce' }]),
      tako.repository('child', subscriber(['true'])),
    ]);
    const runs = [await tako.steps([{ id: 'large', ...large }]), await tako.run(runSource, 'source')];
    await tako.wait('both steps to be there', () => barrier.visitors[1], 60_000);
    await Promise.all(runs.map(run => run.phase('Running')));
    await operator.scale(0);

    barrier.open();
    await tako.wait(
      'the step to be through',
      async () => ((await runs[0]!.log()).length === 20_000 ? true : undefined),
      30_000,
    );
    expect(runs.every(run => run.pods().every(agentRuns))).toBe(true);
    await operator.scale(1);

    const [first, second] = await Promise.all(runs.map(run => run.ended(60_000)));
    expect(outcome(first!)).toMatchObject({ phase: 'Succeeded' });
    expect(first?.status?.resultRef).toBeDefined();
    expect(outcome(second!)).toMatchObject({ phase: 'Succeeded' });
    expect(second?.status?.childrenSummary).toMatchObject({ total: 1, completed: 1 });
  });

  test('given a run that waits for its children, then it goes on where it was', async ({ tako, operator }) => {
    const barrier = await tako.barrier(2);
    await Promise.all([
      source(tako, [announce()]),
      tako.repository('child', subscriber([`wget -q -O /dev/null ${barrier.url}`])),
    ]);
    const run = await tako.run(runSource);
    await run.phase('Waiting');
    await tako.wait('the child to be there', () => barrier.visitors[0], 60_000);

    await operator.scale(0);
    await operator.scale(1);
    expect(run.now().status?.phase).toBe('Waiting');
    barrier.open();

    expect(outcome(await run.ended(60_000))).toMatchObject({ phase: 'Succeeded' });
    expectOnePodEach([run, ...run.children()]);
  });
});
