import { describe, expect, test } from 'vitest';
import { ANNOTATIONS } from '../../../src/api/meta.ts';
import { takoRuns } from '../../../src/api/resources.ts';
import type { LiveRun } from '../../../src/controllers/run/observed.ts';
import { controllerOf } from '../../../src/kube/objects.ts';
import { until } from '../../fixtures/until.ts';
import { startTestOperator } from '../test-operator.ts';
import { createPlayedWorld, type PlayedWorld } from './fixture.ts';

/** A repository that passes on what it is told: acme/core-lib to the libraries, each library to its own apps. */
const relay = (listensTo: string | undefined, more = '') => `version: 0.1.0
workflows:
  relay:
    steps:
      - {id: emit, uses: tako/fan-out@v1, with: {event_type: built}}
${more}${subscription(listensTo, 'relay')}`;
const app = (listensTo: string) => `version: 0.1.0
workflows: {ci: {steps: ["./test.sh"]}}
${subscription(listensTo, 'ci')}`;
const subscription = (to: string | undefined, workflow: string) =>
  to === undefined
    ? ''
    : `subscriptions:\n  - {artifact: "acme/${to}:default", events: [built], workflow: ${workflow}}\n`;

const workflow = { repositoryRef: { name: 'core-lib' }, name: 'relay' };

/** core-lib, two libraries with two apps each; the apps named fail. */
async function treeOf(...failing: string[]): Promise<PlayedWorld> {
  const world = await createPlayedWorld();
  const agent = { spec: { runTemplate: world.plays('agent') } };
  await world.repository('core-lib', relay(undefined), agent);
  for (const library of ['lib-a', 'lib-b']) {
    await world.repository(library, relay('core-lib'), agent);
    for (const name of ['one', 'two'].map(number => `${library}-${number}`)) {
      const outcome = failing.includes(name) ? 'fail' : 'succeed';
      await world.repository(name, app(library), { spec: { runTemplate: world.plays(outcome) } });
    }
  }
  for (const library of ['lib-a', 'lib-b'])
    for (const name of [library, `${library}-one`, `${library}-two`]) await world.ready(name);
  await world.ready('core-lib');
  return world;
}

async function annotate(world: PlayedWorld, run: LiveRun, retryAt: string, only?: string): Promise<void> {
  const annotations = { [ANNOTATIONS.retryAt]: retryAt, [ANNOTATIONS.retryOnly]: only ?? null };
  await world.client.mergePatch(takoRuns, { namespace: world.namespace, name: run.metadata.name }, {
    metadata: { annotations },
  } as never);
}

/** Waits until a run says what became of this request. */
async function answered(world: PlayedWorld, run: LiveRun, retryAt: string): Promise<LiveRun> {
  let found = run;
  await until(`run ${run.metadata.name} to answer ${retryAt}`, async () => {
    found = await world.get(run);
    return found.status?.retry?.requestedAt === retryAt;
  });
  return found;
}

/** The workflow runs of the namespace by repository. */
async function runs(world: PlayedWorld): Promise<Record<string, LiveRun>> {
  const { items } = await world.client.list(takoRuns, { namespace: world.namespace });
  return Object.fromEntries(
    items.flatMap(item => (item.spec.workflow === undefined ? [] : [[item.spec.workflow.repositoryRef.name, item]])),
  );
}

/** UIDs of the Pods that the runs have had, by repository. */
async function podsByRun(world: PlayedWorld): Promise<Record<string, string[]>> {
  const found = Object.entries(await runs(world));
  return Object.fromEntries(found.map(([name, { status }]) => [name, (status?.attempts ?? []).map(one => one.podUID)]));
}

