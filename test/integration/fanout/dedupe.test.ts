import { describe, expect, onTestFinished, test } from 'vitest';
import { ANNOTATIONS } from '../../../src/api/meta.ts';
import { type TakoRun, takoRuns } from '../../../src/api/resources.ts';
import type { TakoRunSpec } from '../../../src/api/takorun.ts';
import { controllerOf, type Live } from '../../../src/kube/objects.ts';
import { until } from '../../fixtures/until.ts';
import { startTestOperator } from '../test-operator.ts';
import { createPlayedWorld, type PlayedWorld } from './fixture.ts';

interface Place {
  /** The repositories whose `built` it listens to. */
  readonly after?: readonly string[];
  /** Whether it sends `built` itself. */
  readonly emits?: boolean;
  readonly outcome?: Parameters<PlayedWorld['plays']>;
}

/** A repository that runs `go` for what it listens to, and then says so itself. */
function fileOf({ after = [], emits = false }: Place): string {
  const step = emits ? '{id: emit, uses: tako/fan-out@v1, with: {event_type: built}}' : './deploy.sh';
  const subscriptions = after.map(name => `  - {artifact: "acme/${name}:default", events: [built], workflow: go}`);
  return `version: 0.1.0
workflows: {go: {steps: [${step}]}}
${subscriptions.length === 0 ? '' : `subscriptions:\n${subscriptions.join('\n')}\n`}`;
}

async function worldOf(places: Readonly<Record<string, Place>>): Promise<PlayedWorld> {
  const world = await createPlayedWorld();
  for (const [name, place] of Object.entries(places)) {
    const play = place.outcome ?? [place.emits === true ? 'agent' : 'succeed'];
    await world.repository(name, fileOf(place), { spec: { runTemplate: world.plays(...play) } });
  }
  for (const name of Object.keys(places)) await world.ready(name);
  return world;
}

/** a -> b, c -> d. */
const DIAMOND: Readonly<Record<string, Place>> = {
  a: { emits: true },
  b: { after: ['a'], emits: true },
  c: { after: ['a'], emits: true },
  d: { after: ['b', 'c'] },
};
const start: TakoRunSpec = { workflow: { repositoryRef: { name: 'a' }, name: 'go' } };

async function runsOf({ client, namespace }: PlayedWorld, repository: string): Promise<Live<TakoRun>[]> {
  const { items } = await client.list(takoRuns, { namespace });
  return items.filter(({ spec }) => spec.workflow?.repositoryRef.name === repository);
}

/** The run of the fan-out step of a repository's only run. */
async function fanOutOf(world: PlayedWorld, repository: string): Promise<Live<TakoRun>> {
  let found: Live<TakoRun> | undefined;
  await until(`the fan-out of ${repository}`, async () => {
    const [run] = await runsOf(world, repository);
    found = run === undefined ? undefined : (await world.children(run))[0];
    return found !== undefined;
  });
  return found!;
}

