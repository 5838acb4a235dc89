import { describe, expect, test } from 'vitest';
import { createWorld } from '../run/world.ts';

const LIBRARY = `version: 0.1.0
artifacts: {core: {path: .}}
workflows: {release: {steps: [./build.sh]}}
`;
const subscriber = `version: 0.1.0
workflows: {ci: {steps: [./test.sh]}}
subscriptions: [{artifact: "acme/core-lib:core", events: [library_built], workflow: ci}]
`;
const event = { type: 'library_built', source: 'acme/core-lib:core' };

describe('the budget of a tree', () => {
  test('given an event that would add too many runs, then it fails with the counts, and no child is created', async () => {
    const world = await createWorld({ settings: { TAKO_TREE_BUDGET: '2' } });
    await world.repository('core-lib', LIBRARY);
    for (const name of ['app-a', 'app-b', 'app-c']) await world.repository(name, subscriber);
    for (const name of ['core-lib', 'app-a', 'app-b', 'app-c']) await world.ready(name);
    const run = await world.run({ event });
    const { status } = await world.phase(run, 'Failed');
    expect(status).toMatchObject({
      errorType: 'execution_failed',
      message: expect.stringContaining('has 0 runs, and this event would add 3: a tree has at most 2'),
    });
    await world.event(run, 'TreeBudgetExceeded');
    expect(await world.children(run)).toEqual([]);
  });

  test('given a tree that fills four fifths of its budget, then it runs, with a warning as condition and event', async () => {
    const world = await createWorld({ settings: { TAKO_TREE_BUDGET: '2' } });
    await world.repository('core-lib', LIBRARY);
    for (const name of ['app-a', 'app-b']) await world.repository(name, subscriber);
    for (const name of ['core-lib', 'app-a', 'app-b']) await world.ready(name);
    const run = await world.run({ event });
    const waiting = await world.phase(run, 'Waiting');
    const warning = { type: 'LargeTree', status: 'True', message: expect.stringContaining('2 runs of at most 2') };
    expect(waiting.status?.conditions).toContainEqual(expect.objectContaining(warning));
    await world.event(run, 'LargeTree', '2 runs of at most 2');
    for (const child of await world.children(run)) await world.kubelet.finish(await world.pod(child), {});
    const ended = await world.phase(run, 'Succeeded');
    expect(ended.status?.conditions?.map(({ type, status }) => `${type}=${status}`).sort()).toEqual([
      'LargeTree=True',
      'Ready=True',
      'Reconciling=False',
      'Stalled=False',
    ]);
  });
});
