import { afterAll, beforeAll } from 'vitest';
import { API_VERSION } from '../../../src/api/meta.ts';
import { takoRuns } from '../../../src/api/resources.ts';
import { createTakoRunRunner } from '../../../src/controllers/run/runner.ts';
import { awaitersOf } from '../../../src/fanout/shared.ts';
import { buildEvent } from '../../../src/fanout/testing/builders.ts';
import { runnerConformance } from '../../../src/fanout/testing/runner.conformance.ts';
import type { KubeClient } from '../../../src/kube/client.ts';
import { controllerOf } from '../../../src/kube/objects.ts';
import { createNamespace, testClient } from '../fixture.ts';

let client: KubeClient;
beforeAll(() => {
  client = testClient();
});
afterAll(() => client.close());

runnerConformance('TakoRuns of the API server', async () => {
  const namespace = await createNamespace(client);
  const eventRun = () =>
    client.create(takoRuns, {
      apiVersion: API_VERSION,
      kind: 'TakoRun',
      metadata: { generateName: 'event-', namespace },
      spec: { event: buildEvent() },
    });
  return {
    runner: createTakoRunRunner(client),
    parent: await eventRun(),
    otherParent: await eventRun(),
    async report({ name }, status) {
      await client.mergePatch(takoRuns, { namespace, name }, { status }, { subresource: 'status' });
    },
    cancelRequested: async ({ name }) => (await client.get(takoRuns, { namespace, name })).spec.cancel === true,
    async remove({ name }) {
      await client.delete(takoRuns, { namespace, name });
    },
    awaiters: async ({ name }) => awaitersOf(await client.get(takoRuns, { namespace, name })).map(({ uid }) => uid),
    async countChildren(parent) {
      const { items } = await client.list(takoRuns, { namespace });
      return items.filter(item => controllerOf(item)?.uid === parent.metadata.uid).length;
    },
  };
});
