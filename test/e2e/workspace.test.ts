import { describe, expect } from 'vitest';
import { isApiError } from '../../src/kube/errors.ts';
import { persistentVolumeClaims } from '../../src/kube/objects.ts';
import { outcome } from './fixture/run-handle.ts';
import { test } from './fixture/tako.ts';

describe('a workspace', () => {
  test('given a storage class, then the claim belongs to the Pod and both are gone afterwards', async ({ tako }) => {
    const barrier = await tako.barrier(2);
    const run = await tako.steps(
      [
        'echo kept >file; df -P . | tail -n 1',
        { run: `wget -q -O /dev/null ${barrier.url}`, network: 'default' },
        { id: 'other', image: tako.image, run: 'cat file', produces: { outputs: { text: 'from_stdout' } } },
      ],
      {
        run: {
          workspace: {
            volumeClaimTemplate: {
              spec: {
                accessModes: ['ReadWriteOnce'],
                storageClassName: 'local-path',
                resources: { requests: { storage: '16Mi' } },
              },
            },
          },
        },
      },
    );
    await tako.wait('the step to be there', () => barrier.visitors[0], 60_000);
    const [pod] = run.pods();
    const claim = { namespace: tako.namespace, name: `${pod?.metadata.name}-workspace` };
    const { metadata, status } = await tako.world.client.get(persistentVolumeClaims, claim);
    expect(metadata.ownerReferences).toEqual([expect.objectContaining({ kind: 'Pod', uid: pod?.metadata.uid })]);
    expect(status?.phase).toBe('Bound');
    barrier.open();

    const ended = await run.ended();

    expect(outcome(ended)).toMatchObject({ phase: 'Succeeded' });
    expect(ended.status?.outputs).toEqual({ 'other.text': 'kept' });
    await run.noPod();
    await tako.wait(
      'the claim to be gone',
      async () => {
        try {
          await tako.world.client.get(persistentVolumeClaims, claim);
          return undefined;
        } catch (error) {
          if (isApiError(error, 'notFound')) return true;
          throw error;
        }
      },
      30_000,
    );
  });
});
