import { describe, expect, test } from 'vitest';
import { takoRepositories } from '../../../src/api/resources.ts';
import type { TakoRunSpec } from '../../../src/api/takorun.ts';
import { events } from '../../../src/kube/objects.ts';
import { until } from '../../fixtures/until.ts';
import { createWorld, type World } from '../run/world.ts';
import { startTestOperator } from '../test-operator.ts';

const FILE = `version: 0.1.0
workflows:
  release:
    steps: [./build.sh]
  test:
    steps: [./test.sh]
`;
/** Long enough for a busy machine to see it open, and not a test's whole time. */
const SETTINGS = { TAKO_BREAKER_OPEN: '10s' };
const PATIENT = { timeoutMs: 60_000, everyMs: 50 };
type Run = Awaited<ReturnType<World['run']>>;

/** One attempt, whatever ends it. */
const spec = (name = 'release'): TakoRunSpec => ({
  workflow: { repositoryRef: { name: 'core-lib' }, name },
  retry: { limit: 0 },
});

async function start(): Promise<World> {
  const world = await createWorld({ settings: SETTINGS });
  await world.repository('core-lib', FILE);
  await world.ready('core-lib');
  return world;
}

/** A run whose node is lost: it cannot be executed. */
async function lose(world: World): Promise<Run> {
  const run = await world.run(spec());
  await world.kubelet.report(await world.pod(run), {}, { phase: 'Failed' });
  await world.phase(run, 'Failed');
  return run;
}

async function breakers(world: World) {
  const { status } = await world.client.get(takoRepositories, { ...world, name: 'core-lib' });
  return status?.breakers;
}

/** Waits until the breaker of `release` is in this state. */
async function state(world: World, wanted: string): Promise<void> {
  await until(
    `the breaker to be ${wanted}`,
    async () => (await breakers(world))?.find(({ workflow }) => workflow === 'release')?.state === wanted,
    PATIENT,
  );
}

/** Waits until the run has a Pod, or has ended. */
async function fate(world: World, run: Run): Promise<'started' | 'refused'> {
  let found: 'started' | 'refused' | undefined;
  await until(
    `${run.metadata.name} to start or to be refused`,
    async () => {
      const { status } = await world.get(run);
      if (status?.errorType === 'circuit_breaker') found = 'refused';
      else if ((await world.pods(run)).length > 0) found = 'started';
      return found !== undefined;
    },
    PATIENT,
  );
  return found!;
}

async function restart(world: World): Promise<void> {
  await world.operator.kill();
  world.operator = await startTestOperator({ namespace: world.namespace, settings: SETTINGS });
}

async function told(world: World): Promise<string[]> {
  const { items } = await world.client.list(events, { namespace: world.namespace });
  return items.filter(({ regarding }) => regarding?.kind === 'TakoRepository').map(({ reason }) => reason ?? '');
}

describe('the breaker of a workflow', () => {
  test('given five runs that cannot be executed, then it opens, survives a restart, is half-open in time, and closes', async () => {
    const world = await start();
    for (let count = 0; count < 4; count++) await lose(world);
    // A failed step is a result, and an unknown input the doing of whoever asked: neither opens it.
    const wrong = await world.run({ workflow: { ...spec().workflow!, inputs: { no: 'such' } } });
    await world.phase(wrong, 'Failed');
    expect(await breakers(world)).toBeUndefined();
    await lose(world);
    await state(world, 'Open');
    expect(await breakers(world)).toMatchObject([
      { workflow: 'release', failures: 5, message: expect.stringContaining('PodLost'), retryTime: expect.any(String) },
    ]);

    const refused = await world.run(spec());
    const { status } = await world.phase(refused, 'Failed');
    expect(status).toMatchObject({
      errorType: 'circuit_breaker',
      message: expect.stringMatching(/^workflow release of acme\/core-lib is not run: .*PodLost.*tried again from/),
    });
    expect(await world.pods(refused)).toEqual([]);
    await world.event(refused, 'CircuitOpen');
    const other = await world.run(spec('test'));
    expect(await fate(world, other), 'another workflow is not concerned').toBe('started');

    await restart(world);
    expect(await fate(world, await world.run(spec()))).toBe('refused');
    expect(await breakers(world)).toMatchObject([{ state: 'Open', failures: 5 }]);

    await state(world, 'HalfOpen');
    const tried = [];
    for (let count = 0; count < 3; count++) {
      const run = await world.run(spec());
      expect(await fate(world, run)).toBe('started');
      tried.push(run);
    }
    expect(await fate(world, await world.run(spec())), 'three at a time').toBe('refused');
    await restart(world);
    expect(await fate(world, await world.run(spec())), 'three at a time, after a restart too').toBe('refused');
    for (const run of tried) {
      await world.kubelet.finish(await world.pod(run));
      await world.phase(run, 'Succeeded');
    }
    await state(world, 'Closed');
    expect(await fate(world, await world.run(spec()))).toBe('started');
    const conditions = (await world.client.get(takoRepositories, { ...world, name: 'core-lib' })).status?.conditions;
    expect(conditions?.find(({ type }) => type === 'CircuitOpen')).toMatchObject({ status: 'False' });
    expect(conditions?.find(({ type }) => type === 'Ready')).toMatchObject({ status: 'True' });
    await until(
      'all transitions to be told',
      async () => {
        const reasons = await told(world);
        return ['CircuitOpen', 'CircuitHalfOpen', 'CircuitClosed'].every(reason => reasons.includes(reason));
      },
      PATIENT,
    );
    const metrics = await (await fetch(`http://127.0.0.1:${world.operator.ports.http}/metrics`)).text();
    expect(metrics).toContain('tako_breakers{state="Open"} 0');
  });

  test('given one that is tried and fails, then it opens again', async () => {
    const world = await start();
    for (let count = 0; count < 5; count++) await lose(world);
    await state(world, 'HalfOpen');
    await lose(world);
    await state(world, 'Open');
    expect(await breakers(world)).toMatchObject([{ failures: 6 }]);
    expect(await fate(world, await world.run(spec()))).toBe('refused');
  });

  test('given failed steps, then it stays closed, however many', async () => {
    const world = await start();
    const failed = { state: 'failed', errorType: 'workflow_failed', reason: 'StepFailed', message: 'exit 1' } as const;
    for (let count = 0; count < 6; count++) {
      const run = await world.run(spec());
      await world.kubelet.finish(await world.pod(run), failed);
      await world.phase(run, 'Failed');
    }
    expect(await fate(world, await world.run(spec()))).toBe('started');
    expect(await breakers(world)).toBeUndefined();
  });
});
