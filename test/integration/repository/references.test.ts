import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { API_VERSION } from '../../../src/api/meta.ts';
import { type TakoRepository, takoRepositories } from '../../../src/api/resources.ts';
import type { TakoRepositorySpec } from '../../../src/api/takorepository.ts';
import type { KubeClient } from '../../../src/kube/client.ts';
import { until } from '../../fixtures/until.ts';
import { createNamespace, testClient } from '../fixture.ts';
import { installPolicies, isRefused, personIn } from '../people.ts';

type Rules = Parameters<typeof personIn>[4];

beforeAll(async () => {
  await installPolicies();
  const { alice, repository } = await writer();
  const overreach = () => isRefused(alice.create(takoRepositories, repository({ secretRef: { name: 'x' } })));
  await until('the policy to act', overreach);
  await alice.close();
});

/** A person who may write TakoRepositories in a namespace, and little else. */
async function writer(rules: Rules = []): Promise<{
  admin: KubeClient;
  alice: KubeClient;
  repository: (spec?: Partial<TakoRepositorySpec>, name?: string) => TakoRepository;
}> {
  const admin = testClient();
  const namespace = await createNamespace(admin);
  const repository = (spec: Partial<TakoRepositorySpec> = {}, name?: string): TakoRepository => ({
    apiVersion: API_VERSION,
    kind: 'TakoRepository',
    metadata: { namespace, ...(name === undefined ? { generateName: 'repo-' } : { name }) },
    spec: { url: 'https://git.example.com/acme/app.git', ...spec } as TakoRepositorySpec,
  });
  const plain = [{ apiGroups: ['tako.dev'], resources: ['takorepositories'], verbs: ['*'] }];
  const can = (client: KubeClient) => client.create(takoRepositories, repository(), { dryRun: true });
  const alice = await personIn(admin, namespace, 'tako-viewer', can, [...plain, ...rules]);
  return { admin, alice, repository };
}

async function testWriter(rules?: Rules) {
  const made = await writer(rules);
  onTestFinished(async () => {
    await made.alice.close();
    await made.admin.close();
  });
  return made;
}

const secrets = (...names: string[]): TakoRepositorySpec['secrets'] =>
  names.map((name, index) => ({ name: `S${index}`, secretKeyRef: { name, key: 'k' } }));
const mayGet = (...resourceNames: string[]) => ({
  apiGroups: [''],
  resources: ['secrets'],
  verbs: ['get'],
  ...(resourceNames.length > 0 && { resourceNames }),
});

describe('a person who may write TakoRepositories', () => {
  test.each<[string, Partial<TakoRepositorySpec>]>([
    ['Git credentials', { secretRef: { name: 'mine' } }],
    ['secrets of steps', { secrets: secrets('mine') }],
    ['secrets to pull images with', { runTemplate: { imagePullSecrets: [{ name: 'mine' }] } }],
    ['a volume', { runTemplate: { volumes: [{ name: 'v', volume: { secret: { secretName: 'mine' } } }] } }],
  ])('given a Secret named as %s, then she needs the right to get it', async (_, spec) => {
    const { alice, repository } = await testWriter();
    const refused = alice.create(takoRepositories, repository(spec));
    await expect(refused).rejects.toThrow(/you may not get Secret mine/);
    const other = await testWriter([mayGet('mine')]);
    await other.alice.create(takoRepositories, other.repository(spec));
  });

  test('given several Secrets, then she needs the right to each, and up to four she may have them by name', async () => {
    const { alice, repository } = await testWriter([mayGet('a', 'b', 'c', 'd', 'e')]);
    await alice.create(takoRepositories, repository({ secrets: secrets('a', 'b', 'a', 'c', 'd', 'd') }));
    const five = alice.create(takoRepositories, repository({ secrets: secrets('a', 'b', 'c', 'd', 'e') }));
    await expect(five).rejects.toThrow(/at most four/);
    for (const names of [['x'], ['a', 'x'], ['a', 'b', 'x'], ['a', 'b', 'c', 'x']]) {
      const refused = alice.create(takoRepositories, repository({ secrets: secrets(...names) }));
      await expect(refused).rejects.toThrow(/you may not get Secret x/);
    }
    const reader = await testWriter([mayGet()]);
    const many = secrets(...Array.from({ length: 64 }, (_, index) => `s${index}`));
    await reader.alice.create(takoRepositories, reader.repository({ secrets: many }));
  });

  test('given a service account, then she needs the right to use it; the default one needs none', async () => {
    const { alice, repository } = await testWriter();
    const of = (serviceAccountName: string) => repository({ runTemplate: { serviceAccountName } });
    await expect(alice.create(takoRepositories, of('deployer'))).rejects.toThrow(
      /you may not use ServiceAccount deployer/,
    );
    await alice.create(takoRepositories, of('default'));
    const use = { apiGroups: [''], resources: ['serviceaccounts'], verbs: ['use'], resourceNames: ['deployer'] };
    const other = await testWriter([use]);
    await other.alice.create(takoRepositories, other.repository({ runTemplate: { serviceAccountName: 'deployer' } }));
  });

  test("given somebody else's repository with a Secret, then she may annotate and delete it, but not point it elsewhere", async () => {
    const { admin, alice, repository } = await testWriter();
    const made = await admin.create(takoRepositories, repository({ secrets: secrets('theirs') }, 'app'));
    const ref = { namespace: made.metadata.namespace, name: 'app' };
    await alice.mergePatch(takoRepositories, ref, {
      metadata: { annotations: { 'reconcile.tako.dev/requestedAt': '1' } },
    });
    const turned = alice.mergePatch(takoRepositories, ref, { spec: { url: 'https://git.example.com/mallory/x.git' } });
    await expect(turned).rejects.toThrow(/you may not get Secret theirs/);
    await alice.delete(takoRepositories, ref);
  });
});
