import { describe, expect, it } from 'vitest';
import type { Live, Pod } from '../../kube/objects.ts';
import { projectPod } from './observed.ts';

const pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: 'p',
    namespace: 'team',
    uid: 'u',
    resourceVersion: '1',
    creationTimestamp: '2026-01-01T00:00:00Z',
    labels: { 'tako.dev/attempt': '1', 'tako.dev/run-uid': 'r', other: 'x' },
    annotations: { 'tako.dev/revision': 'abc', other: 'x' },
    finalizers: ['tako.dev/tracking'],
    managedFields: [{ manager: 'x' }],
  },
  spec: { containers: [{ name: 'agent', image: 'i' }], volumes: [{ name: 'w', ephemeral: {} }] },
  status: {
    phase: 'Running',
    qosClass: 'Burstable',
    conditions: [
      { type: 'Ready', status: 'True' },
      { type: 'PodScheduled', status: 'True' },
      { type: 'DisruptionTarget', status: 'True', reason: 'PreemptionByScheduler' },
    ],
    containerStatuses: [
      {
        name: 'agent',
        image: 'i',
        imageID: 'sha256:1234',
        ready: true,
        restartCount: 0,
        lastState: {},
        state: { running: { startedAt: '2026-01-01T00:00:01Z' } },
      },
    ],
  },
} as unknown as Live<Pod>;

describe('the projection of a Pod', () => {
  it('given a Pod, then only what decides is kept', () => {
    expect(projectPod(pod)).toEqual({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: 'p',
        namespace: 'team',
        uid: 'u',
        resourceVersion: '1',
        creationTimestamp: '2026-01-01T00:00:00Z',
        labels: { 'tako.dev/attempt': '1', 'tako.dev/run-uid': 'r' },
        annotations: { 'tako.dev/revision': 'abc' },
        finalizers: ['tako.dev/tracking'],
      },
      claimed: true,
      cached: false,
      status: {
        phase: 'Running',
        conditions: [
          { type: 'PodScheduled', status: 'True' },
          { type: 'DisruptionTarget', status: 'True', reason: 'PreemptionByScheduler' },
        ],
        containerStatuses: [
          {
            name: 'agent',
            image: 'i',
            imageID: '',
            ready: true,
            restartCount: 0,
            state: { running: { startedAt: '2026-01-01T00:00:01Z' } },
          },
        ],
      },
    });
  });

  it('given a Pod that was just created, then there is no status and no claim', () => {
    const { status: _, ...fresh } = { ...pod, spec: { containers: [] } };
    expect(projectPod(fresh as Live<Pod>)).toMatchObject({ claimed: false });
    expect(projectPod(fresh as Live<Pod>)).not.toHaveProperty('status');
  });

  it('given a Pod with the cache, then that is kept, and is no workspace to be freed', () => {
    const volumes = [{ name: 'cache', persistentVolumeClaim: { claimName: 'tako-cache' } }];
    expect(projectPod({ ...pod, spec: { containers: [], volumes } } as Live<Pod>)).toMatchObject({
      claimed: false,
      cached: true,
    });
  });

  it('given a Pod that is being deleted, then that is kept', () => {
    const going = { ...pod, metadata: { ...pod.metadata, deletionTimestamp: '2026-01-01T00:01:00Z' } };
    expect(projectPod(going).metadata.deletionTimestamp).toBe('2026-01-01T00:01:00Z');
  });
});
