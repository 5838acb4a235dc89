import { describe, expect } from 'vitest';
import { expectOnePodEach, firstSuccess, test } from '../fixture/disturbed.ts';
import { announce, built, runSource, source, subscriber, subscribers } from '../fixture/fan-out.ts';
import { mostPodsAtOnce } from '../fixture/pods.ts';
import { outcome } from '../fixture/run-handle.ts';

/** How long a new leader may take when the old one could not give its Lease back: that lasts 15 s. Milliseconds. */
const TAKEOVER_MS = 30_000;

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
    const ended = await run.ended();

    expect(outcome(ended)).toMatchObject({ phase: 'Succeeded' });
    expect(ended.status).toMatchObject({ children: '12/12', childrenSummary: { total: 12, completed: 12 } });
    const [same] = await operator.pods();
    expect(same?.metadata.uid).toBe(pod?.metadata.uid);
    expect(same?.status?.containerStatuses?.[0]?.restartCount).toBeGreaterThan(
      pod?.status?.containerStatuses?.[0]?.restartCount ?? 0,
    );
    expectOnePodEach([run, ...run.children()]);
    expect(mostPodsAtOnce(tako.world, run.children())).toBeLessThanOrEqual(4);
    await Promise.all([run, ...run.children()].map(one => one.podsReleased()));
  });

  test('given two replicas, then another process leads soon and nothing runs twice', async ({ tako, operator }) => {
    await operator.scale(2);
    await Promise.all([source(tako), subscribers(tako, 6, subscriber(['sleep 1']))]);
    const before = await operator.leader();
    const leader = (await operator.pods()).find(({ metadata }) => before?.startsWith(`${metadata.name}_`));
    const event = await tako.run({ event: built(), concurrencyLimit: 2 });
    await firstSuccess(event);

    await operator.kill(leader!);
    const after = await tako.wait(
      'another leader',
      async () => {
        const now = await operator.leader();
        return now === before ? undefined : now;
      },
      TAKEOVER_MS,
    );
    const ended = await event.ended();

    expect(after).toMatch(/^tako-operator-/);
    expect(outcome(ended)).toMatchObject({ phase: 'Succeeded' });
    expect(ended.status?.childrenSummary).toMatchObject({ total: 6, completed: 6 });
    expectOnePodEach(event.children());
    expect(mostPodsAtOnce(tako.world, event.children())).toBeLessThanOrEqual(2);
  });
});
