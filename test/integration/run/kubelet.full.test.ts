import { expect, test } from 'vitest';
import { pods } from '../../../src/kube/objects.ts';
import { until } from '../../fixtures/until.ts';
import { createWorld } from './world.ts';

const FILE = `version: 0.1.0
workflows:
  release:
    steps: [./build.sh]
`;
// The garbage collector of Pods looks every 20 s, and takes those of a Node that has been absent for 40 s.

test('given the Pods that a test puts on a node, then the garbage collector of Pods leaves them alone', async () => {
  const world = await createWorld();
  const { client, namespace, kubelet } = world;
  await world.repository('core-lib', FILE);
  await world.ready('core-lib');
  const pod = await world.pod(await world.run({ workflow: { repositoryRef: { name: 'core-lib' }, name: 'release' } }));
  await kubelet.bind(pod);
  const { metadata } = await client.create(pods, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace, name: 'stray' },
    spec: { ...pod.spec, nodeName: `absent-${namespace}` },
  });
  const isTaken = async () => (await world.pods()).every(({ metadata: { uid } }) => uid !== metadata.uid);
  await until('the garbage collector to take a Pod whose Node there is not', isTaken);
  const [left] = await world.pods();
  expect(left).toMatchObject({ metadata: { uid: pod.metadata.uid } });
  expect(left?.metadata.deletionTimestamp).toBeUndefined();
});
