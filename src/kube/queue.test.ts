import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FakeClock } from '../../test/fixtures/fake-clock.ts';
import { createFakeClock, settled } from '../../test/fixtures/fake-clock.ts';
import type { WorkQueue } from './queue.ts';
import { createWorkQueue } from './queue.ts';

/** What `get` gives now, or `waits` when it gives nothing. */
async function tryGet(queue: WorkQueue): Promise<string | undefined> {
  if (queue.length === 0) return 'waits';
  return queue.get();
}

describe('adding and getting', () => {
  it('given keys, then they come in their order, each once, however often it was added', async () => {
    const queue = createWorkQueue();
    for (const key of ['a', 'b', 'a', 'c', 'b']) queue.add(key);
    expect(queue.length).toBe(3);
    expect([await queue.get(), await queue.get(), await queue.get()]).toEqual(['a', 'b', 'c']);
    expect(queue.length).toBe(0);
  });

  it('given a worker that waits, when a key is added, then the worker gets it', async () => {
    const queue = createWorkQueue();
    const first = queue.get();
    const second = queue.get();
    queue.add('a');
    queue.add('b');
    expect([await first, await second]).toEqual(['a', 'b']);
  });

  it('given a key that a worker has, when it is added twice, then nobody else gets it before done, and it comes once after', async () => {
    const queue = createWorkQueue();
    queue.add('a');
    await queue.get();
    queue.add('a');
    queue.add('a');
    expect(await tryGet(queue)).toBe('waits');
    queue.done('a');
    expect(await tryGet(queue)).toBe('a');
    queue.done('a');
    expect(await tryGet(queue)).toBe('waits');
  });

  it('given thousands of keys, then they all come in order', async () => {
    const queue = createWorkQueue();
    const keys = Array.from({ length: 5_000 }, (_, index) => `${index}`);
    for (const key of keys) queue.add(key);
    for (const key of keys) expect(await queue.get()).toBe(key);
  });
});

describe('waiting', () => {
  it('given a delay, then the key comes after it; without one, at once', async () => {
    const clock = createFakeClock();
    const queue = createWorkQueue({ clock });
    queue.addAfter('later', 1_000);
    queue.addAfter('now', 0);
    expect([await tryGet(queue), await tryGet(queue)]).toEqual(['now', 'waits']);
    await clock.advance(999);
    expect(await tryGet(queue)).toBe('waits');
    await clock.advance(1);
    expect(await tryGet(queue)).toBe('later');
  });

  it('given failures, then the back-off is 5 ms doubled up to 1,000 s, until it is forgotten', async () => {
    const clock = createFakeClock();
    const queue = createWorkQueue({ clock });
    const delays: number[] = [];
    for (let i = 0; i < 20; i++) {
      const start = clock.monotonic();
      queue.addRateLimited('a');
      while ((await tryGet(queue)) === 'waits')
        await clock.advance(clock.monotonic() - start < 100 ? 1 : 2 ** (i - 6) * 5);
      queue.done('a');
      delays.push(clock.monotonic() - start);
    }
    expect(delays.slice(0, 5)).toEqual([5, 10, 20, 40, 80]);
    expect(delays.slice(-2)).toEqual([expect.closeTo(1_000_000, -5), expect.closeTo(1_000_000, -5)]);
    expect(queue.retries('a')).toBe(20);
    queue.forget('a');
    expect(queue.retries('a')).toBe(0);
    queue.addRateLimited('a');
    await clock.advance(5);
    expect(await tryGet(queue)).toBe('a');
  });

  it('given more retries than 100 at once, then the rest comes at 10 a second', async () => {
    const clock = createFakeClock();
    const queue = createWorkQueue({ clock });
    for (let i = 0; i < 120; i++) queue.addRateLimited(`${i}`);
    await clock.advance(50);
    expect(queue.length).toBe(100);
    await clock.advance(1_000);
    expect(queue.length).toBe(110);
    await clock.advance(1_000);
    expect(queue.length).toBe(120);
  });

  it('given a time that the server asked for, then the retry does not come before', async () => {
    const clock = createFakeClock();
    const queue = createWorkQueue({ clock });
    queue.addRateLimited('a', 7_000);
    await clock.advance(6_999);
    expect(await tryGet(queue)).toBe('waits');
    await clock.advance(1);
    expect(await tryGet(queue)).toBe('a');
  });
});

