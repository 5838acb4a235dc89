import { describe, expect, test } from 'vitest';
import { until } from '../../fixtures/until.ts';
import { createPlayedWorld } from './fixture.ts';
import { built, main, members, reasonOf, watchRuns } from './trees.ts';

const LONG = { everyMs: 20 };

describe('suspend', () => {
  test('given a root that is suspended while children wait, then what runs ends, nothing starts, no child is written, and all go on afterwards', async () => {
    const world = await createPlayedWorld();
    await members(world, {
      lib: {},
      app: { hears: 'lib built', times: 4, options: { runFor: '6s' } },
      other: {},
    });
    const runs = await watchRuns(world);
    const root = await world.run({ ...built('lib'), concurrencyLimit: 1 });
    const queued = () => runs.all().filter(({ status }) => status?.phase === 'Queued');
    await until('three in the queue', () => queued().length === 3, LONG);
    const before = queued().map(({ metadata }) => metadata.resourceVersion);
    await world.change(root, { suspend: true });
    await world.reason(root, 'Suspended');
    await until('the first to end', () => runs.all().some(({ status }) => status?.phase === 'Succeeded'), LONG);
    // What comes later has its turn, so those above had theirs.
    await world.phase(await world.run(main('other')), 'Succeeded');
    expect(queued().map(({ metadata }) => metadata.resourceVersion)).toEqual(before);
    expect(await world.pods()).toHaveLength(2);
    await world.change(root, { suspend: false });
    await world.phase(root, 'Succeeded');
  });

  test('given a tree that grows while its root is suspended, then what is new waits and says for whom', async () => {
    const world = await createPlayedWorld();
    await members(world, {
      root: { emits: ['built'] },
      middle: { emits: ['opened', 'tested'], hears: 'root built' },
      gate: { hears: 'middle opened', options: { runFor: '10s' } },
      leaf: { hears: 'middle tested', times: 2 },
    });
    const runs = await watchRuns(world);
    const root = await world.run(main('root'));
    const named = (name: string) => runs.all().filter(({ spec }) => spec.workflow?.repositoryRef.name === name);
    await until('the gate to run', () => named('gate')[0]?.status?.phase === 'Running', LONG);
    await world.change(root, { suspend: true });
    await until('two leaves', () => named('leaf').filter(run => reasonOf(run) === 'Suspended').length === 2, LONG);
    for (const { status } of named('leaf')) {
      expect(status).toMatchObject({
        phase: 'Queued',
        message: expect.stringContaining(`queued while ${world.namespace}/${root.metadata.name} is suspended`),
      });
    }
    expect(await world.reason(root, 'Suspended')).toMatchObject({ status: { phase: 'Waiting' } });
    await world.change(root, { suspend: false });
    await world.phase(root, 'Succeeded');
  });
});
