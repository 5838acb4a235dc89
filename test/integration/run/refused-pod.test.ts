import { describe, expect, test } from 'vitest';
import { takoRuns } from '../../../src/api/resources.ts';
import { podName } from '../../../src/fanout/names.ts';
import { type Pod, pods, serviceAccounts } from '../../../src/kube/objects.ts';
import { until } from '../../fixtures/until.ts';
import { tellEnd } from './agent.ts';
import { resourceQuotas } from './resource-quota.ts';
import { createWorld, type World } from './world.ts';

const FILE = 'version: 0.1.0\nworkflows:\n  release:\n    steps: [./build.sh]\n';
const workflow = { repositoryRef: { name: 'core-lib' }, name: 'release' };

async function world(spec: object = {}, settings: Record<string, string> = {}): Promise<World> {
  const created = await createWorld({ settings });
  await created.repository('core-lib', FILE, { spec });
  await created.ready('core-lib');
  return created;
}

describe('a Pod that the API server does not take', () => {
  test('given the name of the Pod taken by something else, then the run fails, and that is left alone', async () => {
    const { client, namespace, ...rest } = await world();
    const run = await rest.run({ workflow, suspend: true }, 'taken');
    const name = podName(run.metadata, 1);
    const stranger: Pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace },
      spec: {
        automountServiceAccountToken: false,
        securityContext: { runAsNonRoot: true, runAsUser: 1, seccompProfile: { type: 'RuntimeDefault' } },
        containers: [
          {
            name: 'x',
            image: 'x',
            securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
          },
        ],
      },
    };
    await until('the service account', () =>
      client.create(pods, stranger).then(
        () => true,
        () => false,
      ),
    );
    await client.mergePatch(takoRuns, { namespace, name: 'taken' }, { spec: { suspend: false } });
    const { status } = await rest.phase(run, 'Failed');
    expect(status).toMatchObject({
      errorType: 'execution_failed',
      message: expect.stringContaining(`Pod ${name} exists and belongs to something else`),
    });
    expect(await rest.event(run, 'PodConflict')).toMatchObject({ type: 'Warning' });
    expect((await client.get(pods, { namespace, name })).metadata.deletionTimestamp).toBeUndefined();
  });

  test('given no room in the quota, then the run is Queued and says so, and starts when there is room', async () => {
    const created = await world();
    const { client, namespace } = created;
    await limitPods(created, '0');
    const run = await created.run({ workflow });
    const { status } = await created.phase(run, 'Queued');
    expect(status?.message).toContain('exceeded quota: pods');
    expect(status?.queuedTime).toBeDefined();
    await created.event(run, 'QuotaExceeded');
    await client.delete(resourceQuotas, { namespace, name: 'pods' });
    await until('the Pod', async () => (await created.pods(run)).length === 1, { everyMs: 100 });
  });

  test('given room for one Pod, and a run that tells its end before the kubelet does, then the next one starts when the Pod is over', async () => {
    const created = await world();
    await limitPods(created, '1');
    const first = await created.run({ workflow }, 'first');
    const pod = await created.pod(first);
    const next = await created.run({ workflow }, 'next');
    await created.phase(next, 'Queued');
    expect(await tellEnd(created, pod)).toBe(200);
    await created.phase(first, 'Succeeded');
    expect(await created.pods(next)).toEqual([]);
    await created.kubelet.finish(pod);
    await until('the Pod of the next', async () => (await created.pods(next)).length === 1, { everyMs: 100 });
  });

  test('given a service account that does not exist, then the run waits for it, and starts when it is there', async () => {
    const created = await world({ runTemplate: { serviceAccountName: 'builder' } });
    const run = await created.run({ workflow });
    const { status } = await created.reason(run, 'PodForbidden');
    expect(status).toMatchObject({
      phase: 'Pending',
      message: expect.stringContaining('serviceaccount "builder" not found'),
    });
    await created.client.create(serviceAccounts, {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: 'builder', namespace: created.namespace },
    });
    await until('the Pod', async () => (await created.pods(run)).length === 1);
  });

  test('given a service account that never comes, then the run fails in time', async () => {
    const created = await world({ runTemplate: { serviceAccountName: 'builder' } }, { TAKO_START_TIMEOUT: '3s' });
    const run = await created.run({ workflow });
    const { status } = await created.phase(run, 'Failed');
    expect(status?.message).toContain('serviceaccount "builder" not found');
    expect(await created.event(run, 'PodForbidden')).toMatchObject({ type: 'Warning' });
  });

  test('given a template that makes no Pod, then the run fails at once, and quotes the API server', async () => {
    const created = await world({ runTemplate: { nodeSelector: { 'not a label!': 'x' } } });
    const run = await created.run({ workflow });
    const { status } = await created.phase(run, 'Failed');
    expect(status).toMatchObject({ errorType: 'execution_failed' });
    expect(status?.message).toMatch(/the API server refuses the Pod: .*nodeSelector.*spec.runTemplate/s);
    expect(await created.event(run, 'PodInvalid')).toMatchObject({ type: 'Warning' });
    expect(await created.pods(run)).toEqual([]);
  });
});

/** A ResourceQuota for so many Pods, in force. */
async function limitPods({ client, namespace }: World, pods: string): Promise<void> {
  const name = 'pods';
  const spec = { hard: { pods } };
  await client.create(resourceQuotas, { apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name, namespace }, spec });
  await until(
    'the quota to be in force',
    async () => (await client.get(resourceQuotas, { namespace, name })).status?.hard !== undefined,
  );
}