describe('the retry of a finished tree', () => {
  test('given a branch that failed, when its repository is put right, then it alone runs again, and the tree succeeds', async () => {
    const world = await treeOf('lib-b-two');
    const root = await world.run({ workflow });
    const failed = await world.phase(root, 'Failed');
    const { 'lib-b-two': leaf } = await runs(world);
    expect(failed.status).toMatchObject({
      treeSummary: { total: 6, completed: 4, failed: 2, depth: 2 },
      detailedErrors: [{ repository: 'acme/lib-b-two', run: leaf?.metadata.name, errorType: 'workflow_failed' }],
    });
    expect(failed.status?.detailedErrors).toHaveLength(1);
    const before = await podsByRun(world);

    await world.replay('lib-b-two', 'succeed');
    const at = new Date().toISOString();
    await annotate(world, failed, at);
    await answered(world, failed, at);
    const again = await world.phase(root, 'Succeeded');

    expect(again.status).toMatchObject({
      childrenSummary: { total: 2, completed: 2, failed: 0 },
      treeSummary: { total: 6, completed: 6, failed: 0, running: 0, pending: 0 },
      retry: { requestedAt: at, count: 1 },
    });
    expect(again.status?.detailedErrors).toBeUndefined();
    expect(again.status?.errorType).toBeUndefined();
    const after = await podsByRun(world);
    expect(after).toEqual({ ...before, 'lib-b-two': [...before['lib-b-two']!, expect.any(String)] });
    expect((await world.event(root, 'Retrying')).type).toBe('Normal');

    // The same value again is the same request: nothing happens.
    await annotate(world, again, at);
    await annotate(world, again, 'soon');
    const refused = await answered(world, again, 'soon');
    expect(refused.status).toMatchObject({ phase: 'Succeeded', retry: { count: 1 } });
    expect((await world.event(root, 'RetryRefused')).note).toContain('RFC 3339');
    expect(await podsByRun(world)).toEqual(after);
    for (const pod of await world.pods()) expect(controllerOf(pod)?.kind).toBe('TakoRun');
  });

  test('given two failed branches of which one is chosen, then that one runs again, and the other stays as it is', async () => {
    const world = await treeOf('lib-a-one', 'lib-b-two');
    const root = await world.run({ workflow });
    const failed = await world.phase(root, 'Failed');
    expect(failed.status?.detailedErrors).toHaveLength(2);
    const before = await podsByRun(world);
    for (const name of ['lib-a-one', 'lib-b-two']) await world.replay(name, 'succeed');

    await annotate(world, failed, '2026-01-01T00:00:00Z', 'acme/lib-a-one,acme/nobody');
    const refused = await answered(world, failed, '2026-01-01T00:00:00Z');
    expect(refused.status).toMatchObject({ phase: 'Failed', retry: { count: 0 } });
    expect(refused.status?.retry?.message).toContain('acme/nobody');
    expect(await podsByRun(world)).toEqual(before);

    await annotate(world, failed, '2026-01-01T00:00:01Z', 'acme/lib-a-one');
    await answered(world, failed, '2026-01-01T00:00:01Z');
    const again = await world.phase(root, 'Failed');
    expect(again.status).toMatchObject({ treeSummary: { total: 6, completed: 4, failed: 2 } });
    expect(again.status?.detailedErrors).toMatchObject([{ repository: 'acme/lib-b-two' }]);
    expect(await podsByRun(world)).toEqual({ ...before, 'lib-a-one': [...before['lib-a-one']!, expect.any(String)] });

    // The rest, with a command for the whole tree.
    await annotate(world, again, '2026-01-01T00:00:02Z');
    await answered(world, again, '2026-01-01T00:00:02Z');
    const whole = await world.phase(root, 'Succeeded');
    expect(whole.status).toMatchObject({ treeSummary: { total: 6, completed: 6 }, retry: { count: 2 } });
  });

  test('given a branch that is annotated itself, then it is refused, and the root is named', async () => {
    const world = await treeOf('lib-b-two');
    const root = await world.run({ workflow });
    await world.phase(root, 'Failed');
    const { 'lib-b-two': leaf } = await runs(world);
    await annotate(world, leaf!, '2026-01-01T00:00:00Z');
    const refused = await answered(world, leaf!, '2026-01-01T00:00:00Z');
    expect(refused.status?.phase).toBe('Failed');
    expect(refused.status?.retry?.message).toContain(root.metadata.name);
  });

  test('given an operator that is killed in the middle of the retry, then the next one goes on, and nothing runs twice', async () => {
    const world = await treeOf('lib-a-one', 'lib-b-two');
    const root = await world.run({ workflow });
    const failed = await world.phase(root, 'Failed');
    const before = await podsByRun(world);
    for (const name of ['lib-a-one', 'lib-b-two']) await world.replay(name, 'succeed');

    await annotate(world, failed, '2026-01-01T00:00:00Z');
    await answered(world, failed, '2026-01-01T00:00:00Z');
    await world.operator.kill();
    world.operator = await startTestOperator({ namespace: world.namespace });

    const again = await world.phase(root, 'Succeeded');
    expect(again.status).toMatchObject({ treeSummary: { total: 6, completed: 6 }, retry: { count: 1 } });
    expect(await podsByRun(world)).toEqual({
      ...before,
      'lib-a-one': [...before['lib-a-one']!, expect.any(String)],
      'lib-b-two': [...before['lib-b-two']!, expect.any(String)],
    });
  });
});

