import { describe, expect, test } from 'vitest';
import { createSharedCalls } from './shared-calls.ts';

/** A call that ends when the test says so. */
function controlled() {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const signals: AbortSignal[] = [];
  const start = (signal: AbortSignal) => {
    signals.push(signal);
    return promise;
  };
  return { start, signals, resolve, reject };
}

describe('createSharedCalls', () => {
  test('given several who want the same at once, then there is one call; later ones start anew', async () => {
    const calls = createSharedCalls<string>();
    const { start, signals, resolve } = controlled();
    const both = Promise.all([calls.run('a', start), calls.run('a', start), calls.run('b', start)]);
    resolve('done');

    expect(await both).toEqual(['done', 'done', 'done']);
    expect(signals).toHaveLength(2);
    await calls.run('a', start);
    expect(signals).toHaveLength(3);
  });

  test('given one of two who leaves, then the call goes on for the other', async () => {
    const calls = createSharedCalls<string>();
    const { start, signals, resolve } = controlled();
    const leaving = new AbortController();
    const left = calls.run('a', start, leaving.signal);
    const stays = calls.run('a', start);

    leaving.abort(new Error('I am off'));

    await expect(left).rejects.toThrow('I am off');
    expect(signals[0]?.aborted).toBe(false);
    resolve('done');
    expect(await stays).toBe('done');
  });

  test('given that all leave, then the call is aborted and the next caller gets one of his own', async () => {
    const calls = createSharedCalls<string>();
    const { start, signals, reject } = controlled();
    const leaving = new AbortController();
    const left = calls.run('a', start, leaving.signal);
    leaving.abort(new Error('off'));

    await expect(left).rejects.toThrow('off');
    expect(signals[0]?.aborted).toBe(true);
    reject(new Error('aborted'));
    expect(await calls.run('a', async () => 'fresh')).toBe('fresh');
  });

  test('given a failure, then all hear of it and it is not remembered', async () => {
    const calls = createSharedCalls<string>();
    const failing = async () => {
      throw new Error('broken');
    };

    const both = await Promise.allSettled([calls.run('a', failing), calls.run('a', failing)]);

    expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(await calls.run('a', async () => 'fine')).toBe('fine');
  });

  test('given an abort beforehand, then nothing starts', async () => {
    const { start, signals } = controlled();

    await expect(createSharedCalls().run('a', start, AbortSignal.abort(new Error('no')))).rejects.toThrow('no');
    expect(signals).toEqual([]);
  });
});
