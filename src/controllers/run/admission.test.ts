import { describe, expect, it } from 'vitest';
import { createFakeClock } from '../../../test/fixtures/fake-clock.ts';
import { NO_LIMITS, ticket } from '../../queue/testing/naive.ts';
import { createAdmission } from './admission.ts';

/** Three runs of a namespace whose quota has no room, and one elsewhere. */
function harness() {
  const clock = createFakeClock();
  const woken: string[] = [];
  const admission = createAdmission({ limits: NO_LIMITS, wake: key => void woken.push(key), clock });
  const keys = ['team/a', 'team/b', 'team/c'];
  for (const key of keys) admission.request(ticket(key));
  admission.request(ticket('other/a', { namespace: 'other' }));
  admission.exceeded('team/a', 'no room');
  return { clock, woken, admission };
}

describe('admission under a quota', () => {
  it('given a Pod that the quota refuses, then all of its namespace wait, and nobody else', () => {
    const { admission } = harness();
    for (const key of ['team/a', 'team/b', 'team/c']) {
      expect(admission.held(key)).toEqual({ reason: 'QuotaExceeded', message: 'no room' });
    }
    expect(admission.held('other/a')).toBeUndefined();
  });

  it('given no room, then one at a time tries, later and later, and half a minute apart at most', async () => {
    const { clock, woken, admission } = harness();
    const waits: number[] = [];
    for (let tries = 0; tries < 8; tries += 1) {
      const before = woken.length;
      const start = clock.monotonic();
      while (woken.length === before) await clock.advance(1_000);
      expect(woken.length).toBe(before + 1);
      waits.push(clock.monotonic() - start);
      admission.exceeded(woken.at(-1)!, 'no room');
    }
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
    expect(new Set(woken)).toEqual(new Set(['team/a', 'team/b', 'team/c']));
  });

  it('given room again, then the next is let in as soon as the last has its Pod, until there is no more', async () => {
    const { clock, woken, admission } = harness();
    await clock.advance(1_000);
    expect(woken).toHaveLength(1);
    admission.confirm(woken[0]!);
    expect(woken).toHaveLength(2);
    admission.exceeded(woken[1]!, 'no room');
    await clock.advance(999);
    expect(woken).toHaveLength(2);
    await clock.advance(1);
    expect(woken).toHaveLength(3);
  });

  it('given a run that has long had its Pod, or has none any more, then what is said of it again stops nobody from trying', async () => {
    const { clock, woken, admission } = harness();
    await clock.advance(1_000);
    admission.confirm(woken[0]!);
    admission.exceeded(woken[1]!, 'no room');
    expect(admission.confirm(woken[0]!)).toBe(false);
    expect(admission.confirm('team/gone')).toBe(false);
    await clock.advance(1_000);
    expect(woken).toHaveLength(3);
  });

  it('given a Pod that the kubelet reports as over, then one tries at once, and soon again', async () => {
    const { clock, woken, admission } = harness();
    for (const waitMs of [1_000, 2_000, 4_000]) {
      await clock.advance(waitMs);
      admission.exceeded(woken.at(-1)!, 'no room');
    }
    expect(woken).toHaveLength(3);
    admission.probe('team');
    expect(woken).toHaveLength(4);
    admission.exceeded(woken.at(-1)!, 'no room');
    await clock.advance(1_000);
    expect(woken).toHaveLength(5);
  });

  it('given a Pod of the namespace that ends, then one tries at once', async () => {
    const { clock, woken, admission } = harness();
    await clock.advance(1_000);
    admission.confirm(woken[0]!);
    admission.exceeded(woken[1]!, 'no room');
    admission.release(woken[0]!);
    expect(woken).toHaveLength(3);
  });
});
