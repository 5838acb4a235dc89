import { describe, expect, test } from 'vitest';
import { done, notYet, waitFor } from './wait.ts';

describe('waitFor', () => {
  test('given a condition that holds at the third look, then it returns the value', async () => {
    let looks = 0;
    const value = await waitFor('three', () => (++looks < 3 ? notYet('too early') : done(looks)), { interval: 1 });
    expect(value).toBe(3);
  });

  test('given one that never holds, then the error names it and the last reason', async () => {
    const never = waitFor('the moon to fall', () => notYet('it hangs'), { timeout: 5, interval: 1 });
    await expect(never).rejects.toThrow(/for the moon to fall: it hangs/);
  });

  test('given a look that throws, then the wait ends at once with that error', async () => {
    const failing = waitFor('anything', () => {
      throw new Error('broken for good');
    });
    await expect(failing).rejects.toThrow('broken for good');
  });

  test('given a signal, when it aborts, then the wait ends with its reason', async () => {
    const stop = new AbortController();
    const waiting = waitFor('anything', () => notYet('no'), { signal: stop.signal, interval: 10_000 });
    stop.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow();
  });
});
