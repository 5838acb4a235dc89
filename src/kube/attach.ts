import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { Agent, WebSocket } from 'undici';
import type { ClusterConfig } from './config.ts';
import { ApiError } from './errors.ts';
import { splitLines } from './lines.ts';
import { type ObjectRef, pods } from './objects.ts';
import { queryString, resourcePath } from './paths.ts';

/** A line to a container's standard input and the lines of its standard output. */
export interface Attachment {
  /** What the container prints from now on, line by line; ends when the container or the connection does. Read it once. */
  lines(): AsyncGenerator<string>;
  send(line: string): void;
  /** Hangs up. The container's standard input ends when it has `stdinOnce`. */
  close(): Promise<void>;
}

export interface AttachOptions {
  container: string;
  userAgent?: string | undefined;
  /** Hangs up when it is aborted. */
  signal?: AbortSignal | undefined;
}

/** Each message begins with a byte that says whose it is: https://github.com/kubernetes/apimachinery/tree/master/pkg/util/httpstream/wsstream */
const CHANNEL = { stdin: 0, stdout: 1 } as const;
const PROTOCOL = 'v4.channel.k8s.io';
const LONGEST_LINE_BYTES = 4 * 1024 * 1024;
const CONNECT_TIMEOUT_MS = 30_000;

/**
 * Attaches to a running container, by WebSocket. It needs the right to `get` and `create` pods/attach.
 *
 * @throws ApiError `transient`, when the API server does not switch to a WebSocket: it tells a WebSocket's client not why
 */
export async function attach(
  config: ClusterConfig,
  pod: ObjectRef,
  { container, userAgent = 'kube-client', signal }: AttachOptions,
): Promise<Attachment> {
  signal?.throwIfAborted();
  const path = resourcePath(pods, { ...pod, subresource: 'attach' });
  const query = queryString({ container, stdin: true, stdout: true, stderr: false, tty: false });
  const agent = new Agent({ connect: { ...(await config.tls()), timeout: CONNECT_TIMEOUT_MS }, allowH2: false });
  const socket = new WebSocket(`${config.server.replace(/^http/, 'ws')}${path}${query}`, {
    protocols: [PROTOCOL],
    dispatcher: agent,
    headers: { 'user-agent': userAgent, ...(await config.authenticate()) },
  });
  socket.binaryType = 'arraybuffer';

  const output = new PassThrough();
  socket.addEventListener('message', ({ data }) => {
    const message = Buffer.from(data as ArrayBuffer);
    if (message[0] === CHANNEL.stdout && message.length > 1) output.write(message.subarray(1));
  });
  socket.addEventListener('close', () => output.end());
  // A connection that breaks is told by the end of the lines; without a listener the event would go to the process.
  socket.addEventListener('error', () => output.end());

  const hangUp = (): void => socket.close();
  signal?.addEventListener('abort', hangUp, { once: true });
  const close = async (): Promise<void> => {
    signal?.removeEventListener('abort', hangUp);
    socket.close();
    await agent.destroy();
  };

  try {
    await opened(socket);
  } catch (cause) {
    await close();
    signal?.throwIfAborted();
    const message = `GET ${path} did not become a WebSocket: ${(cause as Error).message}`;
    throw new ApiError({ class: 'transient', code: 0, reason: 'NotAttached', message, cause });
  }
  return {
    lines: () => splitLines(output as AsyncIterable<Buffer>, LONGEST_LINE_BYTES),
    send: line => socket.send(Buffer.concat([Buffer.of(CHANNEL.stdin), Buffer.from(`${line}\n`)])),
    close,
  };
}

async function opened(socket: WebSocket): Promise<void> {
  const open = new AbortController();
  const signal = AbortSignal.any([open.signal, AbortSignal.timeout(CONNECT_TIMEOUT_MS)]);
  try {
    const failed = once(socket, 'error', { signal }).then(([event]) => {
      throw new Error((event as { message?: string }).message || 'the connection failed');
    });
    await Promise.race([once(socket, 'open', { signal }), failed]);
  } finally {
    open.abort();
  }
}
