import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { resultName } from '../../fanout/names.ts';
import { startGateway } from '../testing/gateway-harness.ts';

const run = { name: 'core-lib-release', uid: 'uid-core-lib-release' };
const body = {
  steps: [{ id: 'build', phase: 'Succeeded', exitCode: 0, durationMilliseconds: 1_200 }],
  outputs: { 'build.version': '1.4.0' },
};

describe('PUT /v1/result', () => {
  it('given a result, then it is in an immutable ConfigMap that the run owns, and the digest is that of its text', async () => {
    const { call, runs } = await startGateway();
    const answer = await call('PUT', '/v1/result', { body });
    const [configMap] = runs.configMaps.values();
    expect(configMap).toMatchObject({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: {
        namespace: 'team',
        labels: { 'tako.dev/run-uid': run.uid, 'tako.dev/root-uid': run.uid, 'app.kubernetes.io/managed-by': 'tako' },
        ownerReferences: [{ apiVersion: 'tako.dev/v1alpha1', kind: 'TakoRun', ...run, controller: true }],
      },
      immutable: true,
    });
    const text = configMap?.data?.['result.json'] ?? '';
    expect(JSON.parse(text)).toEqual(body);
    expect(answer).toMatchObject({
      status: 201,
      body: { name: resultName(run, 'pod-1'), digest: createHash('sha256').update(text).digest('hex') },
    });
  });

  it('given the same result again, then it is the same answer; another one is a conflict', async () => {
    const { call, runs } = await startGateway();
    const first = await call('PUT', '/v1/result', { body });
    const reordered = { outputs: body.outputs, steps: body.steps };
    expect(await call('PUT', '/v1/result', { body: reordered })).toMatchObject({ status: 200, body: first.body });
    expect(await call('PUT', '/v1/result', { body: { steps: [] } })).toMatchObject({
      status: 409,
      body: { reason: 'ResultConflict', retry: false },
    });
    expect(runs.configMaps.size).toBe(1);
  });

  it('given a later attempt, then it has a result of its own', async () => {
    const { call, runs, issuer } = await startGateway();
    await call('PUT', '/v1/result', { body });
    runs.report(
      { namespace: 'team', name: run.name },
      { attempts: [{ number: 2, podName: 'release-1', podUID: 'pod-2' }] },
    );
    const token = await issuer.sign({ podUid: 'pod-2' });
    expect(await call('PUT', '/v1/result', { token, body: { steps: [] } })).toMatchObject({
      status: 201,
      body: { name: resultName(run, 'pod-2') },
    });
  });

  it('given a ConfigMap of that name that is somebody else’s, then it is not taken for the result', async () => {
    const { call, runs } = await startGateway();
    await call('PUT', '/v1/result', { body });
    const [[key, configMap]] = [...runs.configMaps] as [[string, NonNullable<ReturnType<typeof runs.configMaps.get>>]];
    const { ownerReferences: _, ...metadata } = configMap.metadata;
    runs.configMaps.set(key, { ...configMap, metadata });
    expect(await call('PUT', '/v1/result', { body })).toMatchObject({
      status: 409,
      body: { reason: 'ResultConflict' },
    });
  });

  it('given a ConfigMap that vanishes between two looks, then the agent may come again', async () => {
    const { call, runs } = await startGateway();
    runs.createConfigMap = async () => false;
    expect(await call('PUT', '/v1/result', { body })).toMatchObject({ status: 503, body: { retry: true } });
  });

  it('given exactly 512 KiB, then they are stored, and one byte more is refused', async () => {
    const { call, runs } = await startGateway();
    const room = 512 * 1024 - JSON.stringify({ outputs: { a: '' }, steps: [] }).length;
    const result = (bytes: number) => ({ steps: [], outputs: { a: 'x'.repeat(bytes) } });
    expect(await call('PUT', '/v1/result', { body: result(room + 1) })).toMatchObject({
      status: 413,
      body: { reason: 'ResultTooLarge', retry: false, message: expect.stringContaining('have 524289 bytes') },
    });
    expect(runs.configMaps.size).toBe(0);
    expect((await call('PUT', '/v1/result', { body: result(room) })).status).toBe(201);
  });

  it.each([
    ['no steps', {}, 'body.steps'],
    ['a phase that is none', { steps: [{ id: 'build', phase: 'Fine' }] }, 'body.steps.0.phase'],
    ['an output that is no text', { steps: [], outputs: { a: 1 } }, 'body.outputs.a'],
    ['an unknown field', { steps: [], state: 'succeeded' }, 'state'],
  ])('given %s, then the error names it', async (_what, wrong, message) => {
    const { call } = await startGateway();
    expect(await call('PUT', '/v1/result', { body: wrong })).toMatchObject({
      status: 400,
      body: { reason: 'InvalidRequest', message: expect.stringContaining(message) },
    });
  });
});
