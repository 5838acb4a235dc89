import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import type { KubeClient } from '../../../src/kube/client.ts';
import { connect } from '../../cluster/cluster.ts';
import { examples, type KubernetesObject, pages, ROOT } from '../../unit/markdown.ts';
import { createNamespace, testClient } from '../fixture.ts';

let client: KubeClient;
let namespace: string;
beforeAll(async () => {
  client = testClient();
  namespace = await createNamespace(client);
});
afterAll(async () => {
  await client.close();
});

const kubectl = async (args: readonly string[], input?: string): Promise<string> =>
  (await connect(process.env.TAKO_TEST_CLUSTER!)).kubectl(args, input === undefined ? {} : { input });

describe('manifests/samples', () => {
  test('given the samples, when they are applied with a dry run, then the API server takes each', async () => {
    const applied = await kubectl(['apply', '--dry-run=server', '--namespace', namespace, '-f', 'manifests/samples']);
    expect(applied.trim().split('\n').sort()).toEqual([
      'takorepository.tako.dev/app-one created (server dry run)',
      'takorepository.tako.dev/core-lib created (server dry run)',
      'takorun.tako.dev/core-lib-built-1 created (server dry run)',
      'takorun.tako.dev/core-lib-release-1 created (server dry run)',
    ]);
  });

  test('given the overlay, when it is built, then operator and agents have its image, and the operator its settings', async () => {
    const built = parseAllDocuments(await kubectl(['kustomize', 'manifests/samples/install'])).map(document =>
      document.toJS(),
    );
    expect(built.map(({ kind }) => kind)).toEqual(
      expect.arrayContaining(['CustomResourceDefinition', 'Namespace', 'ClusterRole', 'Service', 'Deployment']),
    );
    const { containers } = built.find(({ kind }) => kind === 'Deployment').spec.template.spec;
    const image = 'registry.example.com/platform/tako:0.1.0';
    expect(containers).toMatchObject([{ name: 'operator', image }]);
    expect(containers[0].env).toEqual(
      expect.arrayContaining([
        { name: 'TAKO_AGENT_IMAGE', value: image },
        { name: 'TAKO_GIT_HOSTS', value: 'git.example.com,github.com' },
        { name: 'POD_NAMESPACE', valueFrom: { fieldRef: { fieldPath: 'metadata.namespace' } } },
      ]),
    );
  });

  test('given the installation, when it is applied with a dry run, then the API server takes each object', async () => {
    const built = parseAllDocuments(await kubectl(['kustomize', 'manifests'])).map(document => document.toJS());
    // A dry run makes no namespace, and what is in one that does not exist is refused.
    const input = built
      .map(object => JSON.stringify(object).replaceAll('"namespace":"tako-system"', `"namespace":"${namespace}"`))
      .join('\n---\n');
    const applied = await kubectl(
      ['apply', '--server-side', '--force-conflicts', '--dry-run=server', '-f', '-'],
      input,
    );
    expect(applied.trim().split('\n')).toHaveLength(built.length);
  });
});

describe('the documentation', () => {
  const documented = pages().flatMap(page =>
    examples(page).flatMap(example =>
      example.kind === 'objects' ? [[`${page}:${example.block.line}`, example.objects] as const] : [],
    ),
  );

  test.each(documented)('given the objects at %s, then the API server takes them', async (_, objects) => {
    const input = objects.map(object => JSON.stringify(object satisfies KubernetesObject)).join('\n---\n');
    const applied = await kubectl(['apply', '--dry-run=server', '--namespace', namespace, '-f', '-'], input);
    expect(applied.trim().split('\n')).toHaveLength(objects.length);
  });

  test('given kubectl explain, then it says what the reference says', async () => {
    const explained = await kubectl(['explain', 'takorun.spec.concurrencyLimit']);
    const reference = readFileSync(path.join(ROOT, 'docs/reference/takorun.md'), 'utf8');
    const meaning = 'Children that wait for their own do not count. Default: no limit.';
    expect(explained.replaceAll(/\s+/g, ' ')).toContain(meaning);
    expect(reference).toContain(meaning);
  });
});
