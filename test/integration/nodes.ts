import type { KubeClient } from '../../src/kube/client.ts';
import { defineResource, type KubeObject } from '../../src/kube/objects.ts';
import { isTrue } from '../fixtures/condition.ts';
import { PLAYED_NODE } from '../fixtures/kwok/stages.ts';
import { until } from '../fixtures/until.ts';

interface Node extends KubeObject {
  spec: { taints?: { key: string; value?: string; effect: string }[] };
  status?: { conditions?: { type: string; status: string }[] };
}

export const nodes = defineResource<Node>({
  group: '',
  version: 'v1',
  plural: 'nodes',
  kind: 'Node',
  namespaced: false,
});

/** Key of the label of a test's Node, and of the taint that keeps the Pods of other tests off. */
export const NODE_KEY = 'play.test/node';

/**
 * A Node that KWOK keeps ready, for the Pods that tolerate it. It stays until the control plane ends.
 *
 * @param name also the value of its label and of its taint
 */
export async function createNode(client: KubeClient, name: string): Promise<void> {
  await client.create(nodes, {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, annotations: PLAYED_NODE, labels: { [NODE_KEY]: name } },
    spec: { taints: [{ key: NODE_KEY, value: name, effect: 'NoSchedule' }] },
  });
  const look = async () => {
    const node = await client.get(nodes, { name });
    return isTrue(node, 'Ready') && node.spec.taints?.length === 1;
  };
  await until(`KWOK to make the Node ${name} ready`, look);
}