describe('the retry of a run that waits for a fan-out in the middle', () => {
  const inTheMiddle = relay(undefined, '      - {id: done, uses: tako/fan-out@v1, with: {event_type: finished}}\n');

  async function worldOf(file: string): Promise<PlayedWorld> {
    const world = await createPlayedWorld();
    await world.repository('core-lib', file, { spec: { runTemplate: world.plays('agent') } });
    for (const [name, outcome] of [
      ['app-one', 'succeed'],
      ['app-two', 'fail'],
    ] as const)
      await world.repository(name, app('core-lib'), { spec: { runTemplate: world.plays(outcome) } });
    for (const name of ['core-lib', 'app-one', 'app-two']) await world.ready(name);
    return world;
  }

  test('given a child that failed, then the run is repeated, finds the same fan-out, and that is repeated where it failed', async () => {
    const world = await worldOf(inTheMiddle);
    const root = await world.run({ workflow });
    const failed = await world.phase(root, 'Failed');
    expect(failed.status).toMatchObject({
      steps: [
        { id: 'emit', phase: 'Failed' },
        { id: 'done', phase: 'Skipped' },
      ],
      detailedErrors: [{ repository: 'acme/app-two' }],
    });
    const before = await podsByRun(world);
    await world.replay('app-two', 'succeed');

    await annotate(world, failed, '2026-01-01T00:00:00Z');
    await answered(world, failed, '2026-01-01T00:00:00Z');
    const again = await world.phase(root, 'Succeeded');

    expect(again.status).toMatchObject({
      attempts: [{ number: 1, reason: 'ChildrenFailed' }, { number: 2 }],
      treeSummary: { total: 2, completed: 2 },
      steps: [
        { id: 'emit', phase: 'Succeeded' },
        { id: 'done', phase: 'Succeeded' },
      ],
    });
    expect(await podsByRun(world)).toEqual({
      'core-lib': again.status?.attempts?.map(({ podUID }) => podUID),
      'app-one': before['app-one'],
      'app-two': [...before['app-two']!, expect.any(String)],
    });
  });

  test('given a new commit that sends another event, then the old fan-out is canceled, and its successor alone counts', async () => {
    const world = await worldOf(inTheMiddle);
    const root = await world.run({ workflow });
    const failed = await world.phase(root, 'Failed');
    const [old] = await world.children(failed);
    await world.replay('app-two', 'succeed');
    await world.push('core-lib', inTheMiddle.replace('event_type: built', 'event_type: built, payload: {fixed: true}'));

    await annotate(world, failed, '2026-01-01T00:00:00Z');
    await answered(world, failed, '2026-01-01T00:00:00Z');
    const again = await world.phase(root, 'Succeeded');

    expect(again.status).toMatchObject({ treeSummary: { total: 2, completed: 2 } });
    expect(again.status?.revision).not.toBe(failed.status?.revision);
    expect(again.status?.detailedErrors).toBeUndefined();
    const sent = (await world.children(root)).filter(({ spec }) => spec.parent?.step === 'emit');
    expect(sent.map(({ spec }) => spec.event?.payload ?? {})).toEqual(expect.arrayContaining([{}, { fixed: true }]));
    expect(sent).toHaveLength(2);
    // It had ended already, so that nothing of it had to be canceled, and nothing of it was repeated.
    const before = await world.get(old!);
    expect(before.status).toMatchObject({ phase: 'Failed', childrenSummary: { completed: 1, failed: 1 } });
    expect(before.status?.retry).toBeUndefined();
  });

  test('given a fan-out that nobody waited for, then the run stays Succeeded, and what failed below it is repeated', async () => {
    const world = await worldOf(
      inTheMiddle.replace('event_type: built', 'event_type: built, wait_for_children: false'),
    );
    const root = await world.run({ workflow });
    const ended = await world.phase(root, 'Succeeded');
    const numbers = async () => (await world.get(root)).status?.treeSummary;
    await until('both children to have ended', async () => {
      const tree = await numbers();
      return tree?.completed === 1 && tree.failed === 1;
    });
    await world.replay('app-two', 'succeed');

    await annotate(world, ended, '2026-01-01T00:00:00Z');
    const retried = await answered(world, ended, '2026-01-01T00:00:00Z');
    expect(retried.status).toMatchObject({ phase: 'Succeeded', completionTime: ended.status?.completionTime });
    await until('both children to have succeeded', async () => (await numbers())?.completed === 2);
    expect((await world.get(root)).status?.detailedErrors).toBeUndefined();
    const pods = await podsByRun(world);
    expect(
      Object.entries(pods)
        .map(([name, uids]) => [name, uids.length])
        .sort(),
    ).toEqual([
      ['app-one', 1],
      ['app-two', 2],
      ['core-lib', 1],
    ]);
  });
});
