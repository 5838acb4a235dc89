import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createSlots } from './slots.ts';

describe('createSlots', () => {
  test('property: given any number of calls, then at most so many run at once, in their order, and all run', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 4 }),
        fc.array(fc.boolean(), { maxLength: 12 }),
        fc.scheduler(),
        async (count, outcomes, scheduler) => {
          const slots = createSlots(count);
          const started: number[] = [];
          let running = 0;
          let most = 0;
          const calls = outcomes.map((good, index) =>
            slots
              .run(async () => {
                started.push(index);
                running += 1;
                most = Math.max(most, running);
                await scheduler.schedule(Promise.resolve());
                running -= 1;
                if (!good) throw new Error('failed');
              })
              .then(
                () => true,
                () => false,
              ),
          );

          await scheduler.waitFor(Promise.all(calls));

          expect(await Promise.all(calls)).toEqual(outcomes);
          expect(started).toEqual(outcomes.map((_, index) => index));
          expect(most).toBeLessThanOrEqual(count);
        },
      ),
    );
  });

  test('given an abort while it waits, then it leaves at once, never runs, and holds nobody up', async () => {
    const slots = createSlots(1);
    const first = Promise.withResolvers<void>();
    const running = slots.run(() => first.promise);
    const controller = new AbortController();
    const left = slots.run(async () => expect.fail('it ran'), controller.signal);
    const last = slots.run(async () => 'last');

    controller.abort(new Error('gone'));

    await expect(left).rejects.toThrow('gone');
    first.resolve();
    await running;
    expect(await last).toBe('last');
    await expect(slots.run(async () => 'x', AbortSignal.abort(new Error('before')))).rejects.toThrow('before');
  });
});
