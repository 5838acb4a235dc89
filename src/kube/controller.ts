import type { Clock } from './clock.ts';
import { systemClock } from './clock.ts';
import { ApiError, isApiError } from './errors.ts';
import type { Logger } from './logger.ts';
import { silentLogger } from './logger.ts';
import type { KubeMetrics } from './metrics.ts';
import { noMetrics } from './metrics.ts';
import type { WorkQueueOptions } from './queue.ts';
import { createWorkQueue } from './queue.ts';

/** What a reconcile asks for when it went well. */
export interface Result {
  /** Reconcile again after this long, unless something happens before. Absent: only when something happens. */
  requeueAfterMs?: number | undefined;
}

/**
 * Brings one object to its desired state; called for one key by at most one worker at a time. It throws to be called again with
 * back-off (or after an ApiError's retryAfterSeconds). The signal is aborted when leadership is lost or the drain takes too long.
 */
// biome-ignore lint/suspicious/noConfusingVoidType: a reconciler without wishes needs no return statement
export type Reconciler = (key: string, signal: AbortSignal) => Promise<Result | void>;

/** Puts keys into a controller's queue from when it starts until the returned function is called. */
export interface Source {
  start(enqueue: (key: string) => void): () => void;
}

export interface ControllerOptions {
  /** For logs and metrics. */
  name: string;
  reconcile: Reconciler;
  sources: readonly Source[];
  /** Keys reconciled at the same time. Default 1. */
  workers?: number;
  /** Back-off and retry rate; the defaults are client-go's. */
  queue?: Omit<WorkQueueOptions, 'name' | 'clock' | 'metrics'>;
  clock?: Clock;
  logger?: Logger;
  metrics?: KubeMetrics;
}

export interface Controller {
  readonly name: string;
  start(): void;
  /** For what no source sees, such as a timer or a webhook. Kept until the start, ignored after the stop. */
  enqueue(key: string): void;
  enqueueAfter(key: string, delayMs: number): void;
  /**
   * Takes no more keys, drops those that wait (the next leader finds them by its own list), and lets running reconciles end; those that
   * are not done after `graceMs` see their signal aborted. Resolves when all have returned.
   */
  stop(options?: { graceMs?: number }): Promise<void>;
}

const defaultGraceMs = 20_000;

/** A controller starts once and stops once; one that was stopped before its start never starts. */
export function createController(options: ControllerOptions): Controller {
  const { name, reconcile, sources, workers = 1 } = options;
  const { clock = systemClock, logger = silentLogger, metrics = noMetrics } = options;
  const queue = createWorkQueue({ ...options.queue, name, clock, metrics });
  const abort = new AbortController();
  let stopSources: (() => void)[] = [];
  let running: Promise<unknown> = Promise.resolve();
  let stopping = false;

  const retry = (key: string, error: unknown): void => {
    const askedFor = error instanceof ApiError ? (error.retryAfterSeconds ?? 0) * 1000 : 0;
    queue.addRateLimited(key, askedFor);
    const fields = { err: error, controller: name, key, retries: queue.retries(key) };
    // A conflict only means that the cache was behind; it is the ordinary course of things.
    if (isApiError(error, 'conflict')) logger.debug(fields, 'reconcile met a conflict, will retry');
    else logger.warn(fields, 'reconcile failed, will retry');
  };

  const handle = async (key: string): Promise<void> => {
    const start = clock.monotonic();
    const finished = (outcome: 'success' | 'requeueAfter' | 'error'): void =>
      metrics.reconciled({ controller: name, outcome, durationMs: clock.monotonic() - start });
    try {
      const result = await reconcile(key, abort.signal);
      const after = result?.requeueAfterMs;
      queue.forget(key);
      if (after !== undefined) queue.addAfter(key, after);
      finished(after === undefined ? 'success' : 'requeueAfter');
    } catch (error) {
      finished('error');
      if (!abort.signal.aborted) retry(key, error);
    }
  };

  const work = async (): Promise<void> => {
    for (let key = await queue.get(); key !== undefined; key = await queue.get()) {
      if (!stopping) await handle(key);
      queue.done(key);
    }
  };

  return {
    name,
    start: () => {
      if (stopping) return;
      stopSources = sources.map(source => source.start(queue.add));
      running = Promise.all(Array.from({ length: workers }, work));
    },
    enqueue: queue.add,
    enqueueAfter: queue.addAfter,
    stop: async ({ graceMs = defaultGraceMs } = {}) => {
      stopping = true;
      for (const stopSource of stopSources.splice(0)) stopSource();
      queue.shutDown();
      const cancel = clock.setTimeout(() => abort.abort(new Error(`controller ${name} is stopping`)), graceMs);
      await running;
      cancel();
    },
  };
}
