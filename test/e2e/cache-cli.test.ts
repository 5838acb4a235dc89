import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished } from 'vitest';
import { AGENT_CONTAINER, IDS } from '../../src/agent/contract.ts';
import { cachedCheckout } from '../../src/cache/checkout.ts';
import { createKeeperLocks } from '../../src/cache/testing/keeper-locks.ts';
import { createCommandKeeper } from '../../src/cli/cache/locks.ts';
import { MAINTENANCE_LABELS } from '../../src/cli/cache/maintenance-pod.ts';
import { EXIT } from '../../src/cli/exit.ts';
import { CACHE_CLAIM, cacheClaim } from '../../src/controllers/cache/claim.ts';
import { parseGitUrl } from '../../src/git/url.ts';
import { systemClock } from '../../src/kube/clock.ts';
import { matchLabels, persistentVolumeClaims, pods } from '../../src/kube/objects.ts';
import type { LockOwner } from '../../src/locks/types.ts';
import { accountIn } from '../fixtures/account.ts';
import { createRepository } from '../fixtures/git-server/repositories.mjs';
import { bindRole } from '../integration/people.ts';
import { type Tako, test } from './fixture/tako.ts';

const ROOT = path.join(import.meta.dirname, '../..');
const EXECUTE_MS = 120_000;
const VOLUME_MS = 60_000;

interface Cached {
  /** Canonical URLs. */
  readonly core: string;
  readonly app: string;
  /** For locks: a Pod that is there, with the volume at /cache. */
  readonly holder: LockOwner;
  /** Runs a script in it. */
  sh(script: string): Promise<string>;
}

/** A cache with two repositories, made by the code that agents have, on a volume of the namespace. */
async function cacheWithTwo(tako: Tako): Promise<Cached> {
  const { client, cluster, gitRoot, gitUrl } = tako.world;
  const { namespace } = tako;
  await client.create(
    persistentVolumeClaims,
    cacheClaim(namespace, { size: '1Gi', storageClass: '', accessMode: 'ReadWriteOnce', maxAgeMs: 0, lockMs: 0 }),
  );
  const pod = await client.create(pods, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'reader', namespace },
    spec: {
      terminationGracePeriodSeconds: 0,
      securityContext: {
        runAsNonRoot: true,
        runAsUser: IDS.agent,
        runAsGroup: IDS.agent,
        fsGroup: IDS.shared,
        seccompProfile: { type: 'RuntimeDefault' },
      },
      containers: [
        {
          name: AGENT_CONTAINER,
          image: 'busybox:1.36',
          command: ['sleep', '3600'],
          securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
          volumeMounts: [{ name: 'cache', mountPath: '/cache' }],
        },
      ],
      volumes: [{ name: 'cache', persistentVolumeClaim: { claimName: CACHE_CLAIM } }],
    },
  });
  const holder = { run: 'docs-7', runUid: 'docs-7-uid', pod: 'reader', podUid: pod.metadata.uid };
  const kubectl = (args: string[], input?: Buffer) =>
    cluster.kubectl([`--namespace=${namespace}`, ...args], input === undefined ? {} : { input });

  const place = await mkdtemp(path.join(tmpdir(), 'tako-e2e-cache-'));
  onTestFinished(() => rm(place, { recursive: true, force: true }));
  const root = path.join(place, 'cache');
  await mkdir(root);
  const keeper = createCommandKeeper(client, { clock: systemClock, random: Math.random });
  const urls = [];
  for (const name of ['app-one', 'core-lib']) {
    const { commits } = await createRepository(path.join(gitRoot, namespace, 'acme', `${name}.git`), {
      commits: [{ files: { 'README.md': `# ${name}\n`, 'data.txt': `${name} `.repeat(2_000) } }],
    });
    const url = parseGitUrl(`${gitUrl}/${namespace}/acme/${name}.git`);
    await mkdir(path.join(place, name));
    await cachedCheckout({
      url,
      commit: commits[0]!,
      gitDirectory: path.join(place, `${name}.git`),
      workTree: path.join(place, name),
      timeoutMs: EXECUTE_MS,
      cache: {
        root,
        limits: { maxBytes: 1_024 ** 3, maxAgeSeconds: 3_600 },
        locks: createKeeperLocks(keeper, namespace, holder),
        log: message => console.error(message),
      },
    });
    urls.push(url.href);
  }
  await kubectl(['wait', '--for=condition=Ready', 'pod/reader', `--timeout=${VOLUME_MS}ms`]);
  const { stdout } = await promisify(execFile)('tar', ['-c', '-C', root, '.'], { encoding: 'buffer' });
  await kubectl(['exec', '-i', 'reader', '--', 'tar', '-x', '-C', '/cache'], stdout);
  return {
    app: urls[0]!,
    core: urls[1]!,
    holder,
    sh: script => kubectl(['exec', 'reader', '--', 'sh', '-c', script]),
  };
}

type Person = (...args: string[]) => Promise<{ code: number; stdout: string; stderr: string }>;

