import { expect, test } from 'vitest';
import { pods } from '../../../src/kube/objects.ts';
import { nodes } from '../nodes.ts';
import { isRunning, podOf, start } from './attempts.ts';

// The garbage collector of Pods looks at Nodes that are gone every 20 s, and again after 40 s.

test('given a node that is gone and says nothing any more, then the next Pod waits until Kubernetes knows it', async () => {
  const { world, run } = await start('deaf');
  const { metadata } = await podOf(world, run, 1, isRunning);
  await world.phase(run, 'Running');
  const { namespace, name } = metadata;
  await world.client.delete(pods, { namespace, name }, { gracePeriodSeconds: 1 });
  await world.reason(run, 'PodTerminating');
  expect(await world.pods(run)).toMatchObject([{ metadata: { finalizers: ['tako.dev/tracking'] } }]);
  // The garbage collector of Pods then marks those of the Node as failed.
  await world.client.delete(nodes, { name: world.node });
  await podOf(world, run, 2);
  expect((await world.get(run)).status?.attempts?.[0]).toMatchObject({ number: 1, reason: 'PodDeleted' });
});

test('given a Node that is deleted under a Pod, then another one follows', async () => {
  const { world, run } = await start('deaf');
  await podOf(world, run, 1, isRunning);
  await world.client.delete(nodes, { name: world.node });
  await podOf(world, run, 2);
  expect((await world.get(run)).status?.attempts?.[0]).toMatchObject({ number: 1, reason: 'DeletionByPodGC' });
});
