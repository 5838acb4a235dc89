import { describe, expect, test } from 'vitest';
import { isTerminal } from '../../../src/api/takorun-status.ts';
import { pods } from '../../../src/kube/objects.ts';
import { until } from '../../fixtures/until.ts';
import { createPlayedWorld, type PlayedWorld } from './fixture.ts';
import { main, members, type RunHistory, watchRuns } from './trees.ts';

const LONG = { everyMs: 20 };

/** Three levels; of the leaves two may run at once, and those hang. */
async function tree(): Promise<{ world: PlayedWorld; runs: RunHistory }> {
  const world = await createPlayedWorld();
  await members(world, {
    root: { emits: ['built'] },
    middle: { emits: ['tested'], hears: 'root built', times: 2 },
    leaf: { hears: 'middle tested', times: 3, plays: 'hang', concurrencyLimit: 2 },
  });
  return { world, runs: await watchRuns(world) };
}

async function expectAllCanceled(world: PlayedWorld, runs: RunHistory): Promise<void> {
  await until('all runs to have ended', () => runs.all().every(({ status }) => isTerminal(status?.phase)), LONG);
  expect(runs.early).toEqual([]);
  const isOver = (phase?: string) => phase === 'Succeeded' || phase === 'Failed';
  await until('no Pod to run', async () => (await world.pods()).every(({ status }) => isOver(status?.phase)), LONG);
}

describe('a cancel', () => {
  test('given a root whose descendants run, wait and are queued, then all of them are Canceled, and no Pod runs', async () => {
    const { world, runs } = await tree();
    const root = await world.run(main('root'));
    const inPhase = (phase: string) => runs.all().filter(({ status }) => status?.phase === phase).length;
    await until('two leaves to run and four to wait', () => inPhase('Running') === 2 && inPhase('Queued') === 4, LONG);
    await world.change(root, { cancel: true });
    const { status } = await world.phase(root, 'Canceled');
    expect(status).toMatchObject({ errorType: 'canceled', treeSummary: { total: 8, canceled: 8 } });
    await expectAllCanceled(world, runs);
    expect(runs.all().map(run => run.status?.phase)).toEqual(Array.from({ length: 12 }, () => 'Canceled'));
  });

  test.each([1, 2, 3, 4, 5, 7, 9])(
    'given a tree that has %i runs when its root is canceled, then nothing outlives it',
    async count => {
      const { world, runs } = await tree();
      const root = await world.run(main('root'));
      await until(`${count} runs`, () => runs.all().length >= count, { ...LONG, everyMs: 1 });
      await world.change(root, { cancel: true });
      await world.phase(root, 'Canceled');
      await expectAllCanceled(world, runs);
      expect(runs.all().filter(({ status }) => status?.phase === 'Failed')).toEqual([]);
    },
  );

  test('given a run that keeps its Pod while it waits in the middle, then its children are canceled with it', async () => {
    const world = await createPlayedWorld();
    await members(world, {
      root: { emits: ['built', 'told'] },
      leaf: { hears: 'root built', times: 2, plays: 'hang' },
    });
    const runs = await watchRuns(world);
    const root = await world.run(main('root'));
    await until(
      'the children to run',
      () => runs.all().filter(({ status }) => status?.phase === 'Running').length === 3,
      LONG,
    );
    await world.change(root, { cancel: true });
    await world.phase(root, 'Canceled');
    await expectAllCanceled(world, runs);
  });

  test('given a child that is canceled by itself, then the others go on, and the parent counts it', async () => {
    const world = await createPlayedWorld();
    await members(world, {
      root: { emits: ['built'] },
      stuck: { hears: 'root built', plays: 'hang' },
      fine: { hears: 'root built' },
    });
    const runs = await watchRuns(world);
    const root = await world.run(main('root'));
    const stuck = () => runs.all().find(({ spec }) => spec.workflow?.repositoryRef.name === 'stuck');
    await until('the child to run', () => stuck()?.status?.phase === 'Running', LONG);
    await world.change(stuck()!, { cancel: true });
    const { status } = await world.phase(root, 'Failed');
    expect(status?.treeSummary).toMatchObject({ total: 2, completed: 1, canceled: 1 });
    expect(runs.early).toEqual([]);
  });

  test('given a run whose Pod crashes while children that it waits for run, then those are ended before it', async () => {
    const world = await createPlayedWorld();
    await members(world, { root: { emits: ['built', 'told'] }, leaf: { hears: 'root built', plays: 'hang' } });
    const runs = await watchRuns(world);
    const root = await world.run({ ...main('root'), retry: { limit: 0 } });
    const leaf = () => runs.all().find(({ spec }) => spec.workflow?.repositoryRef.name === 'leaf');
    await until('the child to run', () => leaf()?.status?.phase === 'Running', LONG);
    const pod = await world.pod(root);
    await world.client.delete(pods, {
      namespace: world.namespace,
      name: pod.metadata.name,
    });
    await world.phase(root, 'Failed');
    await until('the child to have ended', () => leaf()?.status?.phase === 'Canceled', LONG);
    expect(runs.early).toEqual([]);
  });
});
