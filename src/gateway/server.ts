import type { AddressInfo } from 'node:net';
import fastify, { type FastifyRequest } from 'fastify';
import { PROTOCOL_HEADER } from '../agent/contract.ts';
import { type Clock, systemClock } from '../kube/clock.ts';
import type { Logger } from '../kube/logger.ts';
import type { LockKeeper } from '../locks/keeper.ts';
import { decorateWithCaller, findCaller, type GatewayApp, podOf, sendFailure, setCaller, setPod } from './app.ts';
import type { Authenticator } from './authenticate.ts';
import { authorize } from './authorize.ts';
import type { CertificateSource } from './certificate-source.ts';
import type { Certificates } from './certificates.ts';
import { GatewayFailure, toFailure } from './failure.ts';
import { checkProtocol } from './protocol.ts';
import { checkRate, createKeyedRateLimiter, type KeyedRateLimiter, type RateLimit } from './rate-limit.ts';
import { type EndListener, registerEndRoute } from './routes/end.ts';
import { registerFanOutRoutes } from './routes/fan-outs.ts';
import { registerHealthRoute } from './routes/health.ts';
import { type CacheMetrics, registerLockRoutes } from './routes/locks.ts';
import { registerResultRoute } from './routes/result.ts';
import type { GatewayRuns } from './runs.ts';

/** The HTTP API for the agents; src/agent/contract.ts describes it. Any replica of the operator serves it: it holds no state. */
export interface Gateway {
  /** Starts to serve. By then `certificates.ensure` must have succeeded. */
  listen(address: { readonly port: number; readonly host?: string }): Promise<AddressInfo>;
  /** Takes no more connections, answers who waits, lets the rest finish for `drainMs`, then cuts it off. */
  close(): Promise<void>;
}

export interface GatewayOptions {
  readonly certificates: Pick<CertificateSource, 'current' | 'subscribe'>;
  readonly authenticate: Authenticator;
  readonly runs: GatewayRuns;
  readonly earlyResults: EndListener;
  /** The locks on cache entries. */
  readonly locks: LockKeeper;
  readonly cacheMetrics: CacheMetrics;
  readonly logger: Logger;
  readonly clock?: Clock;
  /** Requests of one run. Default 5 a second, 20 at once. */
  readonly rateLimit?: RateLimit;
  /** Default 10,000. */
  readonly drainMs?: number;
  /** Time to receive a whole request, and time to answer it but for the wait of a long poll. Default 30,000. */
  readonly requestTimeoutMs?: number;
}

/** A result has 512 KiB at most, and JSON may need a little more than its canonical form. */
const BODY_LIMIT = 600 * 1024;
/** Longer than an agent pauses between two polls. */
const KEEP_ALIVE_MS = 75_000;
/** Both ends are Node's. */
const MIN_TLS_VERSION = 'TLSv1.3';
const BEARER = /^Bearer ([A-Za-z0-9._~+/=-]+)$/i;

export function createGateway(options: GatewayOptions): Gateway {
  const {
    certificates,
    runs,
    earlyResults,
    locks,
    cacheMetrics,
    clock = systemClock,
    rateLimit = { perSecond: 5, burst: 20 },
    drainMs = 10_000,
    requestTimeoutMs = 30_000,
  } = options;
  const draining = new AbortController();
  const app = createApp(requestTimeoutMs);
  const limiter = createKeyedRateLimiter({ ...rateLimit, clock });
  logResponses(app, options.logger);
  answerErrors(app);
  registerHealthRoute(app);
  app.register(async routes => {
    checkTokens(routes as GatewayApp, options);
    registerEndRoute(routes as GatewayApp, { earlyResults, limiter });
    routes.register(async ofRuns => {
      checkCallers(ofRuns as GatewayApp, options, limiter);
      const dependencies = { runs, clock, requestTimeoutMs, draining: draining.signal };
      registerFanOutRoutes(ofRuns as GatewayApp, dependencies);
      registerResultRoute(ofRuns as GatewayApp, dependencies);
      registerLockRoutes(ofRuns as GatewayApp, { ...dependencies, locks, cacheMetrics });
    });
  });

  const use = ({ certificate, key }: Certificates) =>
    app.server.setSecureContext({ cert: certificate, key, minVersion: MIN_TLS_VERSION });
  const unsubscribe = certificates.subscribe(use);

  return {
    listen: async ({ port, host = '0.0.0.0' }) => {
      use(certificates.current());
      await app.listen({ port, host });
      return app.server.address() as AddressInfo;
    },
    close: async () => {
      unsubscribe();
      draining.abort();
      const cancelTimer = clock.setTimeout(() => app.server.closeAllConnections(), drainMs);
      await app.close();
      cancelTimer();
    },
  };
}

function createApp(requestTimeoutMs: number): GatewayApp {
  const app = fastify({
    https: { minVersion: MIN_TLS_VERSION },
    bodyLimit: BODY_LIMIT,
    requestTimeout: requestTimeoutMs,
    keepAliveTimeout: KEEP_ALIVE_MS,
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    exposeHeadRoutes: false,
  });
  app.removeContentTypeParser('text/plain');
  decorateWithCaller(app);
  return app;
}

/** Before a body is read: version of the contract, token. */
function checkTokens(routes: GatewayApp, { authenticate }: GatewayOptions): void {
  routes.addHook('onRequest', async request => {
    checkProtocol(request.headers[PROTOCOL_HEADER]);
    setPod(request, await authenticate(bearerToken(request)));
  });
}

/** After that: run, rate. */
function checkCallers(routes: GatewayApp, { runs }: GatewayOptions, limiter: KeyedRateLimiter): void {
  routes.addHook('onRequest', async request => {
    const caller = authorize(podOf(request), runs);
    setCaller(request, caller);
    checkRate(limiter, caller.run.metadata.uid);
  });
}

function bearerToken(request: FastifyRequest): string {
  const [, token] = BEARER.exec(request.headers.authorization ?? '') ?? [];
  if (token !== undefined) return token;
  throw new GatewayFailure(401, 'Unauthorized', "send the Pod's projected token as Authorization: Bearer <token>");
}

function answerErrors(app: GatewayApp): void {
  app.setErrorHandler((error, request, reply) => {
    const failure = toFailure(error);
    request.setDecorator('failure', failure);
    return sendFailure(reply, failure);
  });
  app.setNotFoundHandler((request, reply) => {
    const message = `the gateway has no ${request.method} ${request.url.split('?', 1)[0]?.slice(0, 256)}`;
    return sendFailure(reply, new GatewayFailure(404, 'NotFound', message));
  });
}

/** One line a request: never a header, a body or a query. */
function logResponses(app: GatewayApp, logger: Logger): void {
  app.decorateRequest('failure', null);
  app.addHook('onResponse', async (request, reply) => {
    const failure = request.getDecorator<GatewayFailure | null>('failure');
    const run = findCaller(request)?.run.metadata;
    const fields = {
      method: request.method,
      route: request.routeOptions.url,
      status: reply.statusCode,
      ms: Math.round(reply.elapsedTime),
      ...(run && { run: `${run.namespace}/${run.name}` }),
      ...(failure && { reason: failure.reason }),
    };
    if (reply.statusCode >= 500) logger.error({ ...fields, err: failure?.cause ?? failure }, 'gateway request failed');
    // An agent that is faster than its run's status asks again in a moment.
    else if (failure && !failure.retry) logger.info(fields, 'gateway request refused');
    else logger.debug(fields, 'gateway request');
  });
}
