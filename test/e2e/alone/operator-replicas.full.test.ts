import { describe, expect } from 'vitest';
import { expectOnePodEach, firstSuccess, TREE_MS, test } from '../fixture/disturbed.ts';
import { built, source, subscriber, subscribers } from '../fixture/fan-out.ts';
import { mostPodsAtOnce } from '../fixture/pods.ts';
import { outcome } from '../fixture/run-handle.ts';

/** How long a new leader may take when the old one could not give its Lease back: that lasts 15 s. Milliseconds. */
const TAKEOVER_MS = 30_000;

describe('an operator that is killed', () => {
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
    const ended = await event.ended(TREE_MS);

    expect(after).toMatch(/^tako-operator-/);
    expect(outcome(ended)).toMatchObject({ phase: 'Succeeded' });
    expect(ended.status?.childrenSummary).toMatchObject({ total: 6, completed: 6 });
    expectOnePodEach(event.children());
    expect(mostPodsAtOnce(tako.world.pods, event.children())).toBeLessThanOrEqual(2);
  });
});
