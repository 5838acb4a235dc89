import { ANNOTATIONS } from '../../src/api/meta.ts';
import { createKubeClient, type KubeClient } from '../../src/kube/client.ts';
import { loadClusterConfig } from '../../src/kube/config.ts';
import { undefinedWhen } from '../../src/kube/errors.ts';
import { type Lease, leases, namespaces } from '../../src/kube/objects.ts';
import { noLockMetrics } from '../../src/locks/metrics.ts';
import { createOverlapObserver, startKeeper, useLock } from '../fixtures/lock-contention.ts';
import { checkLockLimits, type LockBench, type MeasuredRound } from './lock-limits.ts';

/**
 * Contenders for the lock of one repository on a real API server, by way of two keepers, as the operator has two replicas. Each holds what it
 * gets for 10 ms, gives it back and asks again at once, one time in four to write. An observer of its own looks for overlaps.
 */
const CONTENDERS = [1, 20, 200];
const HOLD_MS = 10;
const WRITE_SHARE = 0.25;
/** Each round ends after so many grants or this long, milliseconds, whatever is first; who waits then still gets its lock. */
const MAX_GRANTS = 3_000;
const ROUND_MS = 10_000;
/** Plain writes of one Lease that are measured before each round, to hold the round against. */
const PLAIN_WRITES = 200;
const NAMESPACE = 'bench';
const log = (line: string): void => console.error(line);

const client = createKubeClient(loadClusterConfig(), { qps: 10_000, burst: 10_000, connections: 8 });
await client.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } });
const calls = { reads: 0, writes: 0, conflicts: 0 };
// Their own limit of rate is for the API server's sake, and is not what is measured.
const options = {
  qps: 10_000,
  burst: 10_000,
  metrics: {
    ...noLockMetrics,
    conflict: () => {
      calls.conflicts += 1;
    },
  },
};
const counted: KubeClient = {
  ...client,
  get: (...call) => {
    calls.reads += 1;
    return client.get(...call);
  },
  replace: (...call) => {
    calls.writes += 1;
    return client.replace(...call);
  },
};
const one = await startKeeper(counted, NAMESPACE, options);
const two = await startKeeper(counted, NAMESPACE, options);
try {
  await round(4, 500);
  const rounds: MeasuredRound[] = [];
  for (const contenders of CONTENDERS) {
    const plainWriteMs = await measurePlainWrite(client);
    Object.assign(calls, { reads: 0, writes: 0, conflicts: 0 });
    const cpu = process.cpuUsage();
    const bench = await round(contenders, ROUND_MS);
    const { user, system } = process.cpuUsage(cpu);
    const perGrant = (count: number): number => count / bench.grants;
    rounds.push({ bench, plainWriteMs, writesPerGrant: perGrant(calls.writes) });
    log(
      `${contenders} contenders: ${bench.grantsPerSecond} grants a second; for each ${perGrant(calls.writes).toFixed(2)} writes, ` +
        `${perGrant(calls.conflicts).toFixed(2)} of them in vain, ${perGrant(calls.reads).toFixed(2)} reads, ` +
        `${perGrant((user + system) / 1_000).toFixed(2)} ms of CPU; a plain write of a Lease takes ${plainWriteMs.toFixed(2)} ms`,
    );
  }
  console.log(JSON.stringify({ results: rounds.map(({ bench }) => bench) }));
  const missed = checkLockLimits(rounds, HOLD_MS);
  for (const line of missed) log(`missed: ${line}`);
  if (missed.length > 0) process.exitCode = 1;
} finally {
  await Promise.all([one.stop(), two.stop()]);
  await client.close();
}

async function round(contenders: number, durationMs: number): Promise<LockBench> {
  const url = `https://git.example.com/acme/bench-${contenders}.git`;
  const observer = createOverlapObserver();
  const waits: number[] = [];
  const start = performance.now();
  const endsAt = start + durationMs;
  const contend = async (index: number): Promise<void> => {
    const { keeper } = index % 2 === 0 ? one : two;
    // Each fourth is a write, at another time for each contender.
    for (let turn = index; performance.now() < endsAt && waits.length < MAX_GRANTS; turn++) {
      const mode = turn % (1 / WRITE_SHARE) === 0 ? 'write' : 'read';
      const options = {
        keeper,
        namespace: NAMESPACE,
        url,
        name: `run-${index}`,
        mode,
        holdMs: HOLD_MS,
        observer,
      } as const;
      waits.push(await useLock(options));
    }
  };
  await Promise.all(Array.from({ length: contenders }, (_, index) => contend(index)));
  const seconds = (performance.now() - start) / 1_000;
  for (const violation of observer.violations.slice(0, 10)) log(`violation: ${violation}`);
  const sorted = waits.toSorted((a, b) => a - b);
  return {
    contenders,
    grants: waits.length,
    grantsPerSecond: rounded(waits.length / seconds),
    p50WaitMs: rounded(sorted[Math.floor(sorted.length * 0.5)]!),
    p99WaitMs: rounded(sorted[Math.floor(sorted.length * 0.99)]!),
    violations: observer.violations.length,
  };
}

/** What a compare-and-swap of a small Lease takes when nothing else happens, milliseconds. */
async function measurePlainWrite(kube: Pick<KubeClient, 'create' | 'replace' | 'delete'>): Promise<number> {
  const name = 'plain';
  const manifest: Lease = {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name, namespace: NAMESPACE, annotations: { [ANNOTATIONS.repository]: 'x'.repeat(1_000) } },
    spec: { holderIdentity: 'nobody' },
  };
  let lease = await kube.create(leases, manifest, { urgent: true });
  const start = performance.now();
  for (let write = 0; write < PLAIN_WRITES; write++) {
    lease = await kube.replace(leases, { ...lease, spec: { holderIdentity: `writer ${write}` } }, { urgent: true });
  }
  const tookMs = (performance.now() - start) / PLAIN_WRITES;
  await undefinedWhen(kube.delete(leases, { namespace: NAMESPACE, name }), 'notFound');
  return tookMs;
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10;
}
