import { afterEach, describe, expect, it, vi } from 'vitest';
import { createFakeClock } from '../../test/fixtures/fake-clock.ts';
import { repeat, systemClock } from './clock.ts';

describe('systemClock', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it('given a wait of 40 days, which is more than a Node timer holds, then it ends after 40 days and not before', () => {
    vi.useFakeTimers();
    const callback = vi.fn();
    const day = 24 * 3600 * 1000;
    systemClock.setTimeout(callback, 40 * day);
    vi.advanceTimersByTime(40 * day - 1);
    expect(callback).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(callback).toHaveBeenCalledOnce();
  });

  it('given a long wait, when it is cancelled in its second piece, then it never ends', () => {
    vi.useFakeTimers();
    const callback = vi.fn();
    const day = 24 * 3600 * 1000;
    const cancel = systemClock.setTimeout(callback, 40 * day);
    vi.advanceTimersByTime(30 * day);
    cancel();
    vi.advanceTimersByTime(30 * day);
    expect(callback).not.toHaveBeenCalled();
  });

  it('given a sleep, then it resolves; given an aborted one, then it rejects with the reason', async () => {
    const before = systemClock.monotonic();
    await systemClock.sleep(5);
    expect(systemClock.monotonic()).toBeGreaterThan(before);
    expect(Math.abs(systemClock.now().getTime() - Date.now())).toBeLessThan(1_000);
    await expect(systemClock.sleep(60_000, AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough');
  });
});

describe('sleep', () => {
  it('given a sleeper, when its signal is aborted, then it wakes with the reason and leaves no timer behind', async () => {
    const clock = createFakeClock();
    const abort = new AbortController();
    const sleeping = clock.sleep(1_000, abort.signal);
    abort.abort(new Error('enough'));
    await expect(sleeping).rejects.toThrow('enough');
    expect(clock.pending).toBe(0);
  });
});

describe('repeat', () => {
  it('given an interval, then the action is called at the end of each, until it is cancelled', async () => {
    const clock = createFakeClock();
    const calls: number[] = [];
    const cancel = repeat(clock, 1_000, () => calls.push(clock.monotonic()));
    await clock.advance(3_500);
    cancel();
    await clock.advance(5_000);
    expect(calls).toEqual([1_000, 2_000, 3_000]);
    expect(clock.pending).toBe(0);
  });

  it('given an action that cancels it, then it was the last one', async () => {
    const clock = createFakeClock();
    const action = vi.fn(() => cancel());
    const cancel = repeat(clock, 1_000, action);
    await clock.advance(5_000);
    expect(action).toHaveBeenCalledOnce();
    expect(clock.pending).toBe(0);
  });
});
