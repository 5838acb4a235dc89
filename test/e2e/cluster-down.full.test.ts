import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import { cgroupName } from '../cluster/cgroups.ts';
import { type Cluster, connect } from '../cluster/cluster.ts';
import { run } from '../cluster/command.ts';
import { list } from '../cluster/manifest.ts';
import { leaveNetwork } from '../cluster/namespace.ts';
import { stateDirectory } from '../cluster/paths.ts';
import { isAlive, type ProcessIdentity } from '../cluster/process.ts';
import {
  allProcesses,
  differences,
  namespacesOf,
  ofProcess,
  pidsOf,
  processesIn,
  processesMentioning,
  type Snapshot,
  snapshot,
} from '../cluster/snapshot.ts';
import { readState } from '../cluster/state.ts';
import { done, notYet, waitFor } from '../cluster/wait.ts';

const NAME = `down-${process.pid}`;
const DIRECTORY = stateDirectory(NAME);
const MAIN = fileURLToPath(new URL('../cluster/main.ts', import.meta.url));

/** `npm run cluster -- ...` as a process of its own, outside of the network of the cluster that the tests run in. */
const COMMAND = [...leaveNetwork(), process.execPath, MAIN] as const;
const cli = (...args: string[]): Promise<string> => run([...COMMAND, ...args]);

/** With what leaves traces on a node: a volume in memory, one of the storage class, a token, a Service. */
const POD = list([
  {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'busy', labels: { app: 'busy' } },
    spec: {
      containers: [
        {
          name: 'main',
          image: 'busybox:1.36',
          // A child of its own, and one that lost its parent.
          command: ['sh', '-c', '(sleep 1000 &); sleep 1000'],
          volumeMounts: [
            { name: 'memory', mountPath: '/memory' },
            { name: 'claim', mountPath: '/claim' },
          ],
        },
      ],
      volumes: [
        { name: 'memory', emptyDir: { medium: 'Memory' } },
        {
          name: 'claim',
          ephemeral: {
            volumeClaimTemplate: {
              spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Mi' } } },
            },
          },
        },
      ],
    },
  },
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'busy' },
    spec: { selector: { app: 'busy' }, ports: [{ port: 80 }] },
  },
]);

async function upWithPod(): Promise<Cluster> {
  await cli('up', '--name', NAME);
  const cluster = await connect(NAME);
  await cluster.kubectl(['apply', '-f', '-'], { input: POD });
  await cluster.kubectl(['wait', '--for=condition=Ready', 'pod/busy', '--timeout=60s']);
  return cluster;
}

/** The cluster's processes: those inside its namespaces, and those outside that wait for them. */
function processes(): ProcessIdentity[] {
  return [...processesIn(namespacesOf(readState(DIRECTORY)!.init!.pid)), ...processesMentioning(DIRECTORY)];
}

async function expectNothingLeft(before: Snapshot, wereRunning: readonly ProcessIdentity[]): Promise<void> {
  expect(differences(before, await snapshot(NAME))).toEqual({});
  expect(wereRunning.filter(isAlive)).toEqual([]);
  expect(processesMentioning(DIRECTORY)).toEqual([]);
  expect(existsSync(DIRECTORY)).toBe(false);
}

/** The cgroup by which a process gets its CPU time; empty when it has ended meanwhile. */
function cpuCgroup(pid: number): string {
  const groups = ofProcess(pid, 'cgroup').split('\n');
  const group = groups.find(line => /^\d+:([^:]*,)?cpu[,:]/.test(line)) ?? groups.find(line => line.startsWith('0::'));
  return group?.split(':')[2] ?? '';
}

afterEach(async () => {
  await cli('down', '--name', NAME);
});