/** Somebody who has no rights but those of the roles for it, and runs `tako ARGUMENTS -n NAMESPACE` as a program of its own. */
async function maintainer({ namespace, world, wait }: Tako): Promise<Person> {
  const { kubeconfig, user } = await accountIn(world.client, namespace);
  await bindRole(world.client, namespace, 'tako-cache-maintainer', user);
  await bindRole(world.client, 'tako-system', 'tako-image-viewer', user, 'Role');
  const person: Person = (...args) => {
    const command = [path.join(ROOT, 'src/cli/tako.mjs'), ...args, '-n', namespace, '--kubeconfig', kubeconfig];
    return promisify(execFile)(process.execPath, command).then(
      ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
      (error: { code: number; stdout: string; stderr: string }) => error,
    );
  };
  const counts = async () => ((await person('cache', 'ls')).code === EXIT.ok ? true : undefined);
  await wait('the roles to count', counts, EXECUTE_MS);
  return person;
}

const cells = (text: string) =>
  text
    .trim()
    .split('\n')
    .slice(1)
    .map(line => line.split(/ {3,}/));

describe('tako cache', () => {
  test('given a cache, then ls shows it, verify finds what is broken, and prune frees what nobody uses', async ({
    tako,
  }) => {
    const { core, app, holder, sh } = await cacheWithTwo(tako);
    const person = await maintainer(tako);
    expect(cells((await person('cache', 'ls')).stdout)).toEqual([
      [app, '1', '1', expect.stringMatching(/Ki|B$/), expect.stringMatching(/ago$/), '-'],
      [core, '1', '1', expect.stringMatching(/Ki|B$/), expect.stringMatching(/ago$/), '-'],
    ]);

    const good = await person('cache', 'verify', '-o', 'json');
    expect(good, good.stderr).toMatchObject({ code: EXIT.ok });
    expect(JSON.parse(good.stdout)).toMatchObject({
      entries: [
        { repository: app, generation: 1, commits: 1, result: 'good', reasons: [] },
        { repository: core, generation: 1, commits: 1, result: 'good', reasons: [] },
      ],
    });

    await sh('for f in /cache/*/*core-lib*/gen-1/git/objects/pack/*.pack; do chmod u+w $f; printf x >> $f; done');
    const bad = await person('cache', 'verify');
    expect(bad, bad.stderr).toMatchObject({ code: EXIT.finding });
    expect(cells(bad.stdout).map(row => [row[0], row[4]])).toEqual([
      [app, 'good'],
      [core, expect.stringMatching(/^broken: .*\.pack has \d+ bytes instead of \d+/)],
    ]);
    expect(bad.stderr).toContain(`tako cache prune -n ${tako.namespace} --repository ${core}`);

    const keeper = createCommandKeeper(tako.world.client, { clock: systemClock, random: Math.random });
    const reading = { namespace: tako.namespace, url: app, id: 'reading' };
    expect(await keeper.acquire({ ...reading, want: { mode: 'read' }, holder })).toMatchObject({ state: 'granted' });
    const pruned = await person('cache', 'prune', '--all', '-o', 'json');
    expect(pruned, pruned.stderr).toMatchObject({ code: EXIT.ok });
    const { entries, freedBytes } = JSON.parse(pruned.stdout) as { entries: object[]; freedBytes: number };
    expect(freedBytes).toBeGreaterThan(0);
    expect(entries).toHaveLength(2);
    expect(entries).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ repository: core, result: 'removed', freedBytes }),
        expect.objectContaining({ repository: app, result: 'skipped', reason: expect.stringContaining('docs-7') }),
      ]),
    );
    expect(await sh('ls /cache/*')).toContain('app-one');
    expect(await sh('ls /cache/*')).not.toContain('core-lib');

    await keeper.release(reading);
    const planned = await person('cache', 'prune', '--max-size', '0', '--dry-run');
    expect(cells(planned.stdout)).toEqual([
      [app, expect.anything(), expect.anything(), 'would be removed (--max-size)'],
    ]);
    const rest = await person('cache', 'prune', '--max-size', '0');
    expect(rest, rest.stderr).toMatchObject({ code: EXIT.ok });
    expect(await sh('find /cache -name "gen-*"')).toBe('');
    expect((await person('cache', 'ls')).stderr).toBe(`Nothing is cached in namespace ${tako.namespace}.\n`);
    await tako.wait('the Pods of the commands to be gone', () => maintenancePods(tako).then(none), EXECUTE_MS);
  });

  test('given a command that is killed while it holds a lock, then its Pod ends, the lock is free, and the next command tidies up', async ({
    tako,
  }) => {
    const { app } = await cacheWithTwo(tako);
    const person = await maintainer(tako);
    const program = path.join(import.meta.dirname, 'fixture/hold-cache-lock.ts');
    const child = spawn(process.execPath, [program, tako.namespace, tako.image, app], {
      env: { ...process.env, KUBECONFIG: tako.world.cluster.kubeconfigPath },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const pod = line.toString().trim();
    child.kill('SIGKILL');
    const phase = async () => (await tako.kubectl('get', 'pod', pod, '-o', 'jsonpath={.status.phase}')).trim();
    await tako.wait('its Pod to end', async () => ((await phase()) === 'Succeeded' ? true : undefined), EXECUTE_MS);

    const pruned = await person('cache', 'prune', '--repository', app);
    expect(pruned, pruned.stderr).toMatchObject({ code: EXIT.ok });
    expect(pruned.stdout).toMatch(/removed \(--repository\)/);
    await tako.wait('both Pods to be gone', () => maintenancePods(tako).then(none), EXECUTE_MS);
  });
});

async function maintenancePods({ kubectl }: Tako): Promise<string> {
  return await kubectl('get', 'pods', '-l', matchLabels(MAINTENANCE_LABELS), '-o', 'name');
}

function none(names: string): true | undefined {
  return names.trim() === '' ? true : undefined;
}
