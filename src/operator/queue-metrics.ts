import { Gauge, type Registry } from 'prom-client';
import type { Clock } from '../kube/clock.ts';
import type { Queue } from '../queue/queue.ts';

/** Namespaces that have series of their own, those with most runs; the others are summed up. A tenant cannot fill the metrics. */
const MAX_NAMESPACES = 100;
/** Value of the label for all other namespaces: no name of a namespace. */
const OTHERS = '(others)';

/** Gauges of the queue, read when they are scraped. */
export function observeQueue(
  registry: Registry,
  queue: Pick<Queue, 'counts' | 'running'>,
  clock: Pick<Clock, 'now'>,
): void {
  const registers = [registry];
  new Gauge({
    name: 'tako_queue_length',
    help: 'Runs that wait for their turn, by namespace and reason',
    labelNames: ['namespace', 'reason'],
    registers,
    collect() {
      this.reset();
      const counts = queue.counts();
      const named = largest(counts.map(({ namespace, count }) => [namespace, count]));
      for (const { namespace, reason, count } of counts) {
        this.inc({ namespace: named.has(namespace) ? namespace : OTHERS, reason }, count);
      }
    },
  });
  new Gauge({
    name: 'tako_queue_oldest_seconds',
    help: 'How long the run waits that waits longest, by reason',
    labelNames: ['reason'],
    registers,
    collect() {
      this.reset();
      const oldest = new Map<string, number>();
      for (const { reason, oldestMs } of queue.counts()) {
        oldest.set(reason, Math.min(oldest.get(reason) ?? oldestMs, oldestMs));
      }
      const now = clock.now().getTime();
      for (const [reason, since] of oldest) this.set({ reason }, Math.max(0, now - since) / 1_000);
    },
  });
  new Gauge({
    name: 'tako_runs_active',
    help: 'Runs that count against the limits, by namespace',
    labelNames: ['namespace'],
    registers,
    collect() {
      this.reset();
      const running = [...queue.running()];
      const named = largest(running);
      for (const [namespace, count] of running)
        this.inc({ namespace: named.has(namespace) ? namespace : OTHERS }, count);
    },
  });
}

function largest(counts: readonly (readonly [string, number])[]): ReadonlySet<string> {
  const totals = new Map<string, number>();
  for (const [namespace, count] of counts) totals.set(namespace, (totals.get(namespace) ?? 0) + count);
  const sorted = [...totals].sort(([, one], [, other]) => other - one);
  return new Set(sorted.slice(0, MAX_NAMESPACES).map(([namespace]) => namespace));
}