describe('a diamond', () => {
  test('given dedupe: Event, the default, then d runs for b and for c', async () => {
    const world = await worldOf(DIAMOND);
    const run = await world.run(start);
    const { status } = await world.phase(run, 'Succeeded');
    expect(status?.treeSummary).toMatchObject({ total: 4, completed: 4, depth: 2 });
    expect(await runsOf(world, 'd')).toHaveLength(2);
  });

  test('given dedupe: Tree, then d runs once, both wait for it, and it is counted once', async () => {
    const world = await worldOf({ ...DIAMOND, d: { after: ['b', 'c'], outcome: ['succeed', { runFor: '8s' }] } });
    const run = await world.run({ ...start, dedupe: 'Tree' });
    const fanOuts = [await fanOutOf(world, 'b'), await fanOutOf(world, 'c')];
    for (const fanOut of fanOuts) await world.reason(fanOut, 'WaitingForChildren');
    const { status } = await world.phase(run, 'Succeeded');
    expect(status?.treeSummary).toEqual({
      total: 3,
      completed: 3,
      failed: 0,
      timedOut: 0,
      canceled: 0,
      running: 0,
      pending: 0,
      depth: 2,
    });
    const runs = await runsOf(world, 'd');
    expect(runs).toHaveLength(1);
    expect(await world.pods()).toHaveLength(4);
    const ended = await Promise.all(fanOuts.map(fanOut => world.get(fanOut)));
    const owner = controllerOf(runs[0]!)?.uid;
    const [first] = ended.filter(({ metadata }) => metadata.uid === owner);
    const [second] = ended.filter(({ metadata }) => metadata.uid !== owner);
    expect(first?.status).toMatchObject({ childrenSummary: { total: 1 }, fanOut: { deduplicated: 0 } });
    expect(second?.status).toMatchObject({
      phase: 'Succeeded',
      message: '1 run that another event of the tree started succeeded',
      childrenSummary: { total: 0 },
      fanOut: { triggeredCount: 0, deduplicated: 1, sharedCount: 1 },
    });
    const done = Date.parse(runs[0]!.status?.completionTime ?? '');
    expect(Date.parse(second?.status?.completionTime ?? '')).toBeGreaterThanOrEqual(done);
  });

  test('given dedupe: Tree and a d that fails, then both branches fail and say which run it was', async () => {
    const world = await worldOf({ ...DIAMOND, d: { after: ['b', 'c'], outcome: ['fail', { runFor: '1s' }] } });
    const run = await world.run({ ...start, dedupe: 'Tree' });
    const { status } = await world.phase(run, 'Failed');
    expect(status?.treeSummary).toMatchObject({ total: 3, failed: 3 });
    expect(await runsOf(world, 'd')).toHaveLength(1);
    for (const name of ['b', 'c']) {
      const fanOut = await world.get(await fanOutOf(world, name));
      expect(fanOut.status).toMatchObject({ phase: 'Failed', message: expect.stringContaining('acme/d go') });
    }
  });

  test('given dedupe: Tree and other inputs, then those are other runs', async () => {
    const world = await worldOf({
      a: { emits: true },
      b: { after: ['a'], emits: true },
      c: { after: ['a'], emits: true },
    });
    const file = `version: 0.1.0
workflows: {go: {inputs: {from: {type: string}}, steps: [./deploy.sh]}}
subscriptions:
  - {artifact: "acme/b:default", events: [built], workflow: go, inputs: {from: "{{ .event.source }}"}}
  - {artifact: "acme/c:default", events: [built], workflow: go, inputs: {from: "{{ .event.source }}"}}
`;
    await world.repository('d', file, { spec: { runTemplate: world.plays('succeed') } });
    await world.ready('d');
    const run = await world.run({ ...start, dedupe: 'Tree' });
    expect((await world.phase(run, 'Succeeded')).status?.treeSummary).toMatchObject({ total: 4, completed: 4 });
    expect(await runsOf(world, 'd')).toHaveLength(2);
  });

  test('given dedupe: Tree, two operators and twenty fan-outs at once, then what they share runs once', async () => {
    const names = Array.from({ length: 20 }, (_, index) => `m${index}`);
    const middle = names.map((name): [string, Place] => [name, { after: ['a'], emits: true }]);
    const world = await worldOf({ a: { emits: true }, ...Object.fromEntries(middle), d: { after: names } });
    const other = await startTestOperator({ namespace: world.namespace });
    onTestFinished(() => other.stop());
    const run = await world.run({ ...start, dedupe: 'Tree' });
    const { status } = await world.phase(run, 'Succeeded');
    expect(status?.treeSummary).toMatchObject({ total: 21, completed: 21, depth: 2 });
    expect(await runsOf(world, 'd')).toHaveLength(1);
    const shared = await Promise.all(names.map(name => fanOutOf(world, name)));
    expect(shared.filter(({ status }) => status?.fanOut?.sharedCount === 1)).toHaveLength(19);
  });

  test('given dedupe: Tree and an operator that is killed in the middle, then nothing is lost or doubled', async () => {
    const world = await worldOf({ ...DIAMOND, d: { after: ['b', 'c'], outcome: ['succeed', { runFor: '1s' }] } });
    const run = await world.run({ ...start, dedupe: 'Tree' });
    for (const place of ['b', 'd']) {
      await until(`a run of ${place}`, async () => (await runsOf(world, place)).length > 0);
      await world.operator.kill();
      world.operator = await startTestOperator({ namespace: world.namespace });
    }
    const { status } = await world.phase(run, 'Succeeded');
    expect(status?.treeSummary).toMatchObject({ total: 3, completed: 3 });
    expect(await runsOf(world, 'd')).toHaveLength(1);
  });

  test('given dedupe: Tree and a shared run that is deleted, then who waits for it fails', async () => {
    const world = await worldOf({ ...DIAMOND, d: { after: ['b', 'c'], outcome: ['hang'] } });
    const run = await world.run({ ...start, dedupe: 'Tree' });
    for (const name of ['b', 'c']) await world.reason(await fanOutOf(world, name), 'WaitingForChildren');
    const [shared] = await runsOf(world, 'd');
    await world.client.delete(takoRuns, { namespace: world.namespace, name: shared!.metadata.name });
    await world.phase(run, 'Failed');
    for (const name of ['b', 'c']) {
      const fanOut = await world.get(await fanOutOf(world, name));
      expect(fanOut.status?.message).toMatch(/^1 of 1 (child|run that another event of the tree started) was canceled/);
    }
  });
});

