import { afterAll, beforeAll } from 'vitest';
import type { ClientOptions, KubeClient } from '../../../src/kube/client.ts';
import { createKubeClient } from '../../../src/kube/client.ts';
import type { ClusterConfig } from '../../../src/kube/config.ts';
import { loadClusterConfig } from '../../../src/kube/config.ts';
import type { ConfigMap } from '../../../src/kube/objects.ts';
import { namespaces } from '../../../src/kube/objects.ts';
import { createNamespace, testClient } from '../fixture.ts';

/** A client and a namespace for the tests of one file; both are gone afterwards. Read them inside tests and hooks only. */
export function useNamespace(): { readonly client: KubeClient; readonly namespace: string } {
  let client: KubeClient;
  let namespace: string;
  beforeAll(async () => {
    client = testClient();
    namespace = await createNamespace(client);
  });
  afterAll(async () => {
    await client.delete(namespaces, { name: namespace });
    await client.close();
  });
  return {
    get client() {
      return client;
    },
    get namespace() {
      return namespace;
    },
  };
}

export function testConfig(): ClusterConfig {
  return loadClusterConfig({ kubeconfig: process.env.TAKO_TEST_KUBECONFIG });
}

/** A client of its own, for a test that closes it or gives it other credentials. */
export function clientWith(config: Partial<ClusterConfig>, options: ClientOptions = {}): KubeClient {
  return createKubeClient({ ...testConfig(), ...config }, options);
}

export function configMap(namespace: string, name: string, fields: Partial<ConfigMap> = {}): ConfigMap {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace }, ...fields };
}
