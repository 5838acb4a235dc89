import type { Readable } from 'node:stream';
import { ApiError, errorFromStatus } from './errors.ts';
import { splitLines } from './lines.ts';
import type { KubeObject, Live, ResourceType } from './objects.ts';
import type { CallOptions, Selection } from './options.ts';
import * as requests from './requests.ts';
import type { Transport } from './transport.ts';
import { asApiError } from './transport.ts';

/** One line of a watch. An `ERROR` line is thrown as an ApiError instead. */
export type WatchEvent<T extends KubeObject = KubeObject> =
  | { type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: Live<T> }
  /** Nothing changed up to here: a watch may be resumed from this resourceVersion. */
  | { type: 'BOOKMARK'; resourceVersion: string };

export interface WatchOptions extends Selection, Pick<CallOptions, 'signal'> {
  /** Where to start: that of a list or of the last event. */
  resourceVersion: string;
  /** The server ends the watch after this long. Default 300. */
  timeoutSeconds?: number | undefined;
  /**
   * Without a byte for this long the connection counts as hung and a `transient` error is thrown. Default 120,000: twice the
   * minute between two bookmarks. (Resources without a watch cache, such as events, have none: their quiet watches are just renewed.)
   */
  idleTimeoutMs?: number | undefined;
}

const defaultTimeoutSeconds = 300;
const defaultIdleTimeoutMs = 120_000;

/** An object may have 1.5 MiB in etcd, and its JSON, escaped and with managedFields, several times that. */
const longestLineBytes = 64 * 1024 * 1024;

/** Implements `KubeClient.watch`. */
export async function* watchEvents<T extends KubeObject>(
  transport: Transport,
  server: string,
  type: ResourceType<T>,
  options: WatchOptions,
): AsyncGenerator<WatchEvent<T>, void, void> {
  const { signal, timeoutSeconds = defaultTimeoutSeconds, idleTimeoutMs = defaultIdleTimeoutMs } = options;
  const request = { ...requests.watch(type, { ...options, timeoutSeconds }), signal };
  const body: Readable = await transport.stream(request, idleTimeoutMs);
  // Whoever leaves the loop below destroys the body by that, and it emits an error that nobody waits for any more.
  body.on('error', () => {});
  try {
    for await (const line of splitLines(body as AsyncIterable<Buffer>, longestLineBytes)) {
      yield parseEvent<T>(line, `${request.method} ${request.path}`);
    }
  } catch (error) {
    throw asApiError(error, request, server, signal);
  }
}

function parseEvent<T extends KubeObject>(line: string, request: string): WatchEvent<T> {
  const event = parseLine(line, request);
  switch (event.type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
      return { type: event.type, object: event.object as Live<T> };
    case 'BOOKMARK':
      return { type: 'BOOKMARK', resourceVersion: (event.object as Live).metadata.resourceVersion };
    case 'ERROR':
      throw errorFromStatus(event.object, request);
    default:
      throw garbled(request, `an event of the unknown type ${JSON.stringify(event.type)}`);
  }
}

function parseLine(line: string, request: string): { type: unknown; object: object } {
  try {
    const event: unknown = JSON.parse(line);
    if (typeof event === 'object' && event !== null && 'type' in event && 'object' in event) {
      return event as { type: unknown; object: object };
    }
  } catch (cause) {
    throw garbled(request, `no JSON: ${line.slice(0, 100)}`, cause);
  }
  throw garbled(request, `no watch event: ${line.slice(0, 100)}`);
}

/** `gone`, since nothing is known of what the line may have said: whoever watches must list again. */
function garbled(request: string, what: string, cause?: unknown): ApiError {
  return new ApiError({
    class: 'gone',
    code: 0,
    reason: 'GarbledWatch',
    message: `${request} sent ${what}`,
    request,
    cause,
  });
}
