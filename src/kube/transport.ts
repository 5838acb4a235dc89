import type { Readable } from 'node:stream';
import { buildConnector, Pool } from 'undici';
import type { ClusterConfig } from './config.ts';
import { ApiError, errorFromAnswer, errorFromFailure } from './errors.ts';

export interface HttpRequest {
  method: string;
  /** With the query. */
  path: string;
  headers: Record<string, string>;
  body?: string | undefined;
  signal?: AbortSignal | undefined;
}

export interface Transport {
  /**
   * One attempt, the whole answer as text.
   *
   * @param apart uses a connection of its own rather than waiting for one of the pool's
   * @throws ApiError for anything but 2xx, or the reason of `request.signal`
   */
  send(request: HttpRequest, timeoutMs: number, apart: boolean): Promise<{ code: number; text: string }>;
  /** An answer without end, on a connection of its own. `idleMs` without a byte is an error, also while it is read. */
  stream(request: HttpRequest, idleMs: number): Promise<Readable>;
  close(): Promise<void>;
}

export interface TransportOptions {
  connections: number;
  userAgent: string;
}

/** As client-go: long enough for a slow network, short enough that one lost SYN does not use up a request's time. */
const connectTimeoutMs = 10_000;

/** A watch's headers come at once; a server that takes longer is hung or overloaded. */
const streamHeadersTimeoutMs = 30_000;

/** Kept open longer than the seconds between two reconciles, shorter than the 90 s after which an API server closes. */
const keepAliveMs = 60_000;

/** Bytes of an error's body that are read. */
const longestErrorBody = 64 * 1024;

/**
 * Two pools for one API server: `connections` for requests, and as many as needed for streams, so that no number of
 * watches can starve a request. HTTP/1.1, because one stalled HTTP/2 connection stalls everything on it.
 */
export function createTransport(config: ClusterConfig, { connections, userAgent }: TransportOptions): Transport {
  const url = new URL(config.server);
  const prefix = url.pathname.replace(/\/+$/, '');
  const poolOptions = {
    connect: connector(config),
    allowH2: false,
    pipelining: 1,
    keepAliveTimeout: keepAliveMs,
    // Both are set with each request.
    headersTimeout: 0,
    bodyTimeout: 0,
  };
  const requests = new Pool(url.origin, { ...poolOptions, connections });
  const streams = new Pool(url.origin, poolOptions);

  const describe = ({ method, path }: HttpRequest): string => `${method} ${path}`;

  const dispatch = async (
    pool: Pool,
    request: HttpRequest,
    timeouts: { headersTimeout: number; bodyTimeout: number },
  ) => {
    const authentication = await config.authenticate().catch(cause => {
      throw new ApiError({
        class: 'unauthorized',
        code: 0,
        reason: 'NoCredentials',
        message: `cannot get credentials for ${config.server}: ${cause instanceof Error ? cause.message : String(cause)}`,
        request: describe(request),
        cause,
      });
    });
    return pool.request({
      method: request.method as 'GET',
      path: prefix + request.path,
      headers: { accept: 'application/json', 'user-agent': userAgent, ...request.headers, ...authentication },
      body: request.body ?? null,
      signal: request.signal ?? null,
      ...timeouts,
    });
  };

  return {
    send: (request, timeoutMs, apart) =>
      withDeadline(request.signal, timeoutMs, describe(request), async signal => {
        try {
          const answer = await dispatch(
            apart ? streams : requests,
            { ...request, signal },
            { headersTimeout: 0, bodyTimeout: 0 },
          );
          const text = await answer.body.text();
          if (answer.statusCode < 200 || answer.statusCode > 299) {
            throw errorFromAnswer(describe(request), answer.statusCode, text, header(answer.headers['retry-after']));
          }
          return { code: answer.statusCode, text };
        } catch (error) {
          throw asApiError(error, request, config.server, signal);
        }
      }),

    stream: async (request, idleMs) => {
      try {
        const timeouts = { headersTimeout: Math.min(idleMs, streamHeadersTimeoutMs), bodyTimeout: idleMs };
        const answer = await withDeadline(request.signal, timeouts.headersTimeout, describe(request), () =>
          dispatch(streams, request, timeouts),
        );
        if (answer.statusCode === 200) return answer.body;
        const text = await readAtMost(answer.body, longestErrorBody);
        throw errorFromAnswer(describe(request), answer.statusCode, text, header(answer.headers['retry-after']));
      } catch (error) {
        throw asApiError(error, request, config.server, request.signal);
      }
    },

    close: async () => {
      await Promise.all([requests.destroy(), streams.destroy()]);
    },
  };
}

/** Turns what a request or the reading of its body threw into an ApiError, or into the reason of an aborted signal. */
export function asApiError(error: unknown, request: HttpRequest, server: string, signal?: AbortSignal): unknown {
  if (signal?.aborted === true) return signal.reason;
  if (error instanceof ApiError) return error;
  return errorFromFailure(`${request.method} ${request.path}`, server, error);
}

/** A new connection takes the certificates of the moment. */
function connector(config: ClusterConfig): buildConnector.connector {
  return (options, callback) => {
    config.tls().then(
      tls => {
        const connect = buildConnector({
          ...tls,
          allowH2: false,
          timeout: connectTimeoutMs,
          keepAlive: true,
          keepAliveInitialDelay: 30_000,
        });
        connect(options, callback);
      },
      error => callback(error instanceof Error ? error : new Error(String(error)), null),
    );
  };
}

/** Runs `call` with a signal that follows `signal` and the time limit, and leaves no listener behind on a long-lived one. */
async function withDeadline<R>(
  signal: AbortSignal | undefined,
  timeoutMs: number,
  request: string,
  call: (signal: AbortSignal) => Promise<R>,
): Promise<R> {
  signal?.throwIfAborted();
  const controller = new AbortController();
  const onAbort = (): void => controller.abort(signal?.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  const timer = setTimeout(() => {
    const message = `${request} had no answer within ${timeoutMs} ms`;
    controller.abort(new ApiError({ class: 'transient', code: 0, reason: 'Timeout', message, request }));
  }, timeoutMs);
  try {
    // Raced, because what runs before the request (an exec plugin) knows nothing of signals.
    return await Promise.race([call(controller.signal), rejectedBy(controller.signal)]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  }
}

function rejectedBy(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

async function readAtMost(body: Readable, limit: number): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body) {
    chunks.push(chunk as Buffer);
    length += (chunk as Buffer).length;
    if (length >= limit) break;
  }
  return Buffer.concat(chunks).subarray(0, limit).toString('utf8');
}

function header(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}
