import { describe, expect } from 'vitest';
import { expectOnePodEach, firstSuccess, TREE_MS, test } from '../fixture/disturbed.ts';
import { announce, built, runSource, source, subscriber, subscribers } from '../fixture/fan-out.ts';
import { mostPodsAtOnce } from '../fixture/pods.ts';
import { outcome } from '../fixture/run-handle.ts';

describe('an operator that is killed', () => {
  test('given the middle of a fan-out, then no run is lost and none runs twice', async ({ tako, operator }) => {
    await Promise.all([
      source(tako, ['true', announce({ concurrency_limit: 4 })]),
      subscribers(tako, 12, subscriber(['sleep 1'])),
    ]);
    const run = await tako.run(runSource);
    await firstSuccess(run);

    const [pod] = await operator.pods();
    await operator.kill(pod!);
    const ended = await run.ended(TREE_MS);

    expect(outcome(ended)).toMatchObject({ phase: 'Succeeded' });
    expect(ended.status).toMatchObject({ children: '12/12', childrenSummary: { total: 12, completed: 12 } });
    const [same] = await operator.pods();
    expect(same?.metadata.uid).toBe(pod?.metadata.uid);
    expect(same?.status?.containerStatuses?.[0]?.restartCount).toBeGreaterThan(
      pod?.status?.containerStatuses?.[0]?.restartCount ?? 0,
    );
    expectOnePodEach([run, ...run.children()]);
    expect(mostPodsAtOnce(tako.world.pods, run.children())).toBeLessThanOrEqual(4);
    await Promise.all([run, ...run.children()].map(one => one.podsReleased()));
  });

  test('given the first child of 20 was just created, then all of them run, once', async ({ tako, operator }) => {
    await Promise.all([source(tako), subscribers(tako, 20, subscriber(['true']))]);
    const [pod] = await operator.pods();
    const event = await tako.run({ event: built() });
    await event.until('have a child', () => event.children().length > 0);

    await operator.forceDelete(pod!);
    const ended = await event.ended(TREE_MS);

    expect(outcome(ended)).toMatchObject({ phase: 'Succeeded' });
    expect(ended.status?.childrenSummary).toMatchObject({ total: 20, completed: 20 });
    expect(event.children()).toHaveLength(20);
    expectOnePodEach(event.children());
    expect((await operator.pods()).map(({ metadata }) => metadata.uid)).not.toContain(pod?.metadata.uid);
  });
});
