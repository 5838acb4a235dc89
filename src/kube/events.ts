import { randomBytes } from 'node:crypto';
import type { KubeClient } from './client.ts';
import type { Clock } from './clock.ts';
import { systemClock } from './clock.ts';
import { createDelayQueue } from './delay-queue.ts';
import { isApiError } from './errors.ts';
import type { EventInput, Reporter } from './event-record.ts';
import { fingerprint, toKubeEvent } from './event-record.ts';
import type { Logger } from './logger.ts';
import { silentLogger } from './logger.ts';
import type { KubeMetrics } from './metrics.ts';
import { noMetrics } from './metrics.ts';
import type { KubeEvent } from './objects.ts';
import { events } from './objects.ts';
import { formatMicroTime } from './time.ts';

export type { EventInput } from './event-record.ts';

/** Returns at once and never throws: no event is worth a reconcile. */
export interface EventRecorder {
  event(input: EventInput): void;
  /** Sends what waits, for at most `graceMs` (default 5,000), then drops the rest. Later events are ignored. */
  stop(options?: { graceMs?: number }): Promise<void>;
}

export interface EventRecorderOptions extends Reporter {
  client: Pick<KubeClient, 'create' | 'mergePatch'>;
  /** Events that wait to be sent; more are dropped. Default 1,000, as client-go's broadcaster. */
  queueLimit?: number;
  /** The first repetition of an event is written at once, those after it together after this long. Default 60,000. */
  seriesIntervalMs?: number;
  /** An event that has not been repeated for so long is over; the next is a new one. Default 360,000, as client-go. */
  seriesTimeoutMs?: number;
  /** Different events that are remembered, to recognise their repetitions. Default 4,096, as client-go's correlator. */
  memory?: number;
  clock?: Clock;
  logger?: Logger;
  metrics?: KubeMetrics;
}

/** An event that was sent, and what is known of its repetitions. */
interface Series {
  event: KubeEvent;
  count: number;
  /** Of the clock's monotonic time. */
  lastAt: number;
  lastObservedTime: string;
  /** The count that the API server has, or is about to get. */
  written: number;
}

const sendTimeoutMs = 10_000;
const defaultGraceMs = 5_000;

/**
 * Writes events.k8s.io/v1 one after the other, in the background. An event with the same object, reason, action and note as an
 * earlier one becomes part of its series instead of a new object.
 */
export function createEventRecorder(options: EventRecorderOptions): EventRecorder {
  const { client, queueLimit = 1_000, seriesIntervalMs = 60_000, seriesTimeoutMs = 360_000, memory = 4_096 } = options;
  const { clock = systemClock, logger = silentLogger, metrics = noMetrics } = options;
  const abort = new AbortController();
  /** Least recently seen first. */
  const remembered = new Map<string, Series>();
  const queue: { key: string; series: Series }[] = [];
  let sending: Promise<void> | undefined;
  let stopped = false;

  const send = async (key: string, series: Series): Promise<void> => {
    const { event, count, lastObservedTime } = series;
    const isNew = series.written === 0;
    if (series.written === count) return;
    series.written = count;
    const update = count > 1 ? { series: { count, lastObservedTime } } : {};
    const { name = '', namespace } = event.metadata;
    const call = { signal: abort.signal, timeoutMs: sendTimeoutMs };
    try {
      if (isNew) await client.create(events, { ...event, ...update }, call);
      else await client.mergePatch(events, { name, namespace }, update, call);
      metrics.eventRecorded({ outcome: 'sent' });
    } catch (err) {
      // It expired, or was never stored, or its namespace is going away: the next one starts anew.
      if (!isApiError(err, 'alreadyExists')) drop(key, err);
    }
  };

  const drop = (key: string, err: unknown): void => {
    remembered.delete(key);
    metrics.eventRecorded({ outcome: 'dropped' });
    const expected = abort.signal.aborted || isApiError(err, 'notFound', 'forbidden');
    const fields = { err, event: key.slice(0, 300) };
    if (expected) logger.debug(fields, 'an event was not written');
    else logger.warn(fields, 'an event was not written');
  };

  const sendAll = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) await send(next.key, next.series);
    sending = undefined;
  };

  const enqueue = (key: string, series: Series): void => {
    if (queue.length >= queueLimit) {
      drop(key, new Error(`more than ${queueLimit} events wait to be sent`));
      return;
    }
    queue.push({ key, series });
    sending ??= sendAll();
  };

  const writeSeries = (key: string): void => {
    const series = remembered.get(key);
    if (series !== undefined && series.written < series.count) enqueue(key, series);
  };

  const delayed = createDelayQueue(clock, writeSeries);

  const remember = (key: string, series: Series): void => {
    remembered.delete(key);
    remembered.set(key, series);
    if (remembered.size <= memory) return;
    const [oldest] = remembered.keys();
    if (oldest !== undefined) remembered.delete(oldest);
  };

  const repeat = (key: string, series: Series, now: Date): void => {
    series.count += 1;
    series.lastAt = clock.monotonic();
    series.lastObservedTime = formatMicroTime(now);
    remember(key, series);
    metrics.eventRecorded({ outcome: 'merged' });
    if (series.count === 2) enqueue(key, series);
    else delayed.add(key, seriesIntervalMs);
  };

  const record = (input: EventInput): void => {
    const now = clock.now();
    const key = fingerprint(input);
    const known = remembered.get(key);
    if (known !== undefined && clock.monotonic() - known.lastAt < seriesTimeoutMs) {
      repeat(key, known, now);
      return;
    }
    const event = toKubeEvent(input, options, randomBytes(8).toString('hex'), now);
    const series = { event, count: 1, lastAt: clock.monotonic(), lastObservedTime: event.eventTime, written: 0 };
    remember(key, series);
    enqueue(key, series);
  };

  return {
    event: input => {
      if (stopped) return;
      try {
        record(input);
      } catch (err) {
        logger.error({ err, reason: input.reason }, 'an event could not be recorded');
      }
    },
    stop: async ({ graceMs = defaultGraceMs } = {}) => {
      stopped = true;
      delayed.clear();
      for (const key of [...remembered.keys()]) writeSeries(key);
      const cancel = clock.setTimeout(() => {
        queue.length = 0;
        abort.abort(new Error('the event recorder is stopping'));
      }, graceMs);
      await sending;
      cancel();
    },
  };
}
