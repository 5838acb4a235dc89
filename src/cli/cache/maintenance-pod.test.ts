import { describe, expect, test } from 'vitest';
import { IDS, PATHS } from '../../agent/contract.ts';
import { restrictedViolations } from '../../controllers/run/testing/pod-security.ts';
import type { Pod } from '../../kube/objects.ts';
import { imageOf } from './image.ts';
import { MAINTENANCE_CONTAINER, maintenancePod, podProgress } from './maintenance-pod.ts';

const pod = maintenancePod({
  namespace: 'team-a',
  name: 'tako-cache-verify-0',
  image: 'tako:1',
  claim: 'tako-cache',
  readOnly: true,
});

describe('the Pod that works on a cache', () => {
  test('given Pod Security restricted, then it is admitted, and has no token', () => {
    expect(restrictedViolations(pod)).toEqual([]);
    expect(pod.spec.automountServiceAccountToken).toBe(false);
  });

  test('given files of agents, then it has their user and group, and the volume where they have it', () => {
    const [container] = pod.spec.containers;
    expect(container?.securityContext).toMatchObject({ runAsUser: IDS.agent, runAsGroup: IDS.agent });
    expect(pod.spec.securityContext?.fsGroup).toBe(IDS.shared);
    expect(container?.volumeMounts).toContainEqual({ name: 'cache', mountPath: PATHS.cache, readOnly: true });
  });

  test('given a command that dies, then its input ends with the connection, and its time is bounded in any case', () => {
    expect(pod.spec.containers[0]).toMatchObject({ stdin: true, stdinOnce: true });
    expect(pod.spec.activeDeadlineSeconds).toBeLessThanOrEqual(7_200);
    expect(pod.spec.restartPolicy).toBe('Never');
  });
});

type Status = NonNullable<Pod['status']>;
const withState = (state: object): Status =>
  ({ phase: 'Pending', containerStatuses: [{ name: MAINTENANCE_CONTAINER, state }] }) as unknown as Status;

describe('how far that Pod is', () => {
  test.each<[string, Status | undefined, object]>([
    ['is new', undefined, { state: 'starting', why: 'its container is being created' }],
    [
      'finds no node',
      { conditions: [{ type: 'PodScheduled', status: 'False', message: '0/3 nodes' }] } as Status,
      { state: 'starting', why: '0/3 nodes' },
    ],
    [
      'creates its container',
      withState({ waiting: { reason: 'ContainerCreating' } }),
      { state: 'starting', why: 'its container is being created' },
    ],
    [
      'tries to pull its image',
      withState({ waiting: { reason: 'ErrImagePull', message: 'no such host' } }),
      { state: 'starting', why: 'ErrImagePull: no such host' },
    ],
    [
      'gives up on its image',
      withState({ waiting: { reason: 'ImagePullBackOff', message: 'back off' } }),
      { state: 'failed', why: 'ImagePullBackOff: back off' },
    ],
    ['runs', withState({ running: {} }), { state: 'running' }],
    [
      'has ended',
      withState({ terminated: { exitCode: 1, reason: 'Error' } }),
      { state: 'failed', why: 'it ended with exit code 1 (Error)' },
    ],
    [
      'was evicted',
      { phase: 'Failed', reason: 'Evicted', message: 'the node is full' } as Status,
      { state: 'failed', why: 'Evicted: the node is full' },
    ],
  ])('given it %s, then that is said', (_, status, progress) => {
    expect(podProgress({ metadata: {}, ...(status === undefined ? {} : { status }) })).toEqual(progress);
  });

  test('given somebody deletes it, then waiting is in vain', () => {
    const metadata = { deletionTimestamp: '2026-05-01T12:00:00Z' };
    expect(podProgress({ metadata, status: withState({ running: {} }) })).toMatchObject({ state: 'failed' });
  });
});

describe('the image', () => {
  const deployment = (env: { name: string; value?: string }[]) => ({
    spec: { template: { spec: { containers: [{ name: 'operator', image: 'tako:operator', env }] } } },
  });

  test('given the setting for agents, then it is that one, else the operator’s own', () => {
    expect(imageOf(deployment([{ name: 'TAKO_AGENT_IMAGE', value: 'tako:agent' }]))).toBe('tako:agent');
    expect(imageOf(deployment([]))).toBe('tako:operator');
    expect(imageOf({ spec: { template: { spec: { containers: [] } } } })).toBeUndefined();
  });
});
