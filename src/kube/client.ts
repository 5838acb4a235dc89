import type { Clock } from './clock.ts';
import { systemClock } from './clock.ts';
import type { ClusterConfig } from './config.ts';
import { ApiError } from './errors.ts';
import type { KubeMetrics } from './metrics.ts';
import { noMetrics } from './metrics.ts';
import type { KubeList, KubeObject, Live, ObjectRef, ResourceType } from './objects.ts';
import { apiVersionOf } from './objects.ts';
import type {
  ApplyOptions,
  CallOptions,
  DeleteOptions,
  JsonPatchOperation,
  ListOptions,
  LogOptions,
  RawOptions,
  Selection,
  WriteOptions,
} from './options.ts';
import { createTokenBucket } from './rate-limit.ts';
import * as requests from './requests.ts';
import { withRetries } from './retry.ts';
import { createTransport } from './transport.ts';
import type { WatchEvent, WatchOptions } from './watch.ts';
import { watchEvents } from './watch.ts';

/**
 * The Kubernetes API as JSON. Objects are passed through as they are: nothing is dropped, dates stay strings.
 *
 * Every call waits for the rate limiter, and throws an `ApiError` with a class, or the reason of an aborted signal. Calls that
 * may be repeated are, after a transient failure: 3 attempts, 100 ms to 10 s apart, doubled, with 10 % jitter, and not before
 * the server's Retry-After. That is all of them but `create` with generateName, `jsonPatch`, and raw calls that say so; these
 * are repeated only when the server said that it did nothing (429, 503 with Retry-After, connection refused). A `create` that is
 * repeated can find its own object: `alreadyExists`, to be compared by owner UID as any other.
 */
export interface KubeClient {
  get<T extends KubeObject>(type: ResourceType<T>, ref: ObjectRef, options?: CallOptions): Promise<Live<T>>;
  /** One page. */
  list<T extends KubeObject>(type: ResourceType<T>, options?: ListOptions): Promise<KubeList<T>>;
  /** Page after page, all from one snapshot; throws `gone` when that is lost on the way (after about 5 minutes). */
  listAll<T extends KubeObject>(type: ResourceType<T>, options?: ListOptions): AsyncGenerator<KubeList<T>, void, void>;
  /** As `listAll`, but of each object only its metadata: a list of large objects stays small. */
  listMetadata(type: ResourceType, options?: ListOptions): AsyncGenerator<KubeList<KubeObject>, void, void>;
  create<T extends KubeObject>(type: ResourceType<T>, object: T, options?: WriteOptions): Promise<Live<T>>;
  /** PUT. With metadata.resourceVersion, `conflict` when the object has changed since. */
  replace<T extends KubeObject>(type: ResourceType<T>, object: T, options?: WriteOptions): Promise<Live<T>>;
  /**
   * Server-side apply. `configuration` holds exactly the fields that `fieldManager` wants to own, and apiVersion, kind, name and
   * namespace. With metadata.resourceVersion it is a `conflict` when the object has changed since. An absent object is created, even with
   * a resourceVersion: put metadata.uid in too where it must not come back from the dead (then it is a `conflict`). Through a
   * subresource an absent object is `notFound`.
   */
  applyServerSide<T extends KubeObject, A extends KubeObject>(
    type: ResourceType<T>,
    configuration: A,
    options: ApplyOptions,
  ): Promise<Live<T>>;
  /** RFC 7386: null removes a field. Put metadata.resourceVersion in to make it a compare-and-swap. */
  mergePatch<T extends KubeObject>(
    type: ResourceType<T>,
    ref: ObjectRef,
    patch: object,
    options?: WriteOptions,
  ): Promise<Live<T>>;
  jsonPatch<T extends KubeObject>(
    type: ResourceType<T>,
    ref: ObjectRef,
    patch: readonly JsonPatchOperation[],
    options?: WriteOptions,
  ): Promise<Live<T>>;
  /** Resolves when the deletion is accepted; finalizers and grace periods come after. */
  delete(type: ResourceType, ref: ObjectRef, options?: DeleteOptions): Promise<void>;
  /** Deletes all that is selected. Without any selection it throws `invalid`, as it is never meant. */
  deleteCollection(type: ResourceType, selection: Selection & DeleteOptions): Promise<void>;
  /**
   * What changes after `resourceVersion`, until the server ends the watch (it then just returns), the signal is aborted (it throws
   * the reason), or something goes wrong (ApiError; `gone`: list again). Not repeated, not limited: the reflector does that.
   */
  watch<T extends KubeObject>(type: ResourceType<T>, options: WatchOptions): AsyncGenerator<WatchEvent<T>, void, void>;
  /** A container's log as UTF-8. */
  podLogs(ref: ObjectRef, options?: LogOptions): Promise<string>;
  /** Any other path, such as `/openid/v1/jwks` or `/version`; JSON answers are parsed, others come as text. */
  raw(path: string, options?: RawOptions): Promise<unknown>;
  /** Ends what runs (watches too) and closes every connection. */
  close(): Promise<void>;
}

