import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Server } from 'node:https';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '../kube/clock.ts';
import type { PodIdentity } from './authenticate.ts';
import { GatewayFailure } from './failure.ts';
import type { GatewayRuns, RunContext } from './runs.ts';

/** The server that routes are put on. */
export type GatewayApp = FastifyInstance<Server, IncomingMessage, ServerResponse>;

/** What a route works with. */
export interface RouteDependencies {
  readonly runs: GatewayRuns;
  readonly clock: Clock;
  /** Time to answer but for the wait of a long poll, milliseconds. */
  readonly requestTimeoutMs: number;
  /** Aborted when the gateway is about to close: who waits answers with what there is. */
  readonly draining: AbortSignal;
}

/** Who asks: a Pod, and the run that it works for. */
export interface Caller extends RunContext {
  readonly podName: string;
  readonly podUid: string;
}

/** Names under which is kept with a request who sent it: the Pod that its token is bound to, and the run that this Pod works for. */
const POD = 'pod';
const CALLER = 'caller';

export function decorateWithCaller(app: GatewayApp): void {
  app.decorateRequest(POD, null);
  app.decorateRequest(CALLER, null);
}

export function setPod(request: FastifyRequest, pod: PodIdentity): void {
  request.setDecorator<PodIdentity | null>(POD, pod);
}

/** On a route that needs a token. */
export function podOf(request: FastifyRequest): PodIdentity {
  const pod = request.getDecorator<PodIdentity | null>(POD);
  if (pod === null) throw new TypeError(`${request.url} is served without a check of its token`);
  return pod;
}

export function setCaller(request: FastifyRequest, caller: Caller): void {
  request.setDecorator<Caller | null>(CALLER, caller);
}

/** Undefined on routes that need no token, and before the token was checked. */
export function findCaller(request: FastifyRequest): Caller | undefined {
  return request.getDecorator<Caller | null>(CALLER) ?? undefined;
}

/** On a route for Pods of runs. */
export function callerOf(request: FastifyRequest): Caller {
  const caller = findCaller(request);
  if (caller === undefined) throw new TypeError(`${request.url} is served without a look for its run`);
  return caller;
}

/**
 * Aborted once the answer is sent or nobody is there to get it, and after `timeoutMs`: then with a `GatewayFailure` (503), so that a handler
 * that passes the signal on and throws its reason answers with that.
 *
 * Fastify 5 has `request.signal` and `handlerTimeout` for this, but both end on `close` of the incoming message, which Node emits as soon
 * as a body has been read.
 */
export function answerSignal(reply: FastifyReply, clock: Clock, timeoutMs: number): AbortSignal {
  const controller = new AbortController();
  const cancelTimer = clock.setTimeout(() => {
    controller.abort(new GatewayFailure(503, 'Timeout', 'the request took too long', { retry: true }));
  }, timeoutMs);
  reply.raw.once('close', () => {
    cancelTimer();
    controller.abort();
  });
  return controller.signal;
}

/** Answers with a `GatewayError`. */
export function sendFailure(reply: FastifyReply, failure: GatewayFailure): FastifyReply {
  if (failure.retryAfterSeconds !== undefined) reply.header('retry-after', String(failure.retryAfterSeconds));
  return reply.code(failure.status).send(failure.toBody());
}
