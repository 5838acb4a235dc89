import type { BackOffOptions } from './backoff.ts';
import { createBackOff } from './backoff.ts';
import type { KubeClient } from './client.ts';
import type { Clock } from './clock.ts';
import { systemClock } from './clock.ts';
import { ApiError, isApiError } from './errors.ts';
import type { Logger } from './logger.ts';
import { silentLogger } from './logger.ts';
import type { KubeMetrics } from './metrics.ts';
import { noMetrics } from './metrics.ts';
import type { KubeObject, Live, ResourceType } from './objects.ts';
import { keyOf } from './objects.ts';
import type { Selection } from './options.ts';
import type { Fillable, Stored } from './store.ts';

export interface ReflectorOptions<T extends KubeObject, P extends Stored> extends Selection {
  client: Pick<KubeClient, 'listAll' | 'watch'>;
  type: ResourceType<T>;
  store: Fillable<P>;
  /**
   * Makes the object that is stored, so that memory holds only what is used: a whole Pod takes 18 KB, a projected one little
   * more than 1. Default: the object without metadata.managedFields, 4 KB of a Pod.
   */
  project?: (object: Live<T>) => P;
  /** Objects of one list request; while the next is under way, others have their turn on the event loop. Default 500. */
  pageSize?: number;
  /** See `WatchOptions`. */
  idleTimeoutMs?: number;
  /** After errors. Default 200 ms to 30 s. */
  backOff?: BackOffOptions;
  clock?: Clock;
  logger?: Logger;
  metrics?: KubeMetrics;
}

/** Keeps a store equal to what the API server has. */
export interface Reflector {
  /** The resource's plural, for logs. */
  readonly name: string;
  start(): void;
  /** Resolves when nothing of it runs any more. The store keeps what it has. */
  stop(): Promise<void>;
  /** True once the store was filled; it stays true through errors. */
  hasSynced(): boolean;
  /** Resolves when `hasSynced`; rejects with the signal's reason. */
  synced(signal?: AbortSignal): Promise<void>;
}

// client-go's reflector asks for 5 to 10 minutes, so that the watches of many clients do not end together.
const shortestWatchSeconds = 300;

/** A watch that the server ends sooner than this counts as a failure, else a broken proxy is called in a tight loop. */
const shortestWatchMs = 1_000;

/**
 * Lists page by page, then watches from there with bookmarks. A watch that drops or hangs is resumed from the last event; only when the
 * server no longer has that version (410), all is listed again, and the store tells its handlers the difference. It never throws:
 * whatever fails is logged and tried again with back-off.
 */
