import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { IDS } from '../../src/agent/contract.ts';
import { API_VERSION } from '../../src/api/meta.ts';
import { type TakoRun, takoRuns } from '../../src/api/resources.ts';
import { isTerminal } from '../../src/api/takorun-status.ts';
import { createKubeClient } from '../../src/kube/client.ts';
import { loadClusterConfig } from '../../src/kube/config.ts';
import { type KubeObject, type Live, type Pod, pods, type ResourceType } from '../../src/kube/objects.ts';
import { connect } from '../cluster/cluster.ts';
import { applyManifests, gitServerManifests, installOperator, restrictedNamespace } from '../demo/install.ts';
import { createRepository } from '../fixtures/git-server/repositories.mjs';
import { until } from '../fixtures/until.ts';
import { countWrites, type Window } from './audit.ts';
import { checkLimits, type PodBench } from './limits.ts';
import { mean, round, wallTime } from './numbers.ts';
import { createTerminalWatch } from './terminal-watch.ts';

/** Runs of each kind, one after the other; the three kinds take turns, so that a noisy minute hits them alike. */
const RUNS = 20;
/** Runs at the same time. */
const AT_ONCE = 20;
/**
 * Rounds of so many at once that do not count, of each kind. Operator, Git server and API server have just started, and the first dozens of
 * runs cost half as much again as later ones (docs/adr/0010-cost-of-a-run.md); the question is what a run costs a cluster that is in use.
 */
const WARM_UP_ROUNDS = 2;
/** Rounds that count, of each kind: the kubelet looks at its containers once a second, and the last one may just miss it. */
const ROUNDS = 5;
/** What a node does for Pods after they are gone ends within this long, milliseconds. */
const AFTERMATH_MS = 2_000;
/** Then it is looked at for this long, milliseconds: what is in use then is not the benchmark's. */
const QUIET_MS = 1_000;
const NAMESPACE = 'bench';
const BARE = 'app.kubernetes.io/name=tako-bench';
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

const podEnds = await createTerminalWatch(client, pods, NAMESPACE, hasEnded);
const runEnds = await createTerminalWatch(client, takoRuns, NAMESPACE, run => isTerminal(run.status?.phase));

const bare = () => timed(pods, barePod(), podEnds, pod => pod.status?.phase === 'Succeeded');
const one = () => timed(takoRuns, takoRun('one'), runEnds, run => run.status?.phase === 'Succeeded');
const five = () => timed(takoRuns, takoRun('five'), runEnds, run => run.status?.phase === 'Succeeded');

log('warming up');
await bare();
await one();
await five();

const windows: Window[] = [];
const agentKiB: number[] = [];
const inUseBetweenRounds: number[] = [];
const runsAlone = beginWindow();
const seconds = { bare: [] as number[], one: [] as number[], five: [] as number[] };
for (let round = 1; round <= RUNS; round++) {
  seconds.bare.push(await bare());
  seconds.one.push(await one());
  seconds.five.push(await five());
  log(
    `round ${round}: bare ${last(seconds.bare)} s, one step ${last(seconds.one)} s, five steps ${last(seconds.five)} s`,
  );
}
await settle(runsAlone);
for (let round = 1; round <= WARM_UP_ROUNDS; round++) {
  log(`${AT_ONCE} at once, warming up: bare ${await atOnce(bare)} s, one step ${await atOnce(one)} s`);
}
const twenty = { bare: [] as number[], one: [] as number[] };
for (let round = 1; round <= ROUNDS; round++) {
  twenty.bare.push(await atOnce(bare));
  twenty.one.push(await atOnce(one));
  log(`${AT_ONCE} at once, round ${round}: bare ${last(twenty.bare)} s, one step ${last(twenty.one)} s`);
}

