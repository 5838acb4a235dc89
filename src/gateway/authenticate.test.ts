import { SignJWT } from 'jose';
import { describe, expect, it } from 'vitest';
import { createFakeClock } from '../../test/fixtures/fake-clock.ts';
import { createAuthenticator } from './authenticate.ts';
import { createTokenIssuer, type TokenOptions } from './testing/token-issuer.ts';

async function createCluster() {
  const clock = createFakeClock();
  const issuer = await createTokenIssuer();
  const state = {
    fetches: 0,
    broken: false,
    configuration: () => issuer.configuration() as unknown,
    jwks: () => issuer.jwks() as unknown,
  };
  const authenticate = createAuthenticator({
    fetchJwks: async signal => {
      expect(signal.aborted).toBe(false);
      state.fetches += 1;
      if (state.broken) throw new Error('connection refused');
      return state.jwks();
    },
    fetchConfiguration: async () => state.configuration(),
    clock,
  });
  return { clock, issuer, state, authenticate };
}

describe('authenticator', () => {
  it('given a projected token of a Pod, then it says which Pod', async () => {
    const { authenticate, issuer } = await createCluster();
    expect(await authenticate(await issuer.sign())).toEqual({
      namespace: 'team',
      pod: { name: 'release-0', uid: 'pod-1' },
    });
  });

  it.each<[string, TokenOptions, string]>([
    ['of another audience', { claims: { aud: ['https://kubernetes.default.svc'] } }, '"aud"'],
    ['without an audience', { claims: { aud: undefined } as never }, '"aud"'],
    ['of another issuer', { claims: { iss: 'https://elsewhere' } }, '"iss"'],
    ['that is not valid yet', { claims: { nbf: Date.parse('2026-01-02') / 1_000 } }, '"nbf"'],
    ['that never expires', { claims: { exp: undefined } as never }, '"exp"'],
    ['of no Pod', { claims: { 'kubernetes.io': { namespace: 'team' } } }, 'not bound to a Pod'],
    ['of nothing in Kubernetes', { claims: { 'kubernetes.io': undefined } as never }, 'not bound to a Pod'],
  ])('given a token %s, then it is refused for good', async (_what, options, message) => {
    const { authenticate, issuer } = await createCluster();
    await expect(authenticate(await issuer.sign(options))).rejects.toMatchObject({
      status: 401,
      reason: 'Unauthorized',
      retry: false,
      message: expect.stringContaining(message),
    });
  });

  it('given a token that expired, then the agent is told to read it again', async () => {
    const { authenticate, issuer, clock } = await createCluster();
    const token = await issuer.sign();
    clock.advanceSync(3_605_000);
    expect(await authenticate(token)).toMatchObject({ namespace: 'team' });
    clock.advanceSync(10_000);
    await expect(authenticate(token)).rejects.toMatchObject({
      status: 401,
      retry: true,
      message: expect.stringContaining('expired'),
    });
  });

  it.each([
    ['nonsense', 'nonsense'],
    ['an empty string', ''],
    ['a token without a signature', 'eyJhbGciOiJub25lIn0.e30.'],
    ['something endless', 'x'.repeat(20_000)],
  ])('given %s, then it is refused', async (_what, token) => {
    const { authenticate } = await createCluster();
    await expect(authenticate(token)).rejects.toMatchObject({ status: 401, reason: 'Unauthorized' });
  });

  it('given a token that somebody signed with a shared secret, then it is refused', async () => {
    const { authenticate, issuer } = await createCluster();
    const secret = new TextEncoder().encode(JSON.stringify(issuer.jwks().keys[0]));
    const token = await new SignJWT({ aud: 'tako.dev', iss: issuer.issuer, sub: 'x' })
      .setProtectedHeader({ alg: 'HS256', kid: 'key-1' })
      .setExpirationTime('1h')
      .sign(secret);
    await expect(authenticate(token)).rejects.toMatchObject({ status: 401 });
  });

  it('given a token that was changed after it was signed, then it is refused', async () => {
    const { authenticate, issuer } = await createCluster();
    const [header, , signature] = (await issuer.sign()).split('.');
    const [, payload] = (await issuer.sign({ podUid: 'pod-2' })).split('.');
    await expect(authenticate(`${header}.${payload}.${signature}`)).rejects.toMatchObject({ status: 401 });
  });

  it('given many tokens, then the keys are fetched once', async () => {
    const { authenticate, issuer, state } = await createCluster();
    const tokens = await Promise.all(Array.from({ length: 10 }, () => issuer.sign()));
    await Promise.all(tokens.map(authenticate));
    await authenticate(tokens[0]!);
    expect(state.fetches).toBe(1);
  });

  it('given a new key of the cluster, then it is fetched when a token needs it, but not before the minimum interval', async () => {
    const { authenticate, issuer, state, clock } = await createCluster();
    await authenticate(await issuer.sign());
    await issuer.rotate();
    const token = await issuer.sign();
    await expect(authenticate(token)).rejects.toMatchObject({
      status: 401,
      retry: true,
      message: expect.stringContaining('key'),
    });
    expect(state.fetches).toBe(1);
    clock.advanceSync(10_000);
    expect(await authenticate(token)).toMatchObject({ namespace: 'team' });
    expect(state.fetches).toBe(2);
  });

  it('given a flood of tokens with unknown keys, then the API server is asked once in the interval', async () => {
    const { authenticate, issuer, state, clock } = await createCluster();
    await authenticate(await issuer.sign());
    clock.advanceSync(60_000);
    const stranger = await createTokenIssuer();
    await stranger.rotate();
    const bad = await stranger.sign();
    await Promise.all(
      Array.from({ length: 20 }, () => expect(authenticate(bad)).rejects.toMatchObject({ status: 401 })),
    );
    expect(state.fetches).toBe(2);
  });

  it('given a key that the cluster took back, then its tokens are good for an hour at most', async () => {
    const { authenticate, issuer, clock } = await createCluster();
    const token = await issuer.sign({ claims: { exp: Date.parse('2026-02-01') / 1_000 } });
    await authenticate(token);
    await issuer.rotate();
    clock.advanceSync(3_599_000);
    await authenticate(token);
    clock.advanceSync(1_000);
    await expect(authenticate(token)).rejects.toMatchObject({ status: 401 });
  });

  it('given a cluster whose keys cannot be had, then the agent may come again, and known keys stay good', async () => {
    const { authenticate, issuer, state, clock } = await createCluster();
    const token = await issuer.sign();
    state.broken = true;
    await expect(authenticate(token)).rejects.toMatchObject({ status: 503, reason: 'KeysUnavailable', retry: true });
    state.broken = false;
    await authenticate(token);
    state.broken = true;
    clock.advanceSync(60_000);
    await authenticate(token);
  });

  it.each([
    ['a page of HTML', '<html>'],
    ['keys that are none', { keys: [{ kid: 'x' }] }],
  ])('given %s in place of keys, then that is told as unavailable', async (_what, jwks) => {
    const { authenticate, issuer, state } = await createCluster();
    state.jwks = () => jwks;
    await expect(authenticate(await issuer.sign())).rejects.toMatchObject({ status: 503, retry: true });
  });

  it('given a cluster whose issuer changed, then tokens of the new one are good after a refresh', async () => {
    const { authenticate, issuer, state, clock } = await createCluster();
    await authenticate(await issuer.sign());
    state.configuration = () => ({ issuer: 'https://new' });
    clock.advanceSync(10_000);
    expect(await authenticate(await issuer.sign({ claims: { iss: 'https://new' } }))).toMatchObject({
      namespace: 'team',
    });
  });
});
