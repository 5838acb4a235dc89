import { describe, expect, test } from 'vitest';
import { within } from './within.ts';

const never = new Promise<string>(() => {});

describe('work with a signal that it does not know', () => {
  test('given no signal, then its result counts', async () => {
    expect(await within(Promise.resolve('done'), undefined)).toBe('done');
  });

  test('given it ends first, then its result or error counts', async () => {
    const { signal } = new AbortController();
    expect(await within(Promise.resolve('done'), signal)).toBe('done');
    await expect(within(Promise.reject(new Error('failed')), signal)).rejects.toThrow('failed');
  });

  test('given an abort before or meanwhile, then its reason is thrown', async () => {
    await expect(within(never, AbortSignal.abort(new Error('stopped')))).rejects.toThrow('stopped');
    const stop = new AbortController();
    const waiting = within(never, stop.signal);
    stop.abort(new Error('stopped later'));
    await expect(waiting).rejects.toThrow('stopped later');
  });

  test('given work that fails after the abort, then nobody has to hear of it', async () => {
    const late = Promise.withResolvers<string>();
    await expect(within(late.promise, AbortSignal.abort(new Error('stopped')))).rejects.toThrow('stopped');
    late.reject(new Error('late'));
  });
});