const writes = countWrites(await readFile(cluster.auditLogPath, 'utf8'), {
  user: 'system:serviceaccount:tako-system:tako-operator',
  windows,
  electionLease: 'tako-operator',
});
const runs = RUNS * 2 + AT_ONCE * (WARM_UP_ROUNDS + ROUNDS);
const result: PodBench = {
  bareSeconds: mean(seconds.bare),
  takoOneStepSeconds: mean(seconds.one),
  takoFiveStepSeconds: mean(seconds.five),
  bareTwentySeconds: mean(twenty.bare),
  takoTwentySeconds: mean(twenty.one),
  agentRssMiB: round(Math.max(...agentKiB) / 1_024),
  writesPerRun: round(writes.all / runs),
  lockWritesPerRun: round(writes.leases / runs),
};
podEnds.stop();
runEnds.stop();
await client.close();
console.log(JSON.stringify(result));
log(
  `between the rounds of twenty ${Math.round(100 * mean(inUseBetweenRounds))} % of the CPUs were in use; beyond some 20 % it is other work, and what it takes lengthens runs more than bare Pods`,
);
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

/** Seconds from the first create request to the last end, on a node that has nothing else to do before or after. */
async function atOnce(start: () => Promise<number>): Promise<number> {
  const window = beginWindow();
  const elapsed = await wallTime(() => Promise.all(Array.from({ length: AT_ONCE }, start)));
  await settle(window);
  return elapsed;
}

function beginWindow(): { since: string } {
  return { since: new Date().toISOString() };
}

/**
 * Ends a window of measurement once the Pods are over and the operator has let go of them, reads what their agents reported, and removes them, so that the next
 * one finds the node as this one did.
 */
async function settle({ since }: { since: string }): Promise<void> {
  // A run may end before the kubelet reports its Pod's end, and what the agent left with it.
  await until('the Pods are over, and the operator lets go of them', async () =>
    (await measuredPods()).every(pod => hasEnded(pod) && pod.metadata.finalizers === undefined),
  );
  windows.push({ since, until: new Date().toISOString() });
  agentKiB.push(...(await measuredPods()).flatMap(reportedKiB));
  await client.deleteCollection(takoRuns, {
    namespace: NAMESPACE,
    propagationPolicy: 'Background',
  });
  await client.deleteCollection(pods, { namespace: NAMESPACE, labelSelector: BARE, gracePeriodSeconds: 0 });
  await until('the Pods are gone', async () => (await measuredPods()).length === 0, {
    timeoutMs: 60_000,
    everyMs: 200,
  });
  await sleep(AFTERMATH_MS);
  inUseBetweenRounds.push(await cpuInUse(QUIET_MS));
}

/** The part of all CPUs that is in use for a while, 0 to 1. */
async function cpuInUse(milliseconds: number): Promise<number> {
  const before = cpuTimes();
  await sleep(milliseconds);
  const after = cpuTimes();
  return 1 - (after.idle - before.idle) / (after.all - before.all);
}

function cpuTimes(): { idle: number; all: number } {
  const times = cpus().map(cpu => cpu.times);
  const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
  return { idle: sum(times.map(({ idle }) => idle)), all: sum(times.flatMap(all => Object.values(all))) };
}

function hasEnded({ status }: Pod): boolean {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed';
}

async function measuredPods(): Promise<Live<Pod>[]> {
  const { items } = await client.list(pods, {
    namespace: NAMESPACE,
    labelSelector: 'app.kubernetes.io/name in (tako-run, tako-bench)',
  });
  return items;
}

/** The VmHWM that a Pod's agent reported in its termination message, KiB; of a bare Pod none. */
function reportedKiB(pod: Pod): number[] {
  const agent = pod.status?.containerStatuses?.find(({ name }) => name === 'agent');
  if (agent === undefined) return [];
  const { rssKiB } = JSON.parse(agent.state?.terminated?.message ?? '{}') as { rssKiB?: number };
  if (rssKiB === undefined) throw new Error('an agent did not report its memory');
  return [rssKiB];
}

/** What a run's step container is, without Tako around it. */
function barePod(): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { generateName: 'bare-', namespace: NAMESPACE, labels: { 'app.kubernetes.io/name': 'tako-bench' } },
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

function last(values: readonly number[]): number {
  return values.at(-1)!;
}
