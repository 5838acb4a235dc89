import { describe, expect, it } from 'vitest';
import type { BreakerStatus } from '../../api/takorepository.ts';
import { circuitCondition, circuitEvents } from './circuit.ts';
import { aRepository } from './testing/builders.ts';

const now = new Date('2026-01-01T00:01:00Z');
const breaker = (workflow: string, state: BreakerStatus['state']): BreakerStatus => ({
  workflow,
  state,
  lastTransitionTime: '2026-01-01T00:00:00Z',
  ...(state === 'Closed' ? {} : { failures: 5, message: 'run-5 ended (PodLost): gone' }),
  ...(state === 'Open' ? { retryTime: '2026-01-01T00:00:30Z' } : {}),
});

describe('the condition CircuitOpen', () => {
  const condition = (...breakers: BreakerStatus[]) => circuitCondition(aRepository(), breakers, now);

  it('given no breaker that was ever open, then there is no such condition', () => {
    expect(circuitCondition(aRepository(), undefined, now)).toBeUndefined();
  });

  it('given open and half-open ones, then it is True, and names each with its cause', () => {
    const found = condition(breaker('a', 'HalfOpen'), breaker('b', 'Open'), breaker('c', 'Closed'));
    expect(found).toMatchObject({ status: 'True', reason: 'CircuitOpen', lastTransitionTime: '2026-01-01T00:01:00Z' });
    expect(found?.message).toBe(
      'workflow a is being tried again, after 5 runs that could not be executed; workflow b is not run until 2026-01-01T00:00:30Z: the last 5 runs could not be executed, the last one: run-5 ended (PodLost): gone',
    );
    expect(condition(breaker('a', 'HalfOpen'))).toMatchObject({ status: 'True', reason: 'CircuitHalfOpen' });
    expect(condition(breaker('a', 'Closed'))).toMatchObject({ status: 'False', reason: 'CircuitClosed', message: '' });
  });

  it('given many, then some are named and the others counted', () => {
    const many = Array.from({ length: 8 }, (_, index) => breaker(`w${index}`, 'HalfOpen'));
    expect(condition(...many)?.message).toMatch(/w4 .*; and 3 more$/);
  });

  it('given the same state as before, then the time of its transition stays', () => {
    const before = circuitCondition(aRepository(), [breaker('a', 'Open')], new Date('2026-01-01T00:00:30Z'))!;
    const repository = aRepository({ status: { conditions: [before] } });
    expect(circuitCondition(repository, [breaker('a', 'HalfOpen')], now)).toMatchObject({
      reason: 'CircuitHalfOpen',
      lastTransitionTime: '2026-01-01T00:00:30Z',
    });
    expect(circuitCondition(repository, undefined, now)).toMatchObject({ status: 'False' });
  });
});

describe('events of breakers', () => {
  const told = (before: BreakerStatus[] | undefined, after: BreakerStatus[] | undefined) =>
    circuitEvents(before, after).map(({ type, reason }) => `${type} ${reason}`);

  it('given a transition, then it is told, and nothing else', () => {
    expect(told(undefined, [breaker('a', 'Open')])).toEqual(['Warning CircuitOpen']);
    expect(told([breaker('a', 'Open')], [breaker('a', 'HalfOpen')])).toEqual(['Normal CircuitHalfOpen']);
    expect(told([breaker('a', 'HalfOpen')], [breaker('a', 'Closed')])).toEqual(['Normal CircuitClosed']);
    expect(told([breaker('a', 'Open')], [breaker('a', 'Open')])).toEqual([]);
    expect(told([breaker('a', 'Closed')], undefined)).toEqual([]);
  });
});
