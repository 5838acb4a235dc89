import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { ANNOTATIONS } from '../../../src/api/meta.ts';
import { EXIT } from '../../../src/cli/exit.ts';
import { takoWith } from '../../../src/cli/testing/io.ts';
import type { KubeClient } from '../../../src/kube/client.ts';
import { leases } from '../../../src/kube/objects.ts';
import { createLockKeeper } from '../../../src/locks/keeper.ts';
import { lockName } from '../../../src/locks/lease.ts';
import { accountIn } from '../../fixtures/account.ts';
import { until } from '../../fixtures/until.ts';
import { createNamespace, testClient } from '../fixture.ts';
import { bindRole, installPolicies } from '../people.ts';

const CORE = 'https://git.example.com/acme/core-lib.git';
const APP = 'https://git.example.com/acme/app-one.git';

beforeAll(installPolicies);

/** A namespace in which `CORE` is cached and read by one run, and `APP` is fetched for the first time. */
async function world(): Promise<{ admin: KubeClient; namespace: string }> {
  const admin = testClient();
  onTestFinished(() => admin.close());
  const namespace = await createNamespace(admin);
  const keeper = createLockKeeper({ client: admin, isGone: async () => false });
  const holder = (run: string) => ({ run, runUid: `${run}-uid`, pod: `${run}-pod`, podUid: `${run}-pod-uid` });
  const write = { mode: 'write' } as const;
  const core = { namespace, url: CORE, id: 'core' };
  await keeper.acquire({ ...core, want: write, holder: holder('release-1') });
  await keeper.publish({ ...core, commits: ['a'.repeat(40), 'b'.repeat(40)], bytes: 3 * 1_024 * 1_024 });
  await keeper.acquire({ namespace, url: APP, id: 'app', want: write, holder: holder('ci-7') });
  return { admin, namespace };
}

describe('tako cache ls', () => {
  test('given a person with the role of a viewer, then she sees what is cached and who uses it', async () => {
    const { admin, namespace } = await world();
    const { kubeconfig, user } = await accountIn(admin, namespace);
    const refused = await takoWith(kubeconfig, 'cache', 'ls', '-n', namespace);
    expect(refused).toMatchObject({ code: EXIT.failed, stdout: '' });
    expect(refused.stderr).toMatch(/leases.* is forbidden.*docs\/guides\/cache\.md/s);

    await bindRole(admin, namespace, 'tako-viewer', user);
    const list = () => takoWith(kubeconfig, 'cache', 'ls', '-n', namespace);
    await until('the role to count', async () => (await list()).code === EXIT.ok);
    const { stdout, stderr } = await list();
    expect(stderr).toBe('');
    expect(stdout.split('\n').map(line => line.split(/ {3,}/))).toEqual([
      ['REPOSITORY', 'GENERATION', 'COMMITS', 'SIZE', 'LAST USED', 'IN USE'],
      [APP, '-', '-', '-', expect.stringMatching(/^\d+s ago$/), 'written by ci-7'],
      [CORE, '1', '2', '3Mi', expect.stringMatching(/^\d+s ago$/), 'read by release-1'],
      [''],
    ]);
  });

  test('given all namespaces as JSON, then it is one document with every entry and its namespace', async () => {
    const [one, other] = [await world(), await world()];
    const kubeconfig = process.env.TAKO_TEST_KUBECONFIG!;
    const { code, stdout } = await takoWith(kubeconfig, 'cache', 'ls', '-A', '-o', 'json');
    expect(code).toBe(EXIT.ok);
    const { entries } = JSON.parse(stdout) as { entries: { namespace: string; repository: string; bytes: number }[] };
    for (const { namespace } of [one, other]) {
      expect(entries.filter(entry => entry.namespace === namespace)).toMatchObject([
        { repository: APP, generation: null, bytes: null, holders: [{ run: 'ci-7', pod: 'ci-7-pod', mode: 'write' }] },
        { repository: CORE, generation: 1, bytes: 3_145_728, commits: ['a'.repeat(40), 'b'.repeat(40)] },
      ]);
    }
  });

  test('given a namespace where nothing is cached, then it says so', async () => {
    const admin = testClient();
    onTestFinished(() => admin.close());
    const namespace = await createNamespace(admin);
    expect(await takoWith(process.env.TAKO_TEST_KUBECONFIG!, 'cache', 'ls', '-n', namespace)).toEqual({
      code: EXIT.ok,
      stdout: '',
      stderr: `Nothing is cached in namespace ${namespace}.\n`,
    });
  });

  test('given a Lease that somebody has changed, then the others are listed, and that one is named', async () => {
    const { admin, namespace } = await world();
    const name = lockName(CORE);
    await admin.mergePatch(leases, { namespace, name }, { metadata: { annotations: { [ANNOTATIONS.lock]: '{' } } });
    const { code, stdout, stderr } = await takoWith(
      process.env.TAKO_TEST_KUBECONFIG!,
      ...['cache', 'ls', '-n', namespace],
    );
    expect(code).toBe(EXIT.ok);
    expect(stdout).toContain(APP);
    expect(stdout).not.toContain(CORE);
    expect(stderr).toContain(`Left out: Lease ${namespace}/${name}: `);
  });
});
