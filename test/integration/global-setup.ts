import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { parse } from 'yaml';
import { createKubeClient } from '../../src/kube/client.ts';
import { loadClusterConfig } from '../../src/kube/config.ts';
import { type CustomResourceDefinition, customResourceDefinitions } from '../../src/kube/objects.ts';
import { isTrue } from '../fixtures/condition.ts';
import { until } from '../fixtures/until.ts';

/** Applies the committed CRDs to the real API server, once for all integration tests. */
export default async function setup(): Promise<void> {
  const kubeconfig = process.env.TAKO_TEST_KUBECONFIG;
  if (kubeconfig === undefined) {
    throw new Error('integration tests need a control plane: run them by `npm run test:integration`, which starts one');
  }
  const client = createKubeClient(loadClusterConfig({ kubeconfig }));
  const directory = path.join(import.meta.dirname, '../../crds');
  try {
    for (const file of (await readdir(directory)).filter(name => name.startsWith('tako.dev_'))) {
      const crd = parse(await readFile(path.join(directory, file), 'utf8')) as CustomResourceDefinition;
      await client.applyServerSide(customResourceDefinitions, crd, { fieldManager: 'tako-tests', force: true });
      await until(`${file} to be served`, async () => {
        const found = await client.get(customResourceDefinitions, { name: crd.metadata.name! });
        return isTrue(found, 'Established');
      });
    }
  } finally {
    await client.close();
  }
}
