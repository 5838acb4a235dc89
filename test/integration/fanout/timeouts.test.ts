import { describe, expect, test } from 'vitest';
import { until } from '../../fixtures/until.ts';
import { createPlayedWorld } from './fixture.ts';
import { built, main, members, reasonOf, watchRuns } from './trees.ts';

const LONG = { everyMs: 20 };

describe('time limits of a tree', () => {
  test('given a queueTimeout, then children that wait longer have timed out without a Pod, and the parent counts them', async () => {
    const world = await createPlayedWorld();
    await members(world, { lib: {}, app: { hears: 'lib built', times: 3, options: { runFor: '6s' } } });
    const runs = await watchRuns(world);
    const run = await world.run({ ...built('lib'), concurrencyLimit: 1, queueTimeout: '2s' });
    const { status } = await world.phase(run, 'Failed');
    expect(status).toMatchObject({
      childrenSummary: { total: 3, completed: 1, timedOut: 2 },
      detailedErrors: [{ errorType: 'timeout' }, { errorType: 'timeout' }],
    });
    const late = runs.all().filter(one => reasonOf(one) === 'QueueTimeout');
    expect(late).toHaveLength(2);
    for (const one of late) {
      expect(one.status).toMatchObject({
        phase: 'TimedOut',
        errorType: 'timeout',
        timeoutExceeded: true,
        message: expect.stringContaining('it waited 2s for its turn (spec.queueTimeout): '),
      });
      expect(await world.pods(one)).toEqual([]);
      await world.event(one, 'QueueTimeout', 'the fan-out runs 1 of its children at once');
    }
  });

  test('given limits at the root of a workflow, then every run below has them, and none a later deadline', async () => {
    const world = await createPlayedWorld();
    await members(world, {
      root: { emits: ['built'] },
      middle: { emits: ['tested'], hears: 'root built' },
      leaf: { hears: 'middle tested' },
    });
    const runs = await watchRuns(world);
    const limits = { timeout: '10m', childTimeout: '5m', queueTimeout: '3m' };
    const root = await world.run({ ...main('root'), ...limits });
    await world.phase(root, 'Succeeded');
    const deadline = Date.parse(root.metadata.creationTimestamp!) + 600_000;
    const below = runs.all().filter(({ spec }) => spec.parent !== undefined);
    expect(below).toHaveLength(4);
    for (const { spec } of below) {
      expect(spec).toMatchObject({ childTimeout: '5m', queueTimeout: '3m' });
      expect(Date.parse(spec.parent!.deadline!)).toBeLessThanOrEqual(deadline);
      // Cut to what is left of the time of the run above.
      if (spec.workflow !== undefined) expect(spec.timeout).toMatch(/^(5m|4m5[0-9](\.[0-9]+)?s)$/);
    }
  });

  test('given a root that waits for its turn until its time is over, then it has timed out without a Pod', async () => {
    const world = await createPlayedWorld();
    await members(world, { app: { plays: 'hang', concurrencyLimit: 1 } });
    const first = await world.run(main('app'));
    await world.phase(first, 'Running');
    const second = await world.run({ ...main('app'), timeout: '8s' });
    await world.phase(second, 'Queued');
    const { status } = await world.phase(second, 'TimedOut');
    expect(status).toMatchObject({ errorType: 'timeout', timeoutExceeded: true });
    expect(await world.pods(second)).toEqual([]);
  });

  test('given a child whose own time is over, then it has timed out, its parent has failed, and the root was waited for by neither', async () => {
    const world = await createPlayedWorld();
    await members(world, {
      root: { emits: ['built'] },
      slow: { hears: 'root built', plays: 'time-out' },
      fine: { hears: 'root built' },
    });
    const runs = await watchRuns(world);
    const root = await world.run(main('root'));
    const { status } = await world.phase(root, 'Failed');
    expect(status?.treeSummary).toMatchObject({ total: 2, completed: 1, timedOut: 1 });
    await until('all to have ended', () => runs.all().every(one => one.status?.completionTime !== undefined), LONG);
    expect(runs.early).toEqual([]);
  });
});
