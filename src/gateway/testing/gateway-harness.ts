import { Agent, request } from 'undici';
import { onTestFinished } from 'vitest';
import { createFakeClock, type FakeClock } from '../../../test/fixtures/fake-clock.ts';
import { PROTOCOL_HEADER } from '../../agent/contract.ts';
import { buildWorkflowRun, type RunOptions } from '../../fanout/testing/builders.ts';
import type { Logger } from '../../kube/logger.ts';
import { createLockKeeper } from '../../locks/keeper.ts';
import { noLockMetrics } from '../../locks/metrics.ts';
import { createMemoryLeases, type MemoryLeases } from '../../locks/testing/memory-leases.ts';
import { createAuthenticator } from '../authenticate.ts';
import { type Certificates, issueCertificates } from '../certificates.ts';
import type { EndListener } from '../routes/end.ts';
import type { CacheMetrics } from '../routes/locks.ts';
import type { LiveRun } from '../runs.ts';
import { createGateway, type Gateway, type GatewayOptions } from '../server.ts';
import { createMemoryRuns, type MemoryRuns } from './memory-runs.ts';
import { createTokenIssuer, type TokenIssuer } from './token-issuer.ts';

interface Answer {
  readonly status: number;
  readonly headers: Record<string, unknown>;
  /** Parsed when it is JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of any shape
  readonly body: any;
}

interface CallOptions {
  readonly body?: unknown;
  /** Absent: a good one; null: none. */
  readonly token?: string | null;
  readonly headers?: Record<string, string>;
  readonly signal?: AbortSignal;
}

interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly [field: string]: unknown;
}

/** A gateway on loopback with real TLS and real tokens. Closed when the test ends. */
export interface GatewayHarness {
  readonly gateway: Gateway;
  readonly runs: MemoryRuns;
  /** Where the locks are. */
  readonly leases: MemoryLeases;
  /** UIDs of Pods that are over, for locks. */
  readonly gonePods: Set<string>;
  /** What agents have told of the cache. */
  readonly cacheUses: Parameters<CacheMetrics['used']>[0][];
  /** What agents have told as they ended. */
  readonly ends: { readonly pod: Parameters<EndListener['tell']>[0]; readonly message: string }[];
  readonly publishedBytes: number[];
  /** The run that the good token is for. */
  readonly run: LiveRun;
  readonly issuer: TokenIssuer;
  readonly clock: FakeClock;
  readonly log: LogLine[];
  readonly port: number;
  readonly certificates: Certificates;
  /** Serves these from now on. */
  replaceCertificates(certificates: Certificates): void;
  call(method: 'GET' | 'PUT' | 'POST', path: string, options?: CallOptions): Promise<Answer>;
}

export const DNS_NAME = 'tako-gateway.tako-system.svc';

export function buildLiveRun(options: RunOptions = {}): LiveRun {
  const attempts = [{ number: 1, podName: 'release-0', podUID: 'pod-1' }];
  return buildWorkflowRun({ status: { phase: 'Running', attempts }, ...options }) as LiveRun;
}

export interface HarnessOptions extends Partial<GatewayOptions> {
  /** Those of another gateway: another replica, or this one after a restart. */
  readonly leases?: MemoryLeases;
  /** Names in the certificate. Default `DNS_NAME` alone. */
  readonly names?: readonly string[];
}

export async function startGateway({
  names = [DNS_NAME],
  leases = createMemoryLeases(),
  ...options
}: HarnessOptions = {}): Promise<GatewayHarness> {
  const clock = createFakeClock();
  const issuer = await createTokenIssuer();
  const runs = createMemoryRuns();
  const run = buildLiveRun();
  runs.put(run);
  const log: LogLine[] = [];
  let served = await issueCertificates({ dnsNames: names, now: new Date() });
  const listeners = new Set<(certificates: Certificates) => void>();
  const certificates = {
    current: () => served,
    subscribe: (listener: (certificates: Certificates) => void) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  const authenticate = createAuthenticator({
    fetchJwks: async () => issuer.jwks(),
    fetchConfiguration: async () => issuer.configuration(),
    clock,
  });
  const gonePods = new Set<string>();
  const cacheUses: GatewayHarness['cacheUses'] = [];
  const publishedBytes: number[] = [];
  const used: CacheMetrics['used'] = use => cacheUses.push(use);
  const lockMetrics = {
    ...noLockMetrics,
    used,
    published: ({ bytes }: { bytes: number }) => publishedBytes.push(bytes),
  };
  const isGone = async ({ uid }: { uid: string }) => gonePods.has(uid);
  const ends: GatewayHarness['ends'] = [];
  const gateway = createGateway({
    certificates,
    authenticate,
    runs,
    locks: createLockKeeper({ client: leases.client, isGone, clock, random: () => 0.5, metrics: lockMetrics }),
    earlyResults: { tell: (pod, message) => ends.push({ pod, message }) > 0 },
    cacheMetrics: { used },
    logger: recordingLogger(log),
    clock,
    ...options,
  });
  const { port } = await gateway.listen({ port: 0, host: '127.0.0.1' });
  const good = await issuer.sign();
  const dispatcher = agentFor(served);
  onTestFinished(async () => {
    await dispatcher.destroy();
    await gateway.close();
  });

  return {
    gateway,
    runs,
    leases,
    gonePods,
    cacheUses,
    ends,
    publishedBytes,
    run,
    issuer,
    clock,
    log,
    port,
    certificates: served,
    replaceCertificates: next => {
      served = next;
      for (const listener of listeners) listener(next);
    },
    call: async (method, path, { body, token = good, headers = {}, signal } = {}) => {
      const answer = await request(`https://127.0.0.1:${port}${path}`, {
        method,
        dispatcher,
        headers: {
          [PROTOCOL_HEADER]: '1',
          ...(token !== null && { authorization: `Bearer ${token}` }),
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
        ...(signal && { signal }),
      });
      const text = await answer.body.text();
      const isJson = String(answer.headers['content-type']).includes('json');
      return { status: answer.statusCode, headers: answer.headers, body: isJson ? JSON.parse(text) : text };
    },
  };
}

/** A client that trusts one authority only and asks for the Service's name, as the agent does. */
export function agentFor({ ca }: Pick<Certificates, 'ca'>, servername = DNS_NAME): Agent {
  return new Agent({ connect: { ca, servername }, pipelining: 1 });
}

function recordingLogger(log: LogLine[]): Logger {
  const at = (level: string) => (fields: object, message: string) => void log.push({ ...fields, level, message });
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}
