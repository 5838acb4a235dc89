import { describe, expect, test } from 'vitest';
import { takoRepositories } from '../../../src/api/resources.ts';
import type { TakoRunSpec } from '../../../src/api/takorun.ts';
import { events } from '../../../src/kube/objects.ts';
import type { Outcome } from '../../fixtures/kwok/stages.ts';
import { until } from '../../fixtures/until.ts';
import { startTestOperator } from '../test-operator.ts';
import { createPlayedWorld, type PlayedWorld } from './fixture.ts';

const FILE = `version: 0.1.0
workflows:
  release:
    steps: [{id: test, run: ./test.sh}]
  other:
    steps: [{id: test, run: ./test.sh}]
`;
/** Long enough for a busy machine to see it open, and not a test's whole time. */
const SETTINGS = { TAKO_BREAKER_OPEN: '12s' };
type Run = Awaited<ReturnType<PlayedWorld['run']>>;

/** One attempt, whatever ends it. */
const spec = (name = 'release'): TakoRunSpec => ({
  workflow: { repositoryRef: { name: 'core-lib' }, name },
  retry: { limit: 0 },
});

async function start(outcome: Outcome): Promise<PlayedWorld> {
  const world = await createPlayedWorld({ settings: SETTINGS });
  await world.repository('core-lib', FILE, { spec: { runTemplate: world.plays(outcome) } });
  await world.ready('core-lib');
  return world;
}

/** That many runs, one after the other, that end as Failed. */
async function fail(world: PlayedWorld, count: number): Promise<void> {
  for (let index = 0; index < count; index++) await world.phase(await world.run(spec()), 'Failed');
}

async function breakers(world: PlayedWorld) {
  const { status } = await world.client.get(takoRepositories, { ...world, name: 'core-lib' });
  return status?.breakers;
}

/** Waits until the breaker of `release` is in this state. */
async function state(world: PlayedWorld, wanted: string): Promise<void> {
  const look = async () => (await breakers(world))?.find(({ workflow }) => workflow === 'release')?.state === wanted;
  await until(`the breaker to be ${wanted}`, look);
}

/** Waits until the run has a Pod, or was refused. */
async function fate(world: PlayedWorld, run: Run): Promise<'started' | 'refused'> {
  let found: 'started' | 'refused' | undefined;
  const look = async () => {
    const { status } = await world.get(run);
    if (status?.errorType === 'circuit_breaker') found = 'refused';
    else if ((await world.pods(run)).length > 0) found = 'started';
    return found !== undefined;
  };
  await until(`${run.metadata.name} to start or to be refused`, look);
  return found!;
}

async function restart(world: PlayedWorld): Promise<void> {
  await world.operator.kill();
  world.operator = await startTestOperator({ namespace: world.namespace, settings: SETTINGS });
}

/** Reasons of the events of the TakoRepository so far. */
async function told(world: PlayedWorld): Promise<string[]> {
  const { items } = await world.client.list(events, { namespace: world.namespace });
  return items.filter(({ regarding }) => regarding?.kind === 'TakoRepository').map(({ reason }) => reason ?? '');
}

describe('the breaker of a workflow', () => {
  test('given five runs that cannot be executed, then it opens, survives a restart, is half-open in time, and closes', async () => {
    const world = await start('crash');
    await fail(world, 4);
    // Whoever asks for what does not exist has to put that right himself.
    const wrong = await world.run({ workflow: { ...spec().workflow!, inputs: { no: 'such' } } });
    await world.phase(wrong, 'Failed');
    expect(await breakers(world)).toBeUndefined();
    await fail(world, 1);
    await state(world, 'Open');
    expect(await breakers(world)).toMatchObject([
      {
        workflow: 'release',
        failures: 5,
        message: expect.stringContaining('AgentFailed'),
        retryTime: expect.any(String),
      },
    ]);

    const refused = await world.run(spec());
    const { status } = await world.phase(refused, 'Failed');
    expect(status).toMatchObject({
      errorType: 'circuit_breaker',
      message: expect.stringMatching(/^workflow release of acme\/core-lib is not run: .*AgentFailed.*tried again from/),
    });
    expect(await world.pods(refused)).toEqual([]);
    await world.event(refused, 'CircuitOpen');
    expect(await fate(world, await world.run(spec('other'))), 'another workflow is not concerned').toBe('started');

    await restart(world);
    expect(await fate(world, await world.run(spec()))).toBe('refused');
    expect(await breakers(world)).toMatchObject([{ state: 'Open', failures: 5 }]);

    // They run long enough for the next four lines.
    await world.replay('core-lib', 'succeed', { runFor: '20s' });
    await state(world, 'HalfOpen');
    for (let count = 0; count < 3; count++) expect(await fate(world, await world.run(spec()))).toBe('started');
    expect(await fate(world, await world.run(spec())), 'three at a time').toBe('refused');
    await restart(world);
    expect(await fate(world, await world.run(spec())), 'three at a time, after a restart too').toBe('refused');

    await state(world, 'Closed');
    expect(await fate(world, await world.run(spec()))).toBe('started');
    const conditions = (await world.client.get(takoRepositories, { ...world, name: 'core-lib' })).status?.conditions;
    expect(conditions?.find(({ type }) => type === 'CircuitOpen')).toMatchObject({ status: 'False' });
    expect(conditions?.find(({ type }) => type === 'Ready')).toMatchObject({ status: 'True' });
    const transitions = ['CircuitOpen', 'CircuitHalfOpen', 'CircuitClosed'];
    const all = async () => (reasons => transitions.every(reason => reasons.includes(reason)))(await told(world));
    await until('all transitions to be told', all);
    const metrics = await (await fetch(`http://127.0.0.1:${world.operator.ports.http}/metrics`)).text();
    expect(metrics).toContain('tako_breakers{state="Open"} 0');
  });

  test('given one that is tried and fails, then it opens again', async () => {
    const world = await start('crash');
    await fail(world, 5);
    await state(world, 'HalfOpen');
    await fail(world, 1);
    await state(world, 'Open');
    expect(await breakers(world)).toMatchObject([{ failures: 6 }]);
    expect(await fate(world, await world.run(spec()))).toBe('refused');
  });

  test('given failed steps, then it stays closed, however many', async () => {
    const world = await start('fail');
    await fail(world, 6);
    expect(await fate(world, await world.run(spec()))).toBe('started');
    expect(await breakers(world)).toBeUndefined();
  });
});
