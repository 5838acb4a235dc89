import { describe, expect, it } from 'vitest';
import type { FakeClock } from '../../test/fixtures/fake-clock.ts';
import { createFakeClock, settled } from '../../test/fixtures/fake-clock.ts';
import type { Controller, ControllerOptions, Reconciler } from './controller.ts';
import { createController } from './controller.ts';
import { ApiError } from './errors.ts';
import type { Logger } from './logger.ts';
import { silentLogger } from './logger.ts';
import { noMetrics } from './metrics.ts';

interface Bench {
  clock: FakeClock;
  controller: Controller;
  /** `key@time` of each reconcile. */
  calls: string[];
  logs: { level: string; message: string; key: unknown }[];
  outcomes: string[];
}

function bench(reconcile: Reconciler, options: Partial<ControllerOptions> = {}): Bench {
  const clock = createFakeClock();
  const calls: string[] = [];
  const logs: Bench['logs'] = [];
  const outcomes: string[] = [];
  const log = (level: string) => (fields: object, message: string) =>
    logs.push({ level, message, key: (fields as { key?: unknown }).key });
  const logger: Logger = { ...silentLogger, debug: log('debug'), warn: log('warn'), error: log('error') };
  const controller = createController({
    name: 'things',
    sources: [],
    clock,
    logger,
    metrics: { ...noMetrics, reconciled: ({ outcome }) => outcomes.push(outcome) },
    ...options,
    reconcile: (key, signal) => {
      calls.push(`${key}@${clock.monotonic()}`);
      return reconcile(key, signal);
    },
  });
  return { clock, controller, calls, logs, outcomes };
}

describe('createController', () => {
  it('given keys from a source, then each is reconciled, and the source ends with the controller', async () => {
    let ended = false;
    const start = (enqueue: (key: string) => void) => {
      enqueue('n/a');
      enqueue('n/b');
      return () => {
        ended = true;
      };
    };
    const { controller, calls, outcomes } = bench(async () => {}, { sources: [{ start }] });
    controller.start();
    await settled();
    expect(calls).toEqual(['n/a@0', 'n/b@0']);
    expect(outcomes).toEqual(['success', 'success']);
    await controller.stop();
    expect(ended).toBe(true);
  });

  it('given a wish to be called again, then it is, after that time', async () => {
    const { clock, controller, calls, outcomes } = bench(async () => ({ requeueAfterMs: 1_000 }));
    controller.start();
    controller.enqueue('n/a');
    await clock.advance(2_500);
    expect(calls).toEqual(['n/a@0', 'n/a@1000', 'n/a@2000']);
    expect(outcomes[0]).toBe('requeueAfter');
    await controller.stop();
  });

  it('given errors, then it is called again with growing pauses, and after a success from the start', async () => {
    let failing = true;
    const { clock, controller, calls, logs } = bench(async () => {
      if (failing) throw new Error('not yet');
    });
    controller.start();
    controller.enqueue('n/a');
    await clock.advance(74);
    failing = false;
    await clock.advance(1_000);
    failing = true;
    controller.enqueue('n/a');
    await clock.advance(5);
    expect(calls).toEqual(['n/a@0', 'n/a@5', 'n/a@15', 'n/a@35', 'n/a@75', 'n/a@1074', 'n/a@1079']);
    expect(logs[0]).toEqual({ level: 'warn', message: 'reconcile failed, will retry', key: 'n/a' });
    await controller.stop();
  });

  it('given an error with a time to wait, then it is not called before', async () => {
    let first = true;
    const { clock, controller, calls } = bench(async () => {
      if (!first) return;
      first = false;
      throw new ApiError({
        class: 'transient',
        code: 429,
        reason: 'TooManyRequests',
        message: 'm',
        retryAfterSeconds: 3,
      });
    });
    controller.start();
    controller.enqueue('n/a');
    await clock.advance(10_000);
    expect(calls).toEqual(['n/a@0', 'n/a@3000']);
    await controller.stop();
  });

  it('given a conflict, then it is retried without a warning, as it is ordinary', async () => {
    const { controller, logs } = bench(async () => {
      throw new ApiError({ class: 'conflict', code: 409, reason: 'Conflict', message: 'm' });
    });
    controller.start();
    controller.enqueue('n/a');
    await settled();
    expect(logs).toMatchObject([{ level: 'debug' }]);
    await controller.stop();
  });

  it('given a reconciler that throws before its first await, then it is an error like any other', async () => {
    const { controller, outcomes } = bench(() => {
      throw new Error('at once');
    });
    controller.start();
    controller.enqueue('n/a');
    await settled();
    expect(outcomes).toEqual(['error']);
    await controller.stop();
  });

  it('given 3 workers, then at most 3 keys are reconciled at once, and never one key twice', async () => {
    const running = new Set<string>();
    let most = 0;
    const { clock, controller, calls } = bench(
      async key => {
        expect(running.has(key)).toBe(false);
        running.add(key);
        most = Math.max(most, running.size);
        await clock.sleep(100);
        running.delete(key);
      },
      { workers: 3 },
    );
    controller.start();
    for (const key of ['a', 'b', 'c', 'd', 'e']) controller.enqueue(key);
    await clock.advance(50);
    for (const key of ['a', 'b', 'c', 'd', 'e']) controller.enqueue(key);
    await clock.advance(1_000);
    expect(most).toBe(3);
    expect(calls).toHaveLength(8);
    await controller.stop();
  });

  it('given keys before the start, then they wait for it', async () => {
    const { clock, controller, calls } = bench(async () => {});
    controller.enqueue('now');
    controller.enqueueAfter('later', 100);
    await settled();
    expect(calls).toEqual([]);
    controller.start();
    await clock.advance(100);
    expect(calls).toEqual(['now@0', 'later@100']);
    await controller.stop();
  });
});

describe('stopping', () => {
  it('given a running reconcile, then it may end, what waits is dropped, and nothing comes after', async () => {
    const done: string[] = [];
    const { clock, controller, calls } = bench(async (key, signal) => {
      await clock.sleep(100);
      done.push(`${key} ${signal.aborted}`);
    });
    controller.start();
    controller.enqueue('running');
    controller.enqueue('waiting');
    await settled();
    const stopping = controller.stop({ graceMs: 1_000 });
    controller.enqueue('too late');
    await clock.advance(100);
    await stopping;
    expect(done).toEqual(['running false']);
    expect(calls).toHaveLength(1);
    expect(clock.pending).toBe(0);
  });

  it('given a reconcile that takes longer than the grace time, then its signal is aborted and it is not logged as a failure', async () => {
    const { clock, controller, logs } = bench(async (_, signal) => {
      await clock.sleep(60_000, signal);
    });
    controller.start();
    controller.enqueue('slow');
    await settled();
    const stopping = controller.stop({ graceMs: 1_000 });
    let stopped = false;
    stopping.then(() => {
      stopped = true;
    });
    await clock.advance(999);
    expect(stopped).toBe(false);
    await clock.advance(1);
    await stopping;
    expect(logs).toEqual([]);
  });

  it('given a stop before the start, then it never starts', async () => {
    const started: string[] = [];
    const start = () => {
      started.push('source');
      return () => {};
    };
    const { controller, calls } = bench(async () => {}, { sources: [{ start }] });
    await controller.stop();
    controller.enqueue('n/a');
    controller.start();
    await settled();
    expect([calls, started]).toEqual([[], []]);
  });
});