describe('shutting down', () => {
  it('given waiting workers, then they get undefined, and nothing is taken any more', async () => {
    const clock = createFakeClock();
    const queue = createWorkQueue({ clock });
    const waiting = queue.get();
    queue.addAfter('delayed', 10);
    queue.shutDown();
    expect(clock.pending).toBe(0);
    queue.add('a');
    queue.addAfter('b', 10);
    queue.addRateLimited('c');
    await clock.advance(1_000);
    expect([await waiting, await queue.get()]).toEqual([undefined, undefined]);
  });

  it('given queued keys, then they still come out before the end', async () => {
    const queue = createWorkQueue();
    queue.add('a');
    queue.shutDown();
    expect([await queue.get(), await queue.get()]).toEqual(['a', undefined]);
  });

  it('given a key that was added again while a worker has it, then it comes once more after done', async () => {
    const queue = createWorkQueue();
    queue.add('a');
    await queue.get();
    queue.add('a');
    queue.shutDown();
    queue.done('a');
    expect([await queue.get(), await queue.get()]).toEqual(['a', undefined]);
  });

  it('given a drain, then it resolves when everything is done and not before', async () => {
    const queue = createWorkQueue();
    queue.add('a');
    queue.add('b');
    await queue.get();
    let drained = false;
    const draining = queue.shutDownWithDrain().then(() => {
      drained = true;
    });
    queue.done('a');
    await settled();
    expect(drained).toBe(false);
    await queue.get();
    queue.done('b');
    await draining;
    expect(drained).toBe(true);
  });

  it('given an idle queue, then a drain resolves at once', async () => {
    await createWorkQueue().shutDownWithDrain();
  });
});

describe("compared with client-go's queue", () => {
  /** queue.go in as few words as possible: a dirty set, a processing set, and the order. */
  class Model {
    readonly dirty = new Set<string>();
    readonly processing = new Set<string>();
    order: string[] = [];
    readonly delayed = new Map<string, number>();
    now = 0;

    add(key: string): void {
      if (this.dirty.has(key)) return;
      this.dirty.add(key);
      if (!this.processing.has(key)) this.order.push(key);
    }

    addAfter(key: string, delay: number): void {
      if (delay <= 0) this.add(key);
      else this.delayed.set(key, Math.min(this.delayed.get(key) ?? Number.POSITIVE_INFINITY, this.now + delay));
    }

    get(): string | undefined {
      const key = this.order.shift();
      if (key === undefined) return undefined;
      this.dirty.delete(key);
      this.processing.add(key);
      return key;
    }

    done(key: string): void {
      this.processing.delete(key);
      if (this.dirty.has(key)) this.order.push(key);
    }

    advance(ms: number): void {
      for (let i = 0; i < ms; i++) {
        this.now += 1;
        for (const [key, time] of [...this.delayed]) {
          if (time > this.now) continue;
          this.delayed.delete(key);
          this.add(key);
        }
      }
    }
  }

  type Real = { queue: WorkQueue; clock: FakeClock };

  const key = fc.constantFrom('a', 'b', 'c', 'd');
  const commands = [
    key.map(k => ({
      check: () => true,
      run: async (model: Model, { queue }: Real) => {
        model.add(k);
        queue.add(k);
        expect(queue.length).toBe(model.order.length);
      },
      toString: () => `add ${k}`,
    })),
    fc.tuple(key, fc.integer({ min: -1, max: 30 })).map(([k, delay]) => ({
      check: (model: Model) => !new Set(model.delayed.values()).has(model.now + delay),
      run: async (model: Model, { queue }: Real) => {
        model.addAfter(k, delay);
        queue.addAfter(k, delay);
      },
      toString: () => `addAfter ${k} ${delay}`,
    })),
    fc.constant({
      check: (model: Model) => model.order.length > 0,
      run: async (model: Model, { queue }: Real) => {
        expect(await queue.get()).toBe(model.get());
      },
      toString: () => 'get',
    }),
    key.map(k => ({
      check: (model: Model) => model.processing.has(k),
      run: async (model: Model, { queue }: Real) => {
        model.done(k);
        queue.done(k);
        expect(queue.length).toBe(model.order.length);
      },
      toString: () => `done ${k}`,
    })),
    fc.integer({ min: 1, max: 20 }).map(ms => ({
      check: () => true,
      run: async (model: Model, { queue, clock }: Real) => {
        model.advance(ms);
        clock.advanceSync(ms);
        expect(queue.length).toBe(model.order.length);
      },
      toString: () => `advance ${ms}`,
    })),
  ];

  it('given any calls in any order, then both give the same keys in the same order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.commands(commands, { maxCommands: 200 }), async steps => {
        const setup = () => {
          const clock = createFakeClock();
          return { model: new Model(), real: { clock, queue: createWorkQueue({ clock }) } };
        };
        await fc.asyncModelRun(setup, steps);
      }),
    );
  });
});
