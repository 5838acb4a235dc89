import { describe, expect, onTestFinished, test } from 'vitest';
import { EVENT_CLAIM_COMPONENT, LABELS } from '../../../src/api/meta.ts';
import { type TakoRun, takoRuns } from '../../../src/api/resources.ts';
import type { TakoRunSpec } from '../../../src/api/takorun.ts';
import { type Lease, type Live, leases } from '../../../src/kube/objects.ts';
import { until } from '../../fixtures/until.ts';
import { startTestOperator } from '../test-operator.ts';
import { createPlayedWorld, type PlayedWorld } from './fixture.ts';

const LIBRARY = `version: 0.1.0
artifacts: {core: {path: .}}
workflows:
  release:
    steps:
      - id: emit
        uses: tako/fan-out@v1
        with: {event_type: library_built, artifact: core, payload: {version: 1.4.0}, idempotent: true}
`;
const SUBSCRIBER = `version: 0.1.0
workflows: {ci: {steps: [./test.sh]}}
subscriptions: [{artifact: "acme/core-lib:core", events: [library_built], workflow: ci}]
`;
const event = { type: 'library_built', source: 'acme/core-lib:core', payload: { version: '1.4.0' } };
const idempotent: TakoRunSpec = { event, idempotent: true };

async function worldOf(...play: Parameters<PlayedWorld['plays']>): Promise<PlayedWorld> {
  const world = await createPlayedWorld();
  await world.repository('core-lib', LIBRARY, { spec: { runTemplate: world.plays('agent') } });
  await world.repository('app-one', SUBSCRIBER, { spec: { runTemplate: world.plays(...play) } });
  for (const name of ['core-lib', 'app-one']) await world.ready(name);
  return world;
}

async function claims({ client, namespace }: PlayedWorld): Promise<Live<Lease>[]> {
  const labelSelector = `${LABELS.component}=${EVENT_CLAIM_COMPONENT}`;
  return (await client.list(leases, { namespace, labelSelector })).items;
}

/** How often the subscriber ran. */
async function children({ client, namespace }: PlayedWorld): Promise<Live<TakoRun>[]> {
  const { items } = await client.list(takoRuns, { namespace });
  return items.filter(({ spec }) => spec.workflow?.repositoryRef.name === 'app-one');
}

