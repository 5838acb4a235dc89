import { describe, expect, test } from 'vitest';
import { takoRuns } from '../../../src/api/resources.ts';
import type { TakoRunSpec } from '../../../src/api/takorun.ts';
import { isApiError } from '../../../src/kube/errors.ts';
import type { Live, Pod } from '../../../src/kube/objects.ts';
import { until } from '../../fixtures/until.ts';
import { startTestOperator } from '../test-operator.ts';
import { createWorld } from './world.ts';

const FILE = `version: 0.1.0
workflows:
  release: {steps: [./build.sh]}
`;
const workflow = { repositoryRef: { name: 'core-lib' }, name: 'release' };
const retain = { policy: 'OnFailure', duration: '10m' } as const;
const kept: TakoRunSpec = { workflow, workspace: { retain } };
const assignmentOf = (pod: Live<Pod>) =>
  JSON.parse(
    pod.spec.containers.find(({ name }) => name === 'agent')?.env?.find(({ name }) => name === 'TAKO_ASSIGNMENT')
      ?.value ?? '{}',
  ) as object;

describe('a failed workspace that is to stay', () => {
  test('given a step that fails, then the run has ended, its Pod stays and says how to look; a cancel ends it', async () => {
    const world = await createWorld();
    await world.repository('core-lib', FILE);
    const run = await world.run({ ...kept, timeout: '1h' });
    const pod = await world.pod(run);
    expect(assignmentOf(pod)).toMatchObject({ retainSeconds: 600 });
    expect(pod.spec.activeDeadlineSeconds).toBeGreaterThan(3_600 + 600);
    await world.kubelet.hold(pod, 600);

    const ended = await world.phase(run, 'Failed');
    const command = `kubectl -n ${world.namespace} exec -it ${pod.metadata.name} -c step-0 -- sh`;
    expect(ended.status?.completionTime).toBeDefined();
    expect(ended.status?.retainedWorkspace).toMatchObject({ podUID: pod.metadata.uid, container: 'step-0', command });
    expect((await world.event(run, 'WorkspaceRetained')).note).toContain(command);
    await until('the finalizer to be gone', async () => (await world.pod(run)).metadata.finalizers === undefined);
    expect((await world.pod(run)).metadata.deletionTimestamp).toBeUndefined();

    await world.client.mergePatch(takoRuns, { ...world, name: run.metadata.name }, { spec: { cancel: true } });
    await until('its containers to be ended', async () => (await world.pod(run)).spec.activeDeadlineSeconds === 1);
    expect((await world.pod(run)).metadata.deletionTimestamp).toBeUndefined();
    expect((await world.get(run)).status?.phase).toBe('Failed');
  });

  test('given its repository asks for it, and no place is left, then the next one ends, and its log stays', async () => {
    const settings = { TAKO_RETAINED_PER_NAMESPACE: '1' };
    const world = await createWorld({ settings });
    await world.repository('core-lib', FILE, { spec: { runTemplate: { workspace: { retain } } } });
    const first = await world.run({ workflow });
    await world.kubelet.hold(await world.pod(first), 600);
    expect((await world.phase(first, 'Failed')).status?.retainedWorkspace).toBeDefined();

    await world.operator.stop();
    world.operator = await startTestOperator({ namespace: world.namespace, settings });
    const second = await world.run({ workflow });
    await world.kubelet.hold(await world.pod(second), 600);
    expect((await world.phase(second, 'Failed')).status).not.toHaveProperty('retainedWorkspace');
    await world.event(second, 'WorkspaceNotRetained');
    await until('its containers to be ended', async () => (await world.pod(second)).spec.activeDeadlineSeconds === 1);
    expect((await world.pod(second)).metadata.deletionTimestamp).toBeUndefined();
    expect((await world.pod(first)).spec.activeDeadlineSeconds).toBeGreaterThan(1);
  });

  test('given a run that is deleted meanwhile, then its Pod goes at once', async () => {
    const world = await createWorld();
    await world.repository('core-lib', FILE);
    const run = await world.run(kept);
    const pod = await world.pod(run);
    await world.kubelet.hold(pod, 600);
    await world.phase(run, 'Failed');
    await world.client.delete(takoRuns, { ...world, name: run.metadata.name });
    await until('the Pod to be told to end', async () => {
      const [found] = await world.pods();
      return found === undefined || found.metadata.deletionTimestamp !== undefined;
    });
  });

  test.each(['25h', '500ms', '99999999999h'])('given %s, then it is refused with the bounds', async duration => {
    const world = await createWorld();
    const refused = world.run({ workflow, workspace: { retain: { policy: 'OnFailure', duration } } });
    await expect(refused).rejects.toSatisfy((error: unknown) => isApiError(error, 'invalid'));
    await expect(refused).rejects.toThrow(/retained for 1s to 24h|duration/);
  });
});
