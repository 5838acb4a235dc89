import { describe, expect, test } from 'vitest';
import { type TakoRun, takoRuns } from '../../../src/api/resources.ts';
import type { Live } from '../../../src/kube/objects.ts';
import { createWorld } from '../run/world.ts';
import { createPlayedWorld, type PlayedWorld } from './fixture.ts';

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
    expect(ended.status?.conditions?.find(({ type }) => type === 'LargeTree')?.message).toBe(
      'the tree has 2 runs of at most 2 (TAKO_TREE_BUDGET)',
    );
    expect(ended.status?.conditions?.map(({ type, status }) => `${type}=${status}`).sort()).toEqual([
      'LargeTree=True',
      'Ready=True',
      'Reconciling=False',
      'Stalled=False',
    ]);
  });
});

describe('the depth of a tree', () => {
  /** Repositories r0, r1 and so on; each listens to the one before it, and all but the last say so in turn. */
  async function chain(length: number): Promise<PlayedWorld> {
    const world = await createPlayedWorld();
    const names = Array.from({ length }, (_, index) => `r${index}`);
    for (const [index, name] of names.entries()) {
      const isLast = index === length - 1;
      const step = isLast ? './deploy.sh' : '{id: emit, uses: tako/fan-out@v1, with: {event_type: built}}';
      const listens =
        index === 0 ? '' : `subscriptions: [{artifact: "acme/r${index - 1}:default", events: [built], workflow: go}]\n`;
      const file = `version: 0.1.0\nworkflows: {go: {steps: [${step}]}}\n${listens}`;
      await world.repository(name, file, { spec: { runTemplate: world.plays(isLast ? 'succeed' : 'agent') } });
    }
    for (const name of names) await world.ready(name);
    return world;
  }
  const start = { workflow: { repositoryRef: { name: 'r0' }, name: 'go' } };

  async function fanOuts({ client, namespace }: PlayedWorld): Promise<Live<TakoRun>[]> {
    const { items } = await client.list(takoRuns, { namespace });
    const found = items.filter(({ spec }) => spec.event !== undefined);
    return found.sort((one, other) => (one.spec.parent?.depth ?? 0) - (other.spec.parent?.depth ?? 0));
  }

  test('given ten levels, then it succeeds, with warnings from the seventh on', async () => {
    const world = await chain(11);
    const run = await world.run(start);
    const { status } = await world.phase(run, 'Succeeded');
    expect(status?.treeSummary).toMatchObject({ total: 10, completed: 10, depth: 10 });
    const ofRoot = status?.conditions?.find(({ type }) => type === 'DeepTree');
    expect(ofRoot).toMatchObject({ status: 'True', message: 'the tree has 10 levels of at most 10' });
    const events = await fanOuts(world);
    const warned = events.map(({ status: of }) => of?.conditions?.find(({ type }) => type === 'DeepTree'));
    expect(warned.map(condition => condition?.status)).toEqual([
      ...Array.from({ length: 6 }, () => undefined),
      ...Array.from({ length: 4 }, () => 'True'),
    ]);
    expect(warned[6]?.message).toMatch(/^level 7 of at most 10: acme\/r0 go -> acme\/r1 go -> .* -> acme\/r6 go$/);
    await world.event(events[6]!, 'DeepTree', 'level 7 of at most 10');
    expect((await world.eventsOf(events[5]!)).map(({ reason }) => reason)).not.toContain('DeepTree');
  });

  test('given eleven levels, then the last is refused with the path, and its run is not created', async () => {
    const world = await chain(12);
    const run = await world.run(start);
    const { status } = await world.phase(run, 'Failed');
    expect(status?.treeSummary).toMatchObject({ total: 10, failed: 10, depth: 10 });
    const { items } = await world.client.list(takoRuns, { namespace: world.namespace });
    const last = items.find(({ spec }) => spec.workflow?.repositoryRef.name === 'r10');
    expect(last?.status).toMatchObject({
      phase: 'Failed',
      message: expect.stringMatching(
        /at most 10 levels, and this would be level 11: acme\/r0 go -> .* -> acme\/r10 go/,
      ),
    });
    expect(last?.status?.conditions?.find(({ type }) => type === 'Ready')?.reason).toBe('DepthExceeded');
    expect(items.filter(({ spec }) => spec.workflow?.repositoryRef.name === 'r11')).toEqual([]);
    expect(await fanOuts(world)).toHaveLength(10);
  });
});
