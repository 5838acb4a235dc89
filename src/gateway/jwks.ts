import { createLocalJWKSet, type JSONWebKeySet } from 'jose';
import { z } from 'zod';
import type { Clock } from '../kube/clock.ts';

/** The keys that the cluster signs service account tokens with, and the issuer in those tokens. */
export interface ClusterKeys {
  readonly issuer: string;
  readonly find: ReturnType<typeof createLocalJWKSet>;
  /** Reading of the monotonic clock when they were fetched. */
  readonly fetchedAt: number;
}

export interface KeySource {
  /** What is known, fetched the first time and again when it is older than `maxAgeMs`. Throws what the fetch threw when nothing is known. */
  current(): Promise<ClusterKeys>;
  /**
   * Fetches anew, for a token that the known keys do not explain; undefined when that was done less than `minRefreshMs` ago, so that bad tokens
   * cannot make the gateway flood the API server.
   */
  refresh(): Promise<ClusterKeys | undefined>;
}

export interface KeySourceOptions {
  /** GET /openid/v1/jwks as JSON. */
  readonly fetchJwks: (signal: AbortSignal) => Promise<unknown>;
  /** GET /.well-known/openid-configuration as JSON. */
  readonly fetchConfiguration: (signal: AbortSignal) => Promise<unknown>;
  readonly clock: Clock;
  /** Default 10,000. */
  readonly minRefreshMs?: number | undefined;
  /** After this a key that the cluster took back is not accepted any more. Default 1 hour. */
  readonly maxAgeMs?: number | undefined;
  /** For both fetches together. Default 10,000. */
  readonly timeoutMs?: number | undefined;
}

const configurationSchema = z.object({ issuer: z.string().min(1).max(2048) });
const jwksSchema = z.object({ keys: z.array(z.looseObject({ kty: z.string() })).max(64) });

export function createKeySource(options: KeySourceOptions): KeySource {
  const { fetchJwks, fetchConfiguration, clock } = options;
  const { minRefreshMs = 10_000, maxAgeMs = 3_600_000, timeoutMs = 10_000 } = options;
  let known: ClusterKeys | undefined;
  let lastAttempt = Number.NEGATIVE_INFINITY;
  let running: Promise<ClusterKeys> | undefined;

  const fetchKeys = async (): Promise<ClusterKeys> => {
    const fetchedAt = clock.monotonic();
    lastAttempt = fetchedAt;
    const signal = AbortSignal.timeout(timeoutMs);
    const [configuration, jwks] = await Promise.all([fetchConfiguration(signal), fetchJwks(signal)]);
    const { issuer } = configurationSchema.parse(configuration);
    known = { issuer, find: createLocalJWKSet(jwksSchema.parse(jwks) as JSONWebKeySet), fetchedAt };
    return known;
  };

  /** One fetch at a time, whoever asks. */
  const fetchOnce = (): Promise<ClusterKeys> => {
    running ??= fetchKeys().finally(() => {
      running = undefined;
    });
    return running;
  };

  const mayFetch = (): boolean => running !== undefined || clock.monotonic() - lastAttempt >= minRefreshMs;

  return {
    current: async () => {
      if (known === undefined) return fetchOnce();
      if (clock.monotonic() - known.fetchedAt < maxAgeMs || !mayFetch()) return known;
      return fetchOnce();
    },
    refresh: async () => (mayFetch() ? fetchOnce() : undefined),
  };
}