describe('a diamond over namespaces', () => {
  test('given dedupe: Tree, then what two branches share in another namespace runs once, and they are told no more than its end', async () => {
    const world = await createPlayedWorld({ others: 1 });
    const [elsewhere] = world.others;
    const { d, ...branches } = DIAMOND;
    for (const [name, place] of Object.entries(branches)) {
      await world.repository(name, fileOf(place), { spec: { runTemplate: world.plays('agent') } });
      await world.ready(name);
    }
    const acceptEvents = { namespaces: { from: 'All' as const } };
    const runTemplate = world.plays('fail', { runFor: '1s' });
    await world.repository('d', fileOf(d!), { namespace: elsewhere!, spec: { acceptEvents, runTemplate } });
    await world.ready('d', elsewhere);
    const run = await world.run({ ...start, dedupe: 'Tree' });
    const { status } = await world.phase(run, 'Failed');
    expect(status?.treeSummary).toMatchObject({ total: 3, failed: 3, depth: 2 });
    const { items } = await world.client.list(takoRuns, { namespace: elsewhere! });
    expect(items.map(({ status: ended }) => ended?.phase)).toEqual(['Failed']);
    for (const name of ['b', 'c']) {
      const fanOut = await world.get(await fanOutOf(world, name));
      expect(fanOut.status?.message).toContain(`acme/d go: ended as Failed: see TakoRun`);
      expect(fanOut.status?.message).not.toContain('exit code');
    }
  });
});

describe('the retry of a diamond', () => {
  test('given dedupe: Tree and a shared run that failed, when it is put right, then it runs again, once, and both branches succeed', async () => {
    const world = await worldOf({ ...DIAMOND, d: { after: ['b', 'c'], outcome: ['fail'] } });
    const run = await world.run({ ...start, dedupe: 'Tree' });
    await world.phase(run, 'Failed');
    await world.replay('d', 'succeed', { runFor: '2s' });
    const annotations = { [ANNOTATIONS.retryAt]: '2026-01-01T00:00:00Z' };
    await world.client.mergePatch(takoRuns, run.metadata as { namespace: string; name: string }, {
      metadata: { annotations },
    });
    await until('the tree to succeed', async () => (await world.get(run)).status?.phase === 'Succeeded');
    const [shared, ...others] = await runsOf(world, 'd');
    expect(others).toEqual([]);
    expect(shared?.status).toMatchObject({ phase: 'Succeeded', attempts: [{ number: 1 }, { number: 2 }] });
    expect((await world.get(run)).status?.treeSummary).toMatchObject({ total: 3, completed: 3 });
    for (const name of ['b', 'c']) {
      expect((await runsOf(world, name))[0]?.status).toMatchObject({ phase: 'Succeeded', attempts: [{ number: 1 }] });
    }
  });
});

describe('a cycle', () => {
  test('given repositories that start each other, then the second round is refused with the path, and nothing of it starts', async () => {
    const world = await worldOf({
      a: { after: ['c'], emits: true },
      b: { after: ['a'], emits: true },
      c: { after: ['b'], emits: true },
    });
    const run = await world.run(start);
    const { status } = await world.phase(run, 'Failed');
    expect(status?.message).toContain('acme/a go -> acme/b go -> acme/c go -> acme/a go');
    expect(status?.treeSummary).toMatchObject({ total: 2, failed: 2, depth: 2 });
    expect(await runsOf(world, 'a')).toHaveLength(1);
    const emitted = await world.get(await fanOutOf(world, 'c'));
    const ready = emitted.status?.conditions?.find(({ type }) => type === 'Ready');
    expect(ready).toMatchObject({ status: 'False', reason: 'CycleDetected' });
  });

  test('given dedupe: Tree and two branches that would wait for each other, then they do not wait in vain', async () => {
    const world = await worldOf({
      a: { emits: true },
      b: { after: ['a', 'c'], emits: true },
      c: { after: ['a', 'b'], emits: true },
    });
    const run = await world.run({ ...start, dedupe: 'Tree' });
    const { status } = await world.phase(run, 'Failed');
    expect(status?.message).toContain('would wait for each other');
    expect(status?.treeSummary).toMatchObject({ total: 2, failed: 2 });
  });
});
