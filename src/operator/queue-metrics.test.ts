import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { createFakeClock } from '../../test/fixtures/fake-clock.ts';
import type { QueueCount } from '../queue/report.ts';
import { observeQueue } from './queue-metrics.ts';

async function scrape(counts: QueueCount[], running: [string, number][] = []): Promise<string[]> {
  const registry = new Registry();
  const clock = createFakeClock('2026-01-01T00:01:00Z');
  observeQueue(registry, { counts: () => counts, running: () => new Map(running) }, clock);
  return (await registry.metrics()).split('\n').filter(line => line !== '' && !line.startsWith('#'));
}

const START = Date.parse('2026-01-01T00:00:00Z');

describe('the metrics of the queue', () => {
  it('given runs that wait, then their number, their longest wait and those that run are told', async () => {
    const waiting = { namespace: 'team', reason: 'NamespaceLimit', count: 2, oldestMs: START } as const;
    expect(
      await scrape([waiting, { ...waiting, namespace: 'other', oldestMs: START + 50_000 }], [['team', 3]]),
    ).toEqual([
      'tako_queue_length{namespace="team",reason="NamespaceLimit"} 2',
      'tako_queue_length{namespace="other",reason="NamespaceLimit"} 2',
      'tako_queue_oldest_seconds{reason="NamespaceLimit"} 60',
      'tako_runs_active{namespace="team"} 3',
    ]);
  });

  it('given more namespaces than a scrape should have, then the smallest are summed up', async () => {
    const names = Array.from({ length: 150 }, (_, index) => `ns-${index}`);
    const counts = names.map((namespace, index): QueueCount => {
      return { namespace, reason: 'OperatorLimit', count: index + 1, oldestMs: START };
    });
    const lines = await scrape(
      counts,
      names.map((name, index) => [name, index + 1]),
    );
    // 1 + 2 + ... + 50
    expect(lines).toContain('tako_queue_length{namespace="(others)",reason="OperatorLimit"} 1275');
    expect(lines).toContain('tako_runs_active{namespace="(others)"} 1275');
    expect(lines).toHaveLength(101 + 1 + 101);
  });

  it('given nobody in the queue, then nothing is told', async () => {
    expect(await scrape([])).toEqual([]);
  });
});
