import { describe, expect, it } from 'vitest';
import { MAX_MESSAGE_BYTES } from '../../agent/contract.ts';
import { startGateway } from '../testing/gateway-harness.ts';

const body = { message: '{"protocol":1,"state":"succeeded","steps":[]}' };

describe('POST /v1/end', () => {
  it('given a message, then it is told with the Pod of the token', async () => {
    const { call, ends, issuer } = await startGateway();
    const token = await issuer.sign({ namespace: 'team', podUid: 'pod-9' });
    expect(await call('POST', '/v1/end', { body, token })).toMatchObject({ status: 200, body: {} });
    expect(ends).toEqual([{ pod: { namespace: 'team', name: expect.any(String), uid: 'pod-9' }, ...body }]);
  });

  it('given a message that is of no use, then the answer is the same: the agent can do nothing about it', async () => {
    const { call } = await startGateway({ earlyResults: { tell: () => false } });
    expect(await call('POST', '/v1/end', { body })).toMatchObject({ status: 200, body: {} });
  });

  it.each([
    ['no token', { body, token: null }, 401, 'Unauthorized'],
    ['a token of somebody else', { body, token: 'a.b.c' }, 401, 'Unauthorized'],
    ['another version of the contract', { body, headers: { 'tako-protocol': '99' } }, 400, 'UnsupportedProtocol'],
    ['no message', { body: {} }, 400, 'InvalidRequest'],
    ['a long message', { body: { message: 'x'.repeat(MAX_MESSAGE_BYTES + 1) } }, 400, 'InvalidRequest'],
  ])('given %s, then it is refused, and nothing is told', async (_, options, status, reason) => {
    const { call, ends } = await startGateway();
    expect(await call('POST', '/v1/end', options)).toMatchObject({ status, body: { reason, retry: false } });
    expect(ends).toEqual([]);
  });

  it('given a Pod that tells again and again, then it is told to wait, and other Pods are not', async () => {
    const { call, issuer } = await startGateway({ rateLimit: { perSecond: 1, burst: 2 } });
    const one = await issuer.sign({ podUid: 'pod-1' });
    const two = await issuer.sign({ podUid: 'pod-2' });
    const told = async (token: string) => (await call('POST', '/v1/end', { body, token })).status;
    expect([await told(one), await told(one), await told(one), await told(two)]).toEqual([200, 200, 429, 200]);
    const large = { message: 'x'.repeat(100_000) };
    expect(await call('POST', '/v1/end', { body: large, token: one }), 'its body is not read').toMatchObject({
      status: 429,
    });
    expect(await call('POST', '/v1/end', { body: large, token: two })).toMatchObject({ status: 413 });
  });
});
