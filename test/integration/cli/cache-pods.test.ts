import { describe, expect, onTestFinished, test } from 'vitest';
import { MAINTENANCE_CONTAINER, MAINTENANCE_LABELS, maintenancePod } from '../../../src/cli/cache/maintenance-pod.ts';
import { EXIT } from '../../../src/cli/exit.ts';
import { takoWith } from '../../../src/cli/testing/io.ts';
import { CACHE_CLAIM, cacheClaim } from '../../../src/controllers/cache/claim.ts';
import type { KubeClient } from '../../../src/kube/client.ts';
import {
  defineResource,
  type KubeObject,
  matchLabels,
  type Pod,
  persistentVolumeClaims,
  pods,
} from '../../../src/kube/objects.ts';
import { createLockKeeper } from '../../../src/locks/keeper.ts';
import { until } from '../../fixtures/until.ts';
import { createNamespace, testClient } from '../fixture.ts';

/*
 * Without a kubelet: what commands do when their Pod does not come to work. That it does is tested on the real kubelet (test/e2e/cache-cli.test.ts).
 */

const URL = 'https://git.example.com/acme/core-lib.git';
const IMAGE = 'tako.example.com/tako:1';

interface Place {
  readonly admin: KubeClient;
  readonly namespace: string;
  tako(...args: string[]): ReturnType<typeof takoWith>;
  maintenancePods(): Promise<Pod[]>;
}

const persistentVolumes = defineResource<KubeObject & { spec: object }>({
  group: '',
  version: 'v1',
  plural: 'persistentvolumes',
  kind: 'PersistentVolume',
  namespaced: false,
});

/** A namespace, with a claim of a cache or without, and with a volume for that or without. */
async function place(state?: 'Pending' | 'Bound'): Promise<Place> {
  const admin = testClient();
  onTestFinished(() => admin.close());
  const namespace = await createNamespace(admin);
  const ref = { namespace, name: CACHE_CLAIM };
  if (state === 'Bound') {
    const name = `cache-${namespace}`;
    onTestFinished(async () => {
      const other = testClient();
      await other.delete(persistentVolumes, { name });
      await other.close();
    });
    await admin.create(persistentVolumes, {
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: { name },
      spec: {
        capacity: { storage: '1Gi' },
        accessModes: ['ReadWriteMany'],
        persistentVolumeReclaimPolicy: 'Retain',
        claimRef: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', ...ref },
        hostPath: { path: '/nowhere' },
      },
    });
  }
  if (state !== undefined) {
    const options = { size: '1Gi', storageClass: '', accessMode: 'ReadWriteMany', maxAgeMs: 0, lockMs: 0 } as const;
    await admin.create(persistentVolumeClaims, cacheClaim(namespace, options));
  }
  if (state === 'Bound') {
    const isBound = async () => (await admin.get(persistentVolumeClaims, ref)).status?.phase === 'Bound';
    await until('the claim to be bound', isBound);
  }
  return {
    admin,
    namespace,
    tako: (...args) => takoWith(process.env.TAKO_TEST_KUBECONFIG!, 'cache', ...args, '-n', namespace, '--image', IMAGE),
    maintenancePods: async () =>
      (await admin.list(pods, { namespace, labelSelector: matchLabels(MAINTENANCE_LABELS) })).items,
  };
}

describe('a namespace without a cache', () => {
  test('given no volume claim, then prune says so, and does nothing', async () => {
    const { tako, maintenancePods } = await place();
    const { code, stdout, stderr } = await tako('prune', '--all');
    expect(code).toBe(EXIT.ok);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/has no cache: there is no volume claim tako-cache\. .*TAKO_CACHE_SIZE/);
    expect(JSON.parse((await tako('prune', '--all', '-o', 'json')).stdout)).toMatchObject({
      entries: [],
      freedBytes: 0,
    });
    expect(await maintenancePods()).toEqual([]);
  });

  test('given a claim that no Pod has used yet, then no volume is made to look into it', async () => {
    const { tako, maintenancePods } = await place('Pending');
    expect(await tako('prune', '--all')).toMatchObject({
      code: EXIT.ok,
      stderr: expect.stringContaining('is Pending, not Bound'),
    });
    expect(await maintenancePods()).toEqual([]);
  });

  test('given nothing cached, then verify has nothing to do, and a repository that is asked for is an error', async () => {
    const { tako } = await place('Bound');
    expect(await tako('verify')).toMatchObject({ code: EXIT.ok, stderr: expect.stringContaining('Nothing is cached') });
    expect(await tako('verify', '--repository', URL)).toMatchObject({
      code: EXIT.failed,
      stderr: expect.stringMatching(/core-lib\.git: not cached in namespace .*tako cache ls/),
    });
  });
});

