import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { CleanupMetrics } from '../controllers/cleanup/cleanup.ts';
import type { EarlyResultMetrics } from '../controllers/run/early-results.ts';
import type { CacheMetrics } from '../gateway/routes/locks.ts';
import type { KubeMetrics } from '../kube/metrics.ts';
import type { LockMetrics } from '../locks/metrics.ts';
import { createCacheMetrics } from './cache-metrics.ts';

/** The operator's metrics; docs/reference/metrics.md explains them. */
export interface Metrics {
  readonly registry: Registry;
  readonly kube: KubeMetrics;
  readonly cleanup: CleanupMetrics;
  readonly cache: CacheMetrics;
  readonly locks: LockMetrics;
  readonly earlyResults: EarlyResultMetrics;
  /** Says how to count the breakers that are not closed, whenever the metrics are read. */
  countBreakers(count: () => Readonly<Record<'Open' | 'HalfOpen', number>>): void;
}

const SECONDS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30];

/** All metrics in a registry of their own. Names follow controller-runtime's where it has one, so that its dashboards work. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const requests = new Histogram({
    name: 'rest_client_request_duration_seconds',
    help: 'Requests to the API server, by method and status code; 0 is no answer',
    labelNames: ['method', 'code'],
    buckets: SECONDS,
    registers,
  });
  const limited = new Histogram({
    name: 'rest_client_rate_limiter_duration_seconds',
    help: "Time that requests waited for the client's own rate limiter",
    buckets: SECONDS,
    registers,
  });
  const lists = new Histogram({
    name: 'tako_reflector_list_duration_seconds',
    help: 'Full lists, by resource',
    labelNames: ['resource'],
    buckets: SECONDS,
    registers,
  });
  const items = new Gauge({
    name: 'tako_reflector_items_per_list',
    help: 'Objects in the last full list, by resource',
    labelNames: ['resource'],
    registers,
  });
  const watches = new Counter({
    name: 'tako_reflector_watches_ended_total',
    help: 'Watches that ended, by resource and outcome',
    labelNames: ['resource', 'outcome'],
    registers,
  });
  const depth = new Gauge({
    name: 'workqueue_depth',
    help: 'Keys that wait in a work queue',
    labelNames: ['name'],
    registers,
  });
  const waited = new Histogram({
    name: 'workqueue_queue_duration_seconds',
    help: 'Time that a key waited in a work queue',
    labelNames: ['name'],
    buckets: SECONDS,
    registers,
  });
  const retries = new Counter({
    name: 'workqueue_retries_total',
    help: 'Keys that were put back with back-off',
    labelNames: ['name'],
    registers,
  });
  const reconciles = new Histogram({
    name: 'controller_runtime_reconcile_time_seconds',
    help: 'Reconciles by controller and result',
    labelNames: ['controller', 'result'],
    buckets: SECONDS,
    registers,
  });
  const events = new Counter({
    name: 'tako_events_total',
    help: 'Kubernetes events by outcome',
    labelNames: ['outcome'],
    registers,
  });
  const removed = new Counter({
    name: 'tako_cleanup_removed_total',
    help: 'Orphans that the cleanup has removed, by kind',
    labelNames: ['kind'],
    registers,
  });
  const freed = new Counter({
    name: 'tako_cleanup_removed_bytes_total',
    help: 'Bytes of those orphans, by kind: the capacity of volume claims, the content of ConfigMaps',
    labelNames: ['kind'],
    registers,
  });
  const failures = new Counter({
    name: 'tako_cleanup_failures_total',
    help: 'Times that the cleanup could not look for, or remove, orphans of a kind',
    labelNames: ['kind'],
    registers,
  });
  const looks = new Histogram({
    name: 'tako_cleanup_duration_seconds',
    help: 'Looks of the cleanup',
    buckets: [0.01, 0.1, 0.5, 1, 5, 10, 30, 60, 300],
    registers,
  });
  const leader = new Gauge({
    name: 'leader_election_master_status',
    help: '1 when this replica leads',
    labelNames: ['name'],
    registers,
  });
  const told = new Counter({
    name: 'tako_early_results_total',
    help: 'Successes that agents told before the kubelet reported them, by taken: `false` where the kubelet was faster, and on a replica that does not lead',
    labelNames: ['taken'],
    registers,
  });
  // So that both are there from the start.
  for (const taken of ['true', 'false']) told.inc({ taken }, 0);
  let breakers = (): Readonly<Record<'Open' | 'HalfOpen', number>> => ({ Open: 0, HalfOpen: 0 });
  new Gauge({
    name: 'tako_breakers',
    help: 'Breakers of workflows that are not closed, by state; counted by the replica that leads',
    labelNames: ['state'],
    registers,
    collect() {
      for (const [state, count] of Object.entries(breakers())) this.set({ state }, count);
    },
  });
  return {
    registry,
    ...createCacheMetrics(registry),
    countBreakers: count => {
      breakers = count;
    },
    earlyResults: { told: ({ taken }) => told.inc({ taken: String(taken) }) },
    kube: {
      request: ({ method, code, durationMs }) => requests.observe({ method, code }, durationMs / 1_000),
      rateLimited: ({ waitMs }) => limited.observe(waitMs / 1_000),
      listed({ resource, items: found, durationMs }) {
        lists.observe({ resource }, durationMs / 1_000);
        items.set({ resource }, found);
      },
      watchEnded: ({ resource, outcome }) => watches.inc({ resource, outcome }),
      queueDepth: ({ queue, depth: length }) => depth.set({ name: queue }, length),
      queueWaited: ({ queue, waitMs }) => waited.observe({ name: queue }, waitMs / 1_000),
      queueRetried: ({ queue }) => retries.inc({ name: queue }),
      reconciled: ({ controller, outcome, durationMs }) =>
        reconciles.observe({ controller, result: outcome }, durationMs / 1_000),
      eventRecorded: ({ outcome }) => events.inc({ outcome }),
      leading: ({ name, leading }) => leader.set({ name }, leading ? 1 : 0),
    },
    cleanup: {
      removed({ kind, bytes }) {
        removed.inc({ kind });
        freed.inc({ kind }, bytes);
      },
      failed: ({ kind }) => failures.inc({ kind }),
      looked: ({ durationMs }) => looks.observe(durationMs / 1_000),
    },
  };
}
