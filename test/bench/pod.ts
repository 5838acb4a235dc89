import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { IDS } from '../../src/agent/contract.ts';
import { API_VERSION } from '../../src/api/meta.ts';
import { type TakoRun, takoRuns } from '../../src/api/resources.ts';
import { isTerminal } from '../../src/api/takorun.ts';
import { createKubeClient } from '../../src/kube/client.ts';
import { loadClusterConfig } from '../../src/kube/config.ts';
import { type KubeObject, type Pod, pods, type ResourceType } from '../../src/kube/objects.ts';
import { connect } from '../cluster/cluster.ts';
import { applyManifests, gitServerManifests, installOperator, restrictedNamespace } from '../demo/install.ts';
import { createRepository } from '../fixtures/git-server/repositories.mjs';
import { countWrites } from './audit.ts';
import { checkLimits, type PodBench } from './limits.ts';
import { createTerminalWatch } from './terminal-watch.ts';

/** Runs of each kind; the three kinds take turns, so that a noisy minute hits them alike. */
const ROUNDS = 20;
const NAMESPACE = 'bench';
const STEP_IMAGE = 'docker.io/library/busybox:1.36';
const RUN_TIMEOUT_MS = 120_000;
const log = (line: string): void => console.error(line);

const cluster = await connect(process.env.TAKO_BENCH_CLUSTER!);
const image = process.env.TAKO_BENCH_IMAGE!;
const client = createKubeClient(loadClusterConfig(), { qps: 1_000, burst: 1_000 });

await installOperator(cluster, { image, environment: { TAKO_GIT_SCHEMES: 'https,ssh,http' } });
await applyManifests(cluster, [
  restrictedNamespace(NAMESPACE),
  ...gitServerManifests({ namespace: NAMESPACE, image, archive: await repository() }),
]);
await cluster.kubectl([`--namespace=${NAMESPACE}`, 'rollout', 'status', 'deployment/git-server', '--timeout=120s']);
await applyManifests(cluster, [
  {
    apiVersion: API_VERSION,
    kind: 'TakoRepository',
    metadata: { name: 'bench', namespace: NAMESPACE },
    spec: { url: `http://git-server.${NAMESPACE}.svc/acme/bench.git` },
  },
]);
await cluster.kubectl([
  `--namespace=${NAMESPACE}`,
  'wait',
  '--for=condition=Ready',
  '--timeout=60s',
  'takorepository/bench',
]);

const podEnds = await createTerminalWatch(client, pods, NAMESPACE, pod =>
  ['Succeeded', 'Failed'].includes(pod.status?.phase ?? ''),
);
const runEnds = await createTerminalWatch(client, takoRuns, NAMESPACE, run => isTerminal(run.status?.phase));

const bare = () => timed(pods, barePod(), podEnds, pod => pod.status?.phase === 'Succeeded');
const one = () => timed(takoRuns, takoRun('one'), runEnds, run => run.status?.phase === 'Succeeded');
const five = () => timed(takoRuns, takoRun('five'), runEnds, run => run.status?.phase === 'Succeeded');

log('warming up');
await bare();
await one();
await five();

const since = new Date().toISOString();
const seconds = { bare: [] as number[], one: [] as number[], five: [] as number[] };
for (let round = 1; round <= ROUNDS; round++) {
  seconds.bare.push(await bare());
  seconds.one.push(await one());
  seconds.five.push(await five());
  log(
    `round ${round}: bare ${last(seconds.bare)} s, one step ${last(seconds.one)} s, five steps ${last(seconds.five)} s`,
  );
}
log(`${ROUNDS} at once: bare Pods`);
const bareTwenty = await wallTime(() => Promise.all(Array.from({ length: ROUNDS }, bare)));
log(`${bareTwenty} s; runs of one step`);
const takoTwenty = await wallTime(() => Promise.all(Array.from({ length: ROUNDS }, one)));
log(`${takoTwenty} s`);