describe('a Pod that does not come to work', () => {
  /** Starts a command, waits for its Pod, gives that a status as a kubelet would, and waits for the command's end. */
  async function withStatus({ admin, namespace, tako, maintenancePods }: Place, status: object) {
    const ended = tako('prune', '--all');
    await until('its Pod', async () => (await maintenancePods()).length > 0);
    const [found] = await maintenancePods();
    const ref = { namespace, name: found!.metadata.name! };
    await admin.mergePatch(pods, ref, { status }, { subresource: 'status' });
    return ended;
  }
  const container = (state: object) => ({ containerStatuses: [{ ...STATUS, state }] });
  const STATUS = { name: MAINTENANCE_CONTAINER, image: IMAGE, imageID: '', ready: false, restartCount: 0 };

  test('given an image that cannot be pulled, then the command says so, and the Pod is removed', async () => {
    const here = await place('Bound');
    const waiting = { reason: 'ImagePullBackOff', message: 'not found' };
    const { code, stderr } = await withStatus(here, { phase: 'Pending', ...container({ waiting }) });
    expect(code).toBe(EXIT.failed);
    expect(stderr).toMatch(/Pod .*\/tako-cache-prune-[0-9a-f]{8} did not start: ImagePullBackOff: not found/);
    await until('the Pod to be gone', async () => (await here.maintenancePods()).length === 0);
  });

  test('given nobody can be attached to it, then the command says which request failed', async () => {
    const here = await place('Bound');
    const running = { startedAt: '2026-05-01T12:00:00Z' };
    const { code, stderr } = await withStatus(here, { phase: 'Running', ...container({ running }) });
    expect(code).toBe(EXIT.failed);
    expect(stderr).toMatch(/GET \/api\/v1\/namespaces\/.*\/attach did not become a WebSocket/);
  });

  test('given no node takes it, then the command gives up after --pod-timeout', async () => {
    const here = await place('Bound');
    const { code, stderr } = await here.tako('prune', '--all', '--pod-timeout', '1s');
    expect(code).toBe(EXIT.failed);
    expect(stderr).toMatch(/did not start within --pod-timeout: .*ReadWriteOnce/);
  });

  test('given a Pod that a killed command has left, then the next command removes it', async () => {
    const here = await place('Bound');
    const { admin, namespace } = here;
    const left = maintenancePod({
      namespace,
      name: 'tako-cache-prune-left',
      image: IMAGE,
      claim: CACHE_CLAIM,
      readOnly: false,
    });
    await admin.create(pods, left);
    const ref = { namespace, name: 'tako-cache-prune-left' };
    await admin.mergePatch(pods, ref, { status: { phase: 'Succeeded' } }, { subresource: 'status' });
    await here.tako('prune', '--all', '--pod-timeout', '0s');
    await until('it to be gone', async () => (await here.maintenancePods()).length === 0);
  });
});

describe('the image', () => {
  test('given no operator where it is looked for, then the command says how to name the image', async () => {
    const { admin, namespace } = await place('Bound');
    const keeper = createLockKeeper({ client: admin, isGone: async () => false });
    const ref = { namespace, url: URL, id: 'one' };
    const holder = { run: 'release-1', runUid: 'uid', pod: 'pod', podUid: 'pod-uid' };
    await keeper.acquire({ ...ref, want: { mode: 'write' }, holder });
    await keeper.publish({ ...ref, commits: ['a'.repeat(40)], bytes: 1 });
    const args = ['cache', 'verify', '-n', namespace, '--operator-namespace', namespace];
    const { code, stderr } = await takoWith(process.env.TAKO_TEST_KUBECONFIG!, ...args);
    expect(code).toBe(EXIT.failed);
    expect(stderr).toContain(`the Deployment ${namespace}/tako-operator, which names Tako's image, is not there`);
    expect(stderr).toContain('--image');
  });
});