describe('a cluster with a kubelet and a running Pod', () => {
  test('when it is taken down, then the machine is as before', async () => {
    const before = await snapshot(NAME);
    await upWithPod();
    const running = processes();
    expect(running.length).toBeGreaterThan(10);
    expect(differences(before, await snapshot(NAME)), 'while it runs').toEqual({
      cgroups: expect.arrayContaining([expect.stringContaining(NAME)]),
    });

    await cli('down', '--name', NAME);

    await expectNothingLeft(before, running);
  });

  test('when components were killed, then up replaces it, and down still leaves nothing', async () => {
    const before = await snapshot(NAME);
    await upWithPod();
    const crashed = processes();
    // As the kernel's out-of-memory killer would.
    for (const component of ['containerd', 'kubelet', 'etcd']) {
      for (const pid of pidsOf(DIRECTORY, component)) process.kill(pid, 'SIGKILL');
    }
    await waitFor('the components to be missed', async () =>
      (await cli('status')).includes(`${NAME}\tbroken`) ? done(undefined) : notYet('they are not'),
    );
    await expect(connect(NAME)).rejects.toThrow(/start it again with `up`/);

    const replaced = await upWithPod();
    expect(crashed.filter(isAlive)).toEqual([]);
    await replaced.kubectl(['exec', 'busy', '--', 'true']);
    const running = processes();
    await cli('down', '--name', NAME);

    await expectNothingLeft(before, running);
  });

  test('when the Pod looks around, then it finds Services by name and nothing outside of the cluster', async () => {
    const cluster = await upWithPod();
    const inPod = (...command: string[]): Promise<string> => cluster.kubectl(['exec', 'busy', '--', ...command]);

    expect(await inPod('nslookup', 'kubernetes.default.svc.cluster.local')).toContain('10.96.0.1');
    const version = await inPod('wget', '--no-check-certificate', '-qO-', 'https://kubernetes.default/version');
    expect(version).toContain('gitVersion');
    await expect(inPod('nslookup', 'example.com')).rejects.toThrow(/exit code 1/);
    await expect(inPod('nc', '-w', '5', '192.0.2.1', '80')).rejects.toThrow(/exit code 1/);
  });

  test('when CPU time is short, then its daemons count as one beside all its Pods, as on a real node', async () => {
    await upWithPod();
    const group = `/${cgroupName(NAME)}`;

    for (const daemon of ['etcd', 'kube-apiserver', 'containerd', 'containerd-shim-runc-v2', 'kubelet', 'kube-proxy']) {
      const groups = pidsOf(DIRECTORY, daemon).map(cpuCgroup).filter(Boolean);
      expect([daemon, ...new Set(groups)]).toEqual([daemon, expect.stringMatching(new RegExp(`${group}/system$`))]);
    }
    const asleep = allProcesses().filter(({ pid }) => ofProcess(pid, 'comm') === 'sleep\n');
    expect(asleep.map(({ pid }) => cpuCgroup(pid)).filter(path => path.includes(`${group}/kubepods/`))).not.toEqual([]);
  });

  test('when it is up already, then up keeps it', async () => {
    await upWithPod();
    const first = readState(DIRECTORY);
    await cli('up', '--name', NAME);
    expect(readState(DIRECTORY)).toEqual(first);
    await (await connect(NAME)).kubectl(['get', 'pod', 'busy']);
  });
});

describe('a control plane alone', () => {
  test('when a component was stopped, as by a debugger, then down still leaves nothing', async () => {
    const before = await snapshot(NAME);
    await cli('up', '--name', NAME, '--control-plane-only');
    const running = processes();
    for (const pid of pidsOf(DIRECTORY, 'kube-scheduler')) process.kill(pid, 'SIGSTOP');
    const waiter = readState(DIRECTORY)!.components['kube-scheduler']!.pid;
    await waitFor('what waits for it to stop as well', () =>
      / T /.test(ofProcess(waiter, 'stat')) ? done(undefined) : notYet(ofProcess(waiter, 'stat')),
    );

    await cli('down', '--name', NAME);

    await expectNothingLeft(before, running);
  });
});

describe('an up that is killed', () => {
  test('when its first process was made, then down leaves nothing', async () => {
    const before = await snapshot(NAME);
    const up = spawn(COMMAND[0], [...COMMAND.slice(1), 'up', '--name', NAME], { stdio: 'ignore' });
    await waitFor('the first process to be recorded', () =>
      existsSync(DIRECTORY) && readState(DIRECTORY)?.components['kube-apiserver']
        ? done(undefined)
        : notYet('it is not'),
    );
    const running = processes();
    up.kill('SIGKILL');
    await once(up, 'exit');

    await cli('down', '--name', NAME);

    await expectNothingLeft(before, running);
  });

  test('when its folder is removed as well, then down still finds its processes', async () => {
    const before = await snapshot(NAME);
    await upWithPod();
    const running = processes();
    // Its processes still write there, so it cannot be removed at once.
    const elsewhere = `/var/lib/${basename(DIRECTORY)}`;
    await rename(DIRECTORY, elsewhere);

    await cli('down', '--name', NAME);

    await expectNothingLeft(before, running);
    await rm(elsewhere, { recursive: true });
  });
});

describe('an ephemeral cluster', () => {
  test('when its owner is killed, then it ends, and the next start of any cluster removes what it left', async () => {
    const before = await snapshot(NAME);
    const module = JSON.stringify(new URL('../cluster/cluster.ts', import.meta.url).href);
    const script = `const { startCluster } = await import(${module});
      await startCluster({ name: '${NAME}', kubelet: false, ephemeral: true, log: () => {} });
      console.log('up');
      setInterval(() => {}, 1000);`;
    const [file, ...enter] = [...leaveNetwork(), process.execPath, '--input-type=module', '--eval', script];
    const owner = spawn(file!, enter, { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(owner.stdout, 'data');
    const running = processes();
    expect(running.length).toBeGreaterThan(5);

    owner.kill('SIGKILL');
    await waitFor('its processes to end', () => (running.some(isAlive) ? notYet('they run') : done(undefined)));
    await cli('up', '--control-plane-only', '--name', `${NAME}-next`);
    await cli('down', '--name', `${NAME}-next`);

    await expectNothingLeft(before, running);
  });
});
