import { exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from 'jose';

/** A cluster's token issuer with real keys: what it signs and what it publishes. */
export interface TokenIssuer {
  readonly issuer: string;
  /** Signs a token as a kubelet gets it, with changes to its claims. */
  sign(options?: TokenOptions): Promise<string>;
  /** Signs with a new key from now on and publishes only that. */
  rotate(): Promise<void>;
  /** Answers of the API server. */
  jwks(): { keys: JWK[] };
  configuration(): { issuer: string };
}

export interface TokenOptions {
  /** Replaces claims; undefined removes one. */
  readonly claims?: JWTPayload;
  readonly namespace?: string;
  readonly podUid?: string;
  /** Seconds since the epoch. Default 2026-01-01. */
  readonly issuedAt?: number;
}

const ISSUED_AT = Date.parse('2026-01-01T00:00:00Z') / 1_000;
const ALGORITHM = 'ES256';

export async function createTokenIssuer(issuer = 'https://kubernetes.default.svc'): Promise<TokenIssuer> {
  let keys = await createKeys(1);
  let generation = 1;
  return {
    issuer,
    sign: async ({ claims = {}, namespace = 'team', podUid = 'pod-1', issuedAt = ISSUED_AT } = {}) => {
      const payload = {
        iss: issuer,
        aud: ['tako.dev'],
        sub: `system:serviceaccount:${namespace}:default`,
        iat: issuedAt,
        nbf: issuedAt,
        exp: issuedAt + 3_600,
        'kubernetes.io': {
          namespace,
          pod: { name: 'release-0', uid: podUid },
          serviceaccount: { name: 'default', uid: 's' },
        },
        ...claims,
      };
      return new SignJWT(payload).setProtectedHeader({ alg: ALGORITHM, kid: keys.public.kid! }).sign(keys.private);
    },
    rotate: async () => {
      generation += 1;
      keys = await createKeys(generation);
    },
    jwks: () => ({ keys: [keys.public] }),
    configuration: () => ({ issuer }),
  };
}

async function createKeys(generation: number) {
  const pair = await generateKeyPair(ALGORITHM);
  const publicKey = { ...(await exportJWK(pair.publicKey)), kid: `key-${generation}`, alg: ALGORITHM, use: 'sig' };
  return { private: pair.privateKey, public: publicKey };
}