const writes = countWrites(await readFile(cluster.auditLogPath, 'utf8'), {
  user: 'system:serviceaccount:tako-system:tako-operator',
  since,
  electionLease: 'tako-operator',
});
const runs = ROUNDS * 3;
const result: PodBench = {
  bareSeconds: mean(seconds.bare),
  takoOneStepSeconds: mean(seconds.one),
  takoFiveStepSeconds: mean(seconds.five),
  bareTwentySeconds: bareTwenty,
  takoTwentySeconds: takoTwenty,
  agentRssMiB: await agentRss(),
  writesPerRun: round(writes.all / runs),
  lockWritesPerRun: round(writes.leases / runs),
};
podEnds.stop();
runEnds.stop();
await client.close();
console.log(JSON.stringify(result));
const missed = checkLimits(result);
for (const problem of missed) log(`missed: ${problem}`);
process.exitCode = missed.length === 0 ? 0 : 1;

/** From the create request to the watch event that says that it ended. */
async function timed<T extends KubeObject>(
  type: ResourceType<T>,
  manifest: T,
  ends: { next(name: string, timeoutMs: number): Promise<T> },
  good: (object: T) => boolean,
): Promise<number> {
  const start = performance.now();
  const { name } = (await client.create(type, manifest)).metadata;
  const ended = await ends.next(name, RUN_TIMEOUT_MS);
  const elapsed = round((performance.now() - start) / 1_000);
  if (!good(ended))
    throw new Error(`${type.kind} ${name} did not succeed: ${JSON.stringify((ended as { status?: unknown }).status)}`);
  return elapsed;
}

/** What a run's step container is, without Tako around it. */
function barePod(): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { generateName: 'bare-', namespace: NAMESPACE },
    spec: {
      restartPolicy: 'Never',
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      securityContext: {
        runAsNonRoot: true,
        fsGroup: IDS.shared,
        fsGroupChangePolicy: 'OnRootMismatch',
        seccompProfile: { type: 'RuntimeDefault' },
      },
      containers: [
        {
          name: 'step',
          image: STEP_IMAGE,
          command: ['/bin/sh', '-c', 'echo step 1'],
          workingDir: '/workspace',
          securityContext: {
            allowPrivilegeEscalation: false,
            runAsNonRoot: true,
            runAsUser: IDS.step,
            runAsGroup: IDS.step,
            capabilities: { drop: ['ALL'] },
          },
          resources: { requests: { cpu: '50m', memory: '64Mi' } },
          volumeMounts: [{ name: 'workspace', mountPath: '/workspace' }],
        },
      ],
      volumes: [{ name: 'workspace', emptyDir: {} }],
    },
  };
}

function takoRun(workflow: string): TakoRun {
  return {
    apiVersion: API_VERSION,
    kind: 'TakoRun',
    metadata: { generateName: `${workflow}-`, namespace: NAMESPACE },
    spec: { workflow: { repositoryRef: { name: 'bench' }, name: workflow } },
  };
}

async function repository(): Promise<Buffer> {
  const directory = await mkdtemp(path.join(tmpdir(), 'tako-bench-'));
  try {
    const steps = (count: number) => Array.from({ length: count }, (_, index) => `      - run: echo step ${index + 1}`);
    const file = [
      'version: 0.1.0',
      'workflows:',
      '  one:',
      '    steps:',
      ...steps(1),
      '  five:',
      '    steps:',
      ...steps(5),
      '',
    ];
    await createRepository(path.join(directory, 'acme/bench.git'), {
      commits: [{ files: { 'tako.yml': file.join('\n') } }],
    });
    const options = { encoding: 'buffer' as const, maxBuffer: 1024 * 1024 };
    return (await promisify(execFile)('tar', ['-cz', '--exclude=hooks', '-C', directory, 'acme'], options)).stdout;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** The highest VmHWM that an agent reported in its termination message. */
async function agentRss(): Promise<number> {
  const list = await client.list(pods, { namespace: NAMESPACE, labelSelector: 'app.kubernetes.io/name=tako-run' });
  const kib = list.items.map(pod => {
    const agent = pod.status?.containerStatuses?.find(({ name }) => name === 'agent');
    return (JSON.parse(agent?.state?.terminated?.message ?? '{}') as { rssKiB?: number }).rssKiB ?? 0;
  });
  if (kib.length === 0 || Math.max(...kib) === 0) throw new Error('no agent reported its memory');
  return round(Math.max(...kib) / 1_024);
}

async function wallTime(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return round((performance.now() - start) / 1_000);
}

function mean(values: readonly number[]): number {
  return round(values.reduce((sum, value) => sum + value, 0) / values.length);
}

function round(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}

function last(values: readonly number[]): number {
  return values.at(-1)!;
}
