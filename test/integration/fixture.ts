import { randomBytes } from 'node:crypto';
import { createKubeClient, type KubeClient } from '../../src/kube/client.ts';
import { loadClusterConfig } from '../../src/kube/config.ts';
import { namespaces } from '../../src/kube/objects.ts';

/** A client for the control plane of this test run, with no rate limit of its own to speak of. */
export function testClient(): KubeClient {
  return createKubeClient(loadClusterConfig({ kubeconfig: process.env.TAKO_TEST_KUBECONFIG }), {
    qps: 1_000,
    burst: 1_000,
  });
}

/** A namespace of its own for a test, so that tests run beside each other. Returns its name. */
export async function createNamespace(client: KubeClient, labels: Record<string, string> = {}): Promise<string> {
  const name = `test-${randomBytes(4).toString('hex')}`;
  await client.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } });
  return name;
}
