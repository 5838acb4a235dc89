import { describe, expect } from 'vitest';
import { expectOnePodEach, test } from '../fixture/disturbed.ts';
import { built, source, subscriber, subscribers } from '../fixture/fan-out.ts';
import { outcome } from '../fixture/run-handle.ts';

describe('an operator that is killed', () => {
  test('given the first child of 20 was just created, then all of them run, once', async ({ tako, operator }) => {
    await Promise.all([source(tako), subscribers(tako, 20, subscriber(['true']))]);
    const [pod] = await operator.pods();
    const event = await tako.run({ event: built() });
    await event.until('have a child', () => event.children().length > 0);

    await operator.forceDelete(pod!);
    const ended = await event.ended();

    expect(outcome(ended)).toMatchObject({ phase: 'Succeeded' });
    expect(ended.status?.childrenSummary).toMatchObject({ total: 20, completed: 20 });
    expect(event.children()).toHaveLength(20);
    expectOnePodEach(event.children());
    expect((await operator.pods()).map(({ metadata }) => metadata.uid)).not.toContain(pod?.metadata.uid);
  });
});
