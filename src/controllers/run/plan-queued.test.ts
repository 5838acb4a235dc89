import { describe, expect, it } from 'vitest';
import type { Held, HeldReason } from '../../queue/types.ts';
import { planQueued } from './plan-queued.ts';
import { at, CREATED, workflowObservation, workflowRun } from './testing/builders.ts';

const DEADLINE = CREATED + 3_600_000;
const byFanOut: Held = { reason: 'ConcurrencyLimit', limit: 3 };
const queued = (spec = {}, more = {}) => workflowRun({ spec, status: { phase: 'Queued', queuedTime: at(0), ...more } });

describe('a run in the queue', () => {
  it.each<[HeldReason, string]>([
    ['Suspended', 'queued while team/root is suspended'],
    ['ConcurrencyLimit', 'the fan-out runs 3 of its children at once'],
    ['RepositoryLimit', 'TakoRepository core-lib has 3 runs at once'],
    ['WaitingPodsLimit', 'the namespace has 3 such runs at once'],
    ['QuotaExceeded', 'exceeded quota: pods'],
    ['NamespaceLimit', 'the namespace has 3 runs at once'],
    ['OperatorLimit', 'the operator has 3 runs at once'],
  ])('given %s, then it says so in words', (reason, text) => {
    const held: Held = { reason, limit: 3, ...(reason === 'QuotaExceeded' && { message: 'exceeded quota: pods' }) };
    const decision = planQueued(workflowObservation({ suspendedBy: 'team/root' }), held, DEADLINE);
    expect(decision.verdict).toMatchObject({ phase: 'Queued', reason, message: expect.stringContaining(text) });
    expect(decision.status?.queuedTime).toBe(at(1_000));
  });

  it.each<[HeldReason, string]>([
    ['RepositoryLimit', 'has 1 run at once'],
    ['WaitingPodsLimit', 'has 1 such run at once'],
    ['OperatorLimit', 'has 1 run at once'],
  ])('given %s of one, then it speaks of one', (reason, text) => {
    const decision = planQueued(workflowObservation(), { reason, limit: 1 }, DEADLINE);
    expect(decision.verdict?.message).toContain(text);
  });

  it('given the same reason again, then its message stays as it is, whatever the number in it', () => {
    const ready = {
      type: 'Ready',
      status: 'Unknown',
      reason: 'ConcurrencyLimit',
      message: 'x',
      lastTransitionTime: at(0),
    };
    const run = queued({}, { message: 'three at once', conditions: [ready] });
    const again = planQueued(workflowObservation({ run }), { ...byFanOut, limit: 5 }, DEADLINE);
    expect(again.verdict?.message).toBe('three at once');
    const other = planQueued(workflowObservation({ run }), { reason: 'OperatorLimit', limit: 5 }, DEADLINE);
    expect(other.verdict).toMatchObject({ reason: 'OperatorLimit', message: expect.stringContaining('5 runs') });
    expect(other.status?.queuedTime).toBe(at(0));
  });

  it('given a queueTimeout, then it is looked at again when that is over, and has timed out then', () => {
    const run = queued({ queueTimeout: '5m' });
    expect(planQueued(workflowObservation({ run }), byFanOut, DEADLINE).requeueAfterMs).toBe(299_000);
    expect(planQueued(workflowObservation({ run, now: CREATED + 300_000 }), byFanOut, DEADLINE)).toMatchObject({
      verdict: {
        phase: 'TimedOut',
        reason: 'QueueTimeout',
        message: expect.stringContaining('it waited 5m for its turn (spec.queueTimeout): the fan-out runs 3'),
      },
      status: { errorType: 'timeout', timeoutExceeded: true },
    });
  });

  it('given a wait that begins anew, as between two attempts, then it counts from there', () => {
    const run = workflowRun({ spec: { queueTimeout: '5m' }, status: { phase: 'Pending', queuedTime: at(0) } });
    const later = planQueued(workflowObservation({ run, now: CREATED + 600_000 }), byFanOut, DEADLINE);
    expect(later).toMatchObject({ verdict: { phase: 'Queued' }, status: { queuedTime: at(600_000) } });
    expect(later.requeueAfterMs).toBe(300_000);
  });
});
