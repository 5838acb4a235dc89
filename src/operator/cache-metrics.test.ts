import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { createCacheMetrics } from './cache-metrics.ts';

describe('metrics of the cache', () => {
  it('given what agents and keepers tell, then it can be scraped, and no series has the name of a tenant', async () => {
    const registry = new Registry();
    const { cache, locks } = createCacheMetrics(registry);
    cache.used({ result: 'miss', fetchedBytes: 1_000 });
    locks.used({ result: 'hit', fetchedBytes: 0 });
    locks.published({ bytes: 2_000 });
    locks.granted({ mode: 'read', waitMs: 250 });
    locks.ended({ mode: 'write', heldMs: 2_000 });
    locks.takenOver({ mode: 'write', cause: 'gone' });
    locks.conflict();
    const text = await registry.metrics();
    for (const line of [
      'tako_cache_checkouts_total{result="miss"} 1',
      'tako_cache_checkouts_total{result="hit"} 1',
      'tako_cache_fetched_bytes_total 1000',
      'tako_cache_publications_total 1',
      'tako_cache_published_bytes_total 2000',
      'tako_lock_wait_seconds_sum{mode="read"} 0.25',
      'tako_lock_hold_seconds_sum{mode="write"} 2',
      'tako_lock_takeovers_total{mode="write",cause="gone"} 1',
      'tako_lock_conflicts_total 1',
    ]) {
      expect(text).toContain(`${line}\n`);
    }
    expect(text).not.toMatch(/(namespace|repository|url)=/);
  });
});
