import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { startTimer } from './timer.ts';

describe('a timer', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it.each([0, 10, 2 ** 31 - 1, 2 ** 31, 40 * 86_400_000, 365 * 86_400_000])(
    'given %d ms, then it fires then, and once',
    ms => {
      const fired = vi.fn();
      startTimer(fired, ms);
      vi.advanceTimersByTime(Math.max(0, ms - 1));
      expect(fired).toHaveBeenCalledTimes(ms === 0 ? 1 : 0);
      vi.advanceTimersByTime(1);
      vi.advanceTimersByTime(ms);
      expect(fired).toHaveBeenCalledTimes(1);
    },
  );

  it('given a time that is over, then it fires at once', () => {
    const fired = vi.fn();
    startTimer(fired, -5);
    vi.advanceTimersByTime(0);
    expect(fired).toHaveBeenCalledOnce();
  });

  it('given a long wait that is stopped in its second piece, then it does not fire', () => {
    const fired = vi.fn();
    const stop = startTimer(fired, 2 ** 32);
    vi.advanceTimersByTime(2 ** 31);
    stop();
    vi.advanceTimersByTime(2 ** 33);
    expect(fired).not.toHaveBeenCalled();
  });
});