describe('an idempotent event', () => {
  test('given an equal event while the first goes on, then it waits and takes its result, and nothing runs twice', async () => {
    const world = await worldOf('succeed', { runFor: '6s' });
    const first = await world.run(idempotent, 'first');
    await world.phase(first, 'Waiting');
    const second = await world.run(idempotent, 'second');
    const waiting = await world.reason(second, 'DuplicateEvent');
    expect(waiting.status).toMatchObject({ phase: 'Waiting', duplicateOf: 'first' });
    const [lease] = await claims(world);
    expect(lease?.spec).toMatchObject({ holderIdentity: 'first' });
    await world.phase(first, 'Succeeded');
    const { status } = await world.phase(second, 'Succeeded');
    expect(status).toMatchObject({
      duplicateOf: 'first',
      message: expect.stringMatching(/TakoRun first, whose result this run takes: the one child succeeded/),
    });
    await world.event(second, 'DuplicateEvent', 'TakoRun first');
    const third = await world.run(idempotent, 'third');
    expect((await world.phase(third, 'Succeeded')).status).toMatchObject({ duplicateOf: 'first' });
    expect(await children(world)).toHaveLength(1);
  });

  test('given another id, or an event that is not idempotent, then it runs', async () => {
    const world = await worldOf('succeed');
    await world.phase(await world.run(idempotent), 'Succeeded');
    await world.phase(await world.run({ ...idempotent, event: { ...event, id: 'again' } }), 'Succeeded');
    await world.phase(await world.run({ event }), 'Succeeded');
    expect(await children(world)).toHaveLength(3);
    expect(await claims(world)).toHaveLength(2);
  });

  test('given a first run that fails, then who waits fails with it, and the next one runs', async () => {
    const world = await worldOf('fail', { runFor: '6s' });
    const first = await world.run(idempotent, 'first');
    await world.phase(first, 'Waiting');
    const second = await world.run(idempotent, 'second');
    await world.reason(second, 'DuplicateEvent');
    expect((await world.phase(second, 'Failed')).status).toMatchObject({
      duplicateOf: 'first',
      errorType: 'workflow_failed',
      message: expect.stringContaining('1 of 1 child failed'),
    });
    await world.event(second, 'DuplicateFailed');
    await world.replay('app-one', 'succeed');
    const third = await world.run(idempotent, 'third');
    const { status } = await world.phase(third, 'Succeeded');
    expect(status?.duplicateOf).toBeUndefined();
    expect(await children(world)).toHaveLength(2);
    expect((await claims(world)).map(({ spec }) => spec?.holderIdentity)).toEqual(['third']);
  });

  test('given a first run that is deleted, then who waits sends the event itself', async () => {
    const world = await worldOf('hang');
    const first = await world.run(idempotent, 'first');
    await world.phase(first, 'Waiting');
    const second = await world.run(idempotent, 'second');
    await world.reason(second, 'DuplicateEvent');
    await world.client.delete(takoRuns, { namespace: world.namespace, name: 'first' });
    const { status } = await world.reason(second, 'WaitingForChildren');
    expect(status).not.toHaveProperty('duplicateOf');
    expect((await claims(world)).map(({ spec }) => spec?.holderIdentity)).toEqual(['second']);
  });

  test('given two operators and many equal events at once, then one goes out, and all have its result', async () => {
    const world = await worldOf('succeed');
    const other = await startTestOperator({ namespace: world.namespace });
    onTestFinished(() => other.stop());
    const runs = await Promise.all(Array.from({ length: 12 }, (_, index) => world.run(idempotent, `run-${index}`)));
    const ended = await Promise.all(runs.map(run => world.phase(run, 'Succeeded')));
    const sent = ended.filter(({ status }) => status?.fanOut?.eventEmitted === true);
    expect(sent).toHaveLength(1);
    const takers = ended.filter(run => run !== sent[0]).map(({ status }) => status?.duplicateOf);
    expect(takers).toEqual(takers.map(() => sent[0]?.metadata.name));
    expect(await children(world)).toHaveLength(1);
    expect(await world.pods()).toHaveLength(1);
  });

  test('given an operator that is killed after it has claimed, then the next one goes on, and nothing runs twice', async () => {
    const world = await worldOf('succeed');
    const run = await world.run(idempotent, 'first');
    await until('the claim', async () => (await claims(world)).length === 1);
    await world.operator.kill();
    world.operator = await startTestOperator({ namespace: world.namespace });
    await world.phase(run, 'Succeeded');
    const second = await world.run(idempotent, 'second');
    expect((await world.phase(second, 'Succeeded')).status?.duplicateOf).toBe('first');
    expect(await children(world)).toHaveLength(1);
  });
});

describe('an idempotent fan-out step', () => {
  test('given two runs that emit the same, then the subscribers run once, and both runs have the result', async () => {
    const world = await worldOf('succeed');
    const workflow = { repositoryRef: { name: 'core-lib' }, name: 'release' };
    const first = await world.run({ workflow }, 'release-1');
    await world.phase(first, 'Succeeded');
    const second = await world.run({ workflow }, 'release-2');
    const { status } = await world.phase(second, 'Succeeded');
    expect(status?.childrenSummary).toMatchObject({ total: 0 });
    const [emitted] = await world.children(second);
    const [original] = await world.children(first);
    expect(emitted?.status).toMatchObject({ duplicateOf: original?.metadata.name, phase: 'Succeeded' });
    expect(await children(world)).toHaveLength(1);
  });
});
