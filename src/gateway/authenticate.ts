import { errors, jwtVerify } from 'jose';
import { z } from 'zod';
import { TOKEN_AUDIENCE } from '../api/meta.ts';
import { type Clock, systemClock } from '../kube/clock.ts';
import { GatewayFailure } from './failure.ts';
import { type ClusterKeys, createKeySource, type KeySourceOptions } from './jwks.ts';

/** The Pod that a token is bound to, as the API server swore it. */
export interface PodIdentity {
  readonly namespace: string;
  readonly pod: { readonly name: string; readonly uid: string };
}

/** Tells whose token this is. Throws a `GatewayFailure`: 401 for a bad token, 503 when the cluster's keys cannot be had. */
export type Authenticator = (token: string) => Promise<PodIdentity>;

export interface AuthenticatorOptions extends Omit<KeySourceOptions, 'clock'> {
  readonly clock?: Clock;
}

/** What the API server can be configured to sign with (kube-apiserver, --service-account-signing-key-file). */
const ALGORITHMS = ['RS256', 'ES256', 'ES384', 'ES512'];
/** A projected token has about 1 KiB. */
const MAX_TOKEN_LENGTH = 16_384;
/** The clocks of two nodes differ; a token lives 10 minutes at least. */
const CLOCK_TOLERANCE_SECONDS = 10;

/** https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#schema-for-service-account-private-claims */
const claimsSchema = z.object({
  'kubernetes.io': z.object({
    namespace: z.string().min(1).max(63),
    pod: z.object({ name: z.string().min(1).max(253), uid: z.string().min(1).max(64) }),
  }),
});

/**
 * Verifies projected service account tokens with the cluster's public keys: signature, issuer, audience `tako.dev`, times, and that the token
 * is bound to a Pod. No call to the API server but for the keys.
 */
export function createAuthenticator(options: AuthenticatorOptions): Authenticator {
  const { clock = systemClock } = options;
  const keys = createKeySource({ ...options, clock });

  const verify = (token: string, { find, issuer }: ClusterKeys) =>
    jwtVerify(token, find, {
      issuer,
      audience: TOKEN_AUDIENCE,
      algorithms: ALGORITHMS,
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      currentDate: clock.now(),
      requiredClaims: ['exp', 'sub'],
    });

  /** A second try with fresh keys when the first says that the cluster may have changed its key or its issuer. */
  const verifyOrRefresh = async (token: string) => {
    const known = await keys.current();
    try {
      return await verify(token, known);
    } catch (error) {
      if (!mayBeStale(error)) throw error;
      const fresh = await keys.refresh();
      if (fresh === undefined) throw error;
      return verify(token, fresh);
    }
  };

  return async token => {
    if (token.length > MAX_TOKEN_LENGTH) throw unauthorized('the token is too long');
    try {
      const { payload } = await verifyOrRefresh(token);
      return podIdentity(payload);
    } catch (error) {
      throw authenticationFailure(error);
    }
  };
}

function podIdentity(payload: unknown): PodIdentity {
  const claims = claimsSchema.safeParse(payload);
  if (!claims.success)
    throw unauthorized('the token is not bound to a Pod: a projected volume of a Pod gives one that is');
  const { namespace, pod } = claims.data['kubernetes.io'];
  return { namespace, pod };
}

function mayBeStale(error: unknown): boolean {
  if (error instanceof errors.JWKSNoMatchingKey) return true;
  return error instanceof errors.JWTClaimValidationFailed && error.claim === 'iss';
}

function authenticationFailure(error: unknown): GatewayFailure {
  if (error instanceof GatewayFailure) return error;
  if (error instanceof errors.JWTExpired) {
    return unauthorized('the token has expired: read the file again, the kubelet renews it', true);
  }
  if (error instanceof errors.JWKSNoMatchingKey)
    return unauthorized('the token is signed with a key that the cluster does not publish', true);
  if (error instanceof errors.JOSEError) return unauthorized(`the token is not valid: ${error.message}`);
  const message = "the gateway cannot get the cluster's keys to check the token with";
  return new GatewayFailure(503, 'KeysUnavailable', message, { retry: true, cause: error });
}

function unauthorized(message: string, retry = false): GatewayFailure {
  return new GatewayFailure(401, 'Unauthorized', message, { retry });
}