export interface ClientOptions {
  /** Requests a second, on average. Default 50, as controller-runtime's 20 is meant for one small controller. */
  qps?: number;
  /** Requests at once after a quiet time. Default 100. */
  burst?: number;
  /** Connections for requests; watches and urgent calls have their own. Default 32. */
  connections?: number;
  /** Default `kube-client`. */
  userAgent?: string;
  clock?: Clock;
  /** Default Math.random. */
  random?: () => number;
  metrics?: KubeMetrics;
}

const defaultTimeoutMs = 30_000;
const defaultAttempts = 3;
const defaultPageSize = 500;

/** A client for one API server. Nothing is sent before the first call. */
export function createKubeClient(config: ClusterConfig, options: ClientOptions = {}): KubeClient {
  const { qps = 50, burst = 100, connections = 32, userAgent = 'kube-client' } = options;
  const { clock = systemClock, random = Math.random, metrics = noMetrics } = options;
  const transport = createTransport(config, { connections, userAgent });
  const bucket = createTokenBucket({ qps, burst, clock });

  const attempt = async (request: requests.Request, call: CallOptions): Promise<string> => {
    if (call.urgent !== true) metrics.rateLimited({ waitMs: await bucket.acquire(call.signal) });
    const start = clock.monotonic();
    let code = 0;
    try {
      const http = { ...request, signal: call.signal };
      const answer = await transport.send(http, call.timeoutMs ?? defaultTimeoutMs, call.urgent === true);
      code = answer.code;
      return answer.text;
    } catch (error) {
      if (error instanceof ApiError) code = error.code;
      throw error;
    } finally {
      metrics.request({ method: request.method, code, durationMs: clock.monotonic() - start });
    }
  };

  const sendText = (request: requests.Request, call: CallOptions = {}): Promise<string> =>
    withRetries(() => attempt(request, call), {
      attempts: call.attempts ?? defaultAttempts,
      idempotent: request.idempotent,
      clock,
      random,
      signal: call.signal,
    });

  const send = async <R>(request: requests.Request, call: CallOptions = {}): Promise<R> => {
    const text = await sendText(request, call);
    try {
      return JSON.parse(text) as R;
    } catch (cause) {
      const message = `${request.method} ${request.path} was answered with something else than JSON: ${text.slice(0, 100)}`;
      throw new ApiError({ class: 'terminal', code: 200, reason: 'NotJson', message, cause });
    }
  };

  const list = async <T extends KubeObject>(
    type: ResourceType<T>,
    listOptions: ListOptions = {},
    content: requests.ListContent = 'objects',
  ): Promise<KubeList<T>> =>
    withTypes(type, await send<KubeList<T>>(requests.list(type, listOptions, content), listOptions));

  async function* pages<T extends KubeObject>(
    type: ResourceType<T>,
    listOptions: ListOptions,
    content: requests.ListContent,
  ): AsyncGenerator<KubeList<T>, void, void> {
    let next: string | undefined = listOptions.continue;
    do {
      const page = await list(type, { limit: defaultPageSize, ...listOptions, continue: next }, content);
      yield page;
      next = page.metadata.continue;
    } while (next !== undefined && next !== '');
  }

  return {
    get: async (type, ref, call) => send(requests.get(type, ref), call),
    list: (type, listOptions) => list(type, listOptions),
    listAll: (type, listOptions = {}) => pages(type, listOptions, 'objects'),
    listMetadata: (type, listOptions = {}) => pages(type, listOptions, 'metadata'),
    create: async (type, object, write) => send(requests.create(type, object, write), write),
    replace: async (type, object, write) => send(requests.replace(type, object, write), write),
    applyServerSide: async (type, configuration, apply) => send(requests.apply(type, configuration, apply), apply),
    mergePatch: async (type, ref, patch, write) => send(requests.mergePatch(type, ref, patch, write), write),
    jsonPatch: async (type, ref, patch, write) => send(requests.jsonPatch(type, ref, patch, write), write),
    delete: async (type, ref, options) => {
      await sendText(requests.remove(type, ref, options), options);
    },
    deleteCollection: async (type, selection) => {
      await sendText(requests.removeCollection(type, selection), selection);
    },
    watch: (type, watchOptions) => watchEvents(transport, config.server, type, watchOptions),
    podLogs: async (ref, logOptions) => sendText(requests.podLogs(ref, logOptions), logOptions),
    raw: async (path, rawOptions) => {
      const text = await sendText(requests.raw(path, rawOptions), rawOptions);
      return parseIfJson(text);
    },
    close: () => transport.close(),
  };
}

/** Items of a typed list come without apiVersion and kind, as the list says it for them all. Of metadata, an empty list is null. */
function withTypes<T extends KubeObject>(type: ResourceType<T>, page: KubeList<T>): KubeList<T> {
  const apiVersion = apiVersionOf(type);
  page.items ??= [];
  for (const item of page.items) {
    item.apiVersion ??= apiVersion;
    item.kind ??= type.kind;
  }
  return page;
}

function parseIfJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
