import { describe, expect, test } from 'vitest';
import { takoRuns } from '../../../src/api/resources.ts';
import type { Outcome } from '../../fixtures/kwok/stages.ts';
import { startTestOperator } from '../test-operator.ts';
import { attempts, FILE, isRunning, podOf, quick, start, workflow } from './attempts.ts';
import { createPlayedWorld, type PlayedWorld } from './fixture.ts';

async function restart(world: PlayedWorld): Promise<void> {
  await world.operator.kill();
  world.operator = await startTestOperator({ namespace: world.namespace });
}

describe('a Pod that ends for a reason that does not pass', () => {
  test.each<[Outcome, string]>([
    ['fail', 'StepFailed'],
    ['checkout-fails', 'CheckoutFailed'],
    ['out-of-memory', 'OOMKilled'],
    ['config-error', 'CreateContainerConfigError'],
    ['start-error', 'StartError'],
    ['time-out', 'TimedOut'],
  ])('given one that is played as %s, then the run ends with it', async (outcome, reason) => {
    const { world, run } = await start('succeed', {
      attempts: { 1: outcome },
      settings: { TAKO_START_TIMEOUT: '7s' },
    });
    const phase = outcome === 'time-out' ? 'TimedOut' : 'Failed';
    const { status } = await world.phase(run, phase);
    expect(status?.attempts).toMatchObject([{ number: 1, reason }]);
    expect(status?.attempts).toHaveLength(1);
  });

  test('given a Pod that no node takes, then the run ends with it', async () => {
    const world = await createPlayedWorld({ settings: { TAKO_START_TIMEOUT: '7s' } });
    const runTemplate = { ...world.plays('succeed'), nodeSelector: { 'example.com/moon': 'full' } };
    await world.repository('core-lib', FILE, { spec: { runTemplate } });
    const run = await world.run({ workflow, retry: quick });
    expect(await attempts(world, run, 'Failed')).toEqual(['1 Unschedulable']);
  });
});

describe('the attempts of a run', () => {
  test('given that all are lost, then the run fails with the last reason, after as many Pods as it may have', async () => {
    const { world, run } = await start('evicted', { spec: { retry: { ...quick, limit: 2 } } });
    expect(await attempts(world, run, 'Failed')).toEqual(['1 Evicted', '2 Evicted', '3 Evicted']);
    expect((await world.get(run)).status).toMatchObject({
      errorType: 'execution_failed',
      message: expect.stringContaining('low on resource'),
    });
    expect(await world.pods(run)).toHaveLength(3);
  });

  test('given a run that asks for it, then a failed step is tried again', async () => {
    const { world, run } = await start('fail', { spec: { retry: { ...quick, limit: 1, onWorkflowFailure: true } } });
    expect(await attempts(world, run, 'Failed')).toEqual(['1 StepFailed', '2 StepFailed']);
    expect((await world.get(run)).status).toMatchObject({ errorType: 'workflow_failed' });
  });

  test('given the policy of the repository, then it holds for a run that has none', async () => {
    const world = await createPlayedWorld();
    const runTemplate = { ...world.plays('evicted'), retry: { ...quick, limit: 1 } };
    await world.repository('core-lib', FILE, { spec: { runTemplate } });
    const run = await world.run({ workflow });
    expect(await attempts(world, run, 'Failed')).toEqual(['1 Evicted', '2 Evicted']);
  });

  test('given an operator that is killed between two of them, then the next one is made once', async () => {
    const { world, run } = await start('succeed', {
      attempts: { 1: 'evicted' },
      spec: { retry: { backoff: { initial: '3s' } } },
      runFor: '3s',
    });
    await world.reason(run, 'RetryBackoff');
    await restart(world);
    await podOf(world, run, 2, isRunning);
    await restart(world);
    expect(await attempts(world, run, 'Succeeded')).toEqual(['1 Evicted', '2 Succeeded']);
    expect(await world.pods(run)).toHaveLength(2);
  });

  test('given a cancel between two of them, then there is no other one', async () => {
    const { world, run } = await start('evicted', { spec: { retry: { backoff: { initial: '2m' } } } });
    await world.reason(run, 'RetryBackoff');
    await world.client.mergePatch(takoRuns, { ...world, name: run.metadata.name }, { spec: { cancel: true } });
    await world.phase(run, 'Canceled');
    expect(await world.pods(run)).toHaveLength(1);
  });

  test('given a wait that is longer than the time limit, then nobody waits', async () => {
    const { world, run } = await start('evicted', {
      spec: { timeout: '10m', retry: { backoff: { initial: '20m', maximum: '20m' } } },
    });
    expect(await attempts(world, run, 'Failed')).toEqual(['1 Evicted']);
  });
});
