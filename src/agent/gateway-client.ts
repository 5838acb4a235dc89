import { readFile } from 'node:fs/promises';
import type { Agent } from 'node:https';
import type { LookupFunction } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CacheUse } from '../locks/types.ts';
import type { FanOutRequest, FanOutState, GatewayError, LockCalls, ResultBody } from './contract.ts';
import { PROTOCOL_HEADER, PROTOCOL_VERSION } from './contract.ts';
import { messageOf } from './step-end.ts';

/** The gateway refused a request, or could not be reached in time. */
export class GatewayCallError extends Error {
  override readonly name = 'GatewayCallError';
  /** CamelCase word: the gateway's own, or GatewayUnreachable. */
  readonly reason: string;

  constructor(reason: string, message: string) {
    super(message);
    this.reason = reason;
  }
}

export interface GatewayClient {
  /** Creates the child run of a fan-out step, or finds the one that it created before. */
  fanOut(step: string, request: FanOutRequest, signal: AbortSignal): Promise<FanOutState>;
  /** Answers when the fan-out's child run has ended; `run` is its name, as `fanOut` has given it. */
  waitForFanOut(step: string, run: string, signal: AbortSignal): Promise<FanOutState>;
  /** Keeps a result that is too large for a termination message. */
  storeResult(body: ResultBody, signal: AbortSignal): Promise<{ name: string; digest: string }>;
  /** Asks something of a lock; waits for it no longer than the request says. */
  lock<Kind extends keyof LockCalls>(
    kind: Kind,
    request: LockCalls[Kind]['request'],
    signal: AbortSignal,
  ): Promise<LockCalls[Kind]['answer']>;
  /** Tells what came of a checkout in a namespace with a cache, for the operator's metrics. */
  reportCacheUse(use: CacheUse, signal: AbortSignal): Promise<unknown>;
  close(): void;
}

export interface GatewayClientOptions {
  readonly url: string;
  /** PEM of the only authority that is trusted. */
  readonly ca: string;
  /** File with the projected token; read anew for every call, since the kubelet rotates it. */
  readonly tokenFile: string;
  /** Finds the gateway's address. Default: the system's resolver. */
  readonly lookup?: LookupFunction;
  /** First and longest wait between two tries, milliseconds. Default 200 and 5,000. */
  readonly backoff?: { readonly initialMs: number; readonly maximumMs: number };
}

/** How long one request may take beyond the wait that it asks for, milliseconds. */
const REQUEST_TIMEOUT_MS = 10_000;
const WAIT_SECONDS = 30;
/** The same for a lock: its Lease is read and written, perhaps several times, and in a queue with those of others. */
const LOCK_TIMEOUT_MS = 15_000;
/** More than any answer of the gateway. */
const MAX_ANSWER_BYTES = 256 * 1024;

/**
 * The agent's side of the gateway. Every call is repeated until the gateway answers or the signal is aborted: an operator that is
 * upgraded or fails over is away for a while, and the run shall not fail for it. Only an answer with `retry: false` ends a call.
 * It uses node:https alone, as the agent is held to 80 MiB, and loads it with the first call: 20 ms and 9 MiB that most runs save.
 */
export function createGatewayClient(options: GatewayClientOptions): GatewayClient {
  let agent: Agent | undefined;
  const { initialMs, maximumMs } = options.backoff ?? { initialMs: 200, maximumMs: 5_000 };

  async function call<T>(
    method: string,
    path: string,
    body: unknown,
    signal: AbortSignal,
    timeoutMs: number,
  ): Promise<T> {
    let last = 'no answer yet';
    for (let wait = initialMs; ; wait = Math.min(wait * 2, maximumMs)) {
      if (signal.aborted)
        throw new GatewayCallError('GatewayUnreachable', `the gateway did not accept the request in time: ${last}`);
      try {
        const answer = await request(method, path, body, signal, timeoutMs);
        if (answer.status < 300) return JSON.parse(answer.text) as T;
        const error = parseError(answer.status, answer.text);
        if (!error.retry) throw new GatewayCallError(error.reason, error.message);
        last = error.message;
      } catch (error) {
        if (error instanceof GatewayCallError) throw error;
        if (!signal.aborted) last = messageOf(error);
      }
      await pause(wait, signal);
    }
  }

  async function request(method: string, path: string, body: unknown, signal: AbortSignal, timeoutMs: number) {
    const token = (await readFile(options.tokenFile, 'utf8')).trim();
    const { default: https } = await import('node:https');
    const { ca, lookup } = options;
    agent ??= new https.Agent({ keepAlive: true, maxSockets: 4, ca, ...(lookup === undefined ? {} : { lookup }) });
    return await new Promise<{ status: number; text: string }>((resolve, reject) => {
      const payload = body === undefined ? undefined : JSON.stringify(body);
      const outgoing = https.request(
        new URL(path, options.url),
        {
          method,
          agent,
          signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
          headers: {
            authorization: `Bearer ${token}`,
            [PROTOCOL_HEADER]: String(PROTOCOL_VERSION),
            ...(payload === undefined
              ? {}
              : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) }),
          },
        },
        incoming => {
          const chunks: Buffer[] = [];
          let size = 0;
          incoming.on('data', (chunk: Buffer) => {
            size += chunk.length;
            if (size > MAX_ANSWER_BYTES) incoming.destroy(new Error('the answer of the gateway is too long'));
            else chunks.push(chunk);
          });
          incoming.on('end', () =>
            resolve({ status: incoming.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') }),
          );
          incoming.on('error', reject);
        },
      );
      outgoing.on('error', reject);
      outgoing.end(payload);
    });
  }

  const fanOutPath = (step: string): string => `/v1/fan-outs/${encodeURIComponent(step)}`;
  return {
    fanOut: (step, body, signal) => call('PUT', fanOutPath(step), body, signal, REQUEST_TIMEOUT_MS),
    async waitForFanOut(step, run, signal) {
      for (;;) {
        const path = `${fanOutPath(step)}?waitSeconds=${WAIT_SECONDS}&run=${encodeURIComponent(run)}`;
        const state = await call<FanOutState>(
          'GET',
          path,
          undefined,
          signal,
          WAIT_SECONDS * 1_000 + REQUEST_TIMEOUT_MS,
        );
        if (state.finished) return state;
        // A gateway that is about to close answers at once.
        await pause(initialMs, signal);
      }
    },
    storeResult: (body, signal) => call('PUT', '/v1/result', body, signal, REQUEST_TIMEOUT_MS),
    lock(kind, body, signal) {
      const waitMs = 'waitSeconds' in body ? body.waitSeconds * 1_000 : 0;
      return call('POST', `/v1/locks/${kind}`, body, signal, waitMs + LOCK_TIMEOUT_MS);
    },
    reportCacheUse: (use, signal) => call('POST', '/v1/cache-uses', use, signal, REQUEST_TIMEOUT_MS),
    close: () => agent?.destroy(),
  };
}

/** With 10 % of jitter; ends early with the signal. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms * (0.9 + Math.random() * 0.2), undefined, { signal }).catch(() => undefined);
}

function parseError(status: number, text: string): GatewayError {
  try {
    const value = JSON.parse(text) as Partial<GatewayError>;
    if (typeof value.reason === 'string' && typeof value.message === 'string' && typeof value.retry === 'boolean') {
      return { reason: value.reason, message: value.message, retry: value.retry };
    }
  } catch {
    // Not ours: a proxy or a server that is starting answered.
  }
  return {
    reason: 'GatewayUnreachable',
    message: `the gateway answered ${status}`,
    retry: status >= 500 || status === 429,
  };
}