export function createReflector<T extends KubeObject, P extends Stored = Live<T>>(
  options: ReflectorOptions<T, P>,
): Reflector {
  const { client, type, store, namespace, labelSelector, fieldSelector, pageSize = 500, idleTimeoutMs } = options;
  const { clock = systemClock, logger = silentLogger, metrics = noMetrics } = options;
  const project = options.project ?? (dropManagedFields as unknown as (object: Live<T>) => P);
  const random = options.backOff?.random ?? Math.random;
  const backOff = createBackOff(options.backOff);
  const selection = { namespace, labelSelector, fieldSelector };
  const name = type.plural;
  const abort = new AbortController();
  const { signal } = abort;
  const firstSync = Promise.withResolvers<void>();
  let isSynced = false;
  let running: Promise<void> | undefined;

  /** undefined: the object cannot be projected, which is a bug and must not stop the others. */
  const tryProject = (object: Live<T>): P | undefined => {
    try {
      return project(object);
    } catch (err) {
      logger.error(
        { err, resource: name, key: keyOf(object.metadata) },
        'the projection failed; the object is left out',
      );
      return undefined;
    }
  };

  const isStored = (object: Live<T>): P | undefined => {
    const stored = store.get(keyOf(object.metadata));
    const { uid, resourceVersion } = object.metadata;
    return stored?.metadata.uid === uid && stored.metadata.resourceVersion === resourceVersion ? stored : undefined;
  };

  const listEverything = async (): Promise<string> => {
    const start = clock.monotonic();
    const objects: P[] = [];
    let version = '';
    for await (const page of client.listAll(type, { ...selection, limit: pageSize, signal })) {
      for (const item of page.items) {
        const object = isStored(item) ?? tryProject(item);
        if (object !== undefined) objects.push(object);
      }
      version = page.metadata.resourceVersion;
    }
    signal.throwIfAborted();
    store.replace(objects);
    isSynced = true;
    firstSync.resolve();
    const durationMs = clock.monotonic() - start;
    metrics.listed({ resource: name, items: objects.length, durationMs });
    logger.debug({ resource: name, items: objects.length, version, durationMs }, 'listed');
    return version;
  };

  /** Applies what changes to the store; `onProgress` gets every version from which the watch could go on. */
  const watch = async (resourceVersion: string, onProgress: (version: string) => void): Promise<void> => {
    const timeoutSeconds = Math.floor(shortestWatchSeconds * (1 + random()));
    const watching = client.watch(type, { ...selection, resourceVersion, timeoutSeconds, idleTimeoutMs, signal });
    for await (const event of watching) {
      switch (event.type) {
        case 'ADDED':
        case 'MODIFIED': {
          const object = tryProject(event.object);
          if (object !== undefined) store.set(object);
          onProgress(event.object.metadata.resourceVersion);
          break;
        }
        case 'DELETED':
          store.delete(keyOf(event.object.metadata));
          onProgress(event.object.metadata.resourceVersion);
          break;
        case 'BOOKMARK':
          onProgress(event.resourceVersion);
          break;
      }
    }
  };

  const watchAndReport = async (version: string, onProgress: (version: string) => void): Promise<void> => {
    const start = clock.monotonic();
    let progressed = false;
    try {
      await watch(version, next => {
        progressed = true;
        backOff.reset();
        onProgress(next);
      });
    } catch (error) {
      metrics.watchEnded({ resource: name, outcome: error instanceof ApiError ? error.class : 'aborted' });
      throw error;
    }
    metrics.watchEnded({ resource: name, outcome: 'ended' });
    if (!progressed && clock.monotonic() - start < shortestWatchMs) {
      const message = `the watch of ${name} was ended at once`;
      throw new ApiError({ class: 'transient', code: 200, reason: 'ShortWatch', message });
    }
    backOff.reset();
  };

  const recover = async (error: unknown): Promise<void> => {
    const askedFor = error instanceof ApiError ? (error.retryAfterSeconds ?? 0) * 1000 : 0;
    const delayMs = Math.max(backOff.next(), askedFor);
    logger.warn({ err: error, resource: name, delayMs }, 'list or watch failed, will go on after a pause');
    await clock.sleep(delayMs, signal).catch(() => {});
  };

  const run = async (): Promise<void> => {
    let version: string | undefined;
    while (!signal.aborted) {
      try {
        version ??= await listEverything();
        await watchAndReport(version, next => {
          version = next;
        });
      } catch (error) {
        if (signal.aborted) return;
        if (isApiError(error, 'gone')) version = undefined;
        await recover(error);
      }
    }
  };

  return {
    name,
    start: () => {
      running ??= run();
    },
    stop: async () => {
      abort.abort(new Error(`the reflector of ${name} was stopped`));
      await running;
    },
    hasSynced: () => isSynced,
    synced: async signal => (signal === undefined ? firstSync.promise : orAborted(firstSync.promise, signal)),
  };
}

/** The default projection. managedFields are most of a small object's JSON and nothing that a controller decides by. */
function dropManagedFields<T extends KubeObject>(object: Live<T>): Live<T> {
  delete object.metadata.managedFields;
  return object;
}

function orAborted<R>(promise: Promise<R>, signal: AbortSignal): Promise<R> {
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  return Promise.race([promise, aborted]).finally(() => signal.removeEventListener('abort', onAbort));
}
