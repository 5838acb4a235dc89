import { describe, expect } from 'vitest';
import { expectOnePodEach, test } from '../fixture/disturbed.ts';
import { announce, runSource, source, subscriber } from '../fixture/fan-out.ts';
import { agentRuns } from '../fixture/pods.ts';
import { outcome } from '../fixture/run-handle.ts';

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
