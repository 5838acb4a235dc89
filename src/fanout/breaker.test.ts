import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TakoRunStatus } from '../api/takorun-status.ts';
import {
  admits,
  afterOutcome,
  type Breaker,
  type BreakerOutcome,
  type BreakerPolicy,
  breakerAt,
  breakerOutcome,
  CLOSED,
  DEFAULT_BREAKER_POLICY,
  restoreBreaker,
  toStatus,
} from './breaker.ts';
import { buildWorkflowRun } from './testing/builders.ts';

const policy = DEFAULT_BREAKER_POLICY;
/** Seconds, as a status has them. */
const at = (seconds: number) => Date.parse('2026-01-01T00:00:00Z') + seconds * 1_000;
const outcome = (kind: BreakerOutcome['kind'], startedMs: number, endedMs: number): BreakerOutcome => ({
  kind,
  startedMs,
  endedMs,
  cause: `run at ${startedMs}`,
});
const failed = (started: number, ended = started) => outcome('failed', at(started), at(ended));
const succeeded = (started: number, ended = started) => outcome('succeeded', at(started), at(ended));
const after = (...outcomes: BreakerOutcome[]) =>
  outcomes.reduce((breaker, one) => afterOutcome(breaker, one, policy), CLOSED);
const fiveFailures = [1, 2, 3, 4, 5].map(second => failed(second));

describe('a breaker', () => {
  it('given five failures in a row, then it opens with the fifth, and says why', () => {
    expect(after(...fiveFailures.slice(0, 4))).toMatchObject({ state: 'Closed', failures: 4 });
    expect(after(...fiveFailures)).toEqual({
      state: 'Open',
      sinceMs: at(5),
      failures: 5,
      cause: `run at ${at(5)}`,
    });
  });

  it('given a success in between, then it counts anew', () => {
    expect(after(...fiveFailures.slice(0, 4), succeeded(5), failed(6))).toMatchObject({ state: 'Closed', failures: 1 });
  });

  it('given 30 s, then it is half-open, and not before', () => {
    const open = after(...fiveFailures);
    expect(breakerAt(open, at(35) - 1, policy)).toBe(open);
    expect(breakerAt(open, at(35), policy)).toMatchObject({ state: 'HalfOpen', sinceMs: at(35), successes: 0 });
  });

  it('given three that are tried and succeed, then it is closed', () => {
    const two = after(...fiveFailures, succeeded(35), succeeded(36));
    expect(two).toMatchObject({ state: 'HalfOpen', successes: 2 });
    expect(afterOutcome(two, succeeded(37), policy)).toEqual({ state: 'Closed', sinceMs: at(37), failures: 0 });
  });

  it('given one that is tried and fails, then it is open again for 30 s', () => {
    const again = after(...fiveFailures, succeeded(35), succeeded(36), failed(37, 40));
    expect(again).toMatchObject({ state: 'Open', sinceMs: at(40), failures: 6 });
    expect(breakerAt(again, at(69), policy).state).toBe('Open');
    expect(breakerAt(again, at(70), policy).state).toBe('HalfOpen');
  });

  it('given runs that started before it opened, then how they end later changes nothing', () => {
    const open = after(...fiveFailures);
    expect(afterOutcome(open, succeeded(1, 6), policy)).toBe(open);
    expect(afterOutcome(open, failed(1, 40), policy)).toMatchObject({ state: 'HalfOpen' });
    expect(afterOutcome(open, succeeded(1, 40), policy)).toMatchObject({ state: 'HalfOpen', successes: 0 });
  });

  it('given a state, then it lets through all, none, or as many as are tried at once', () => {
    const open = after(...fiveFailures);
    const half = breakerAt(open, at(35), policy);
    expect([admits(CLOSED, 99, policy), admits(open, 0, policy)]).toEqual([true, false]);
    expect([0, 1, 2, 3].map(trials => admits(half, trials, policy))).toEqual([true, true, true, false]);
  });

  it('given that breakers are off, then it never opens', () => {
    const off = { ...policy, failures: 0 };
    expect(fiveFailures.reduce((breaker, one) => afterOutcome(breaker, one, off), CLOSED)).toMatchObject({
      state: 'Closed',
    });
  });
});

describe('what a run says of its workflow', () => {
  const told = (status: TakoRunStatus, reason = 'Reason') => {
    const condition = { type: 'Ready', status: 'False' as const, reason, message: '', lastTransitionTime: '' };
    const ended = { startTime: '2026-01-01T00:00:01Z', completionTime: '2026-01-01T00:00:02Z' };
    return breakerOutcome(buildWorkflowRun({ status: { ...ended, conditions: [condition], ...status } }));
  };
  const attempts = [{ number: 1, podName: 'pod', podUID: 'uid' }];
  const steps = [
    { id: 'build', phase: 'Succeeded' as const },
    { id: 'skip', phase: 'Skipped' as const },
  ];

  it.each<[string, TakoRunStatus, string, BreakerOutcome['kind'] | undefined]>([
    ['goes on', { phase: 'Running', attempts }, 'Running', undefined],
    ['has succeeded', { phase: 'Succeeded', attempts }, 'Succeeded', 'succeeded'],
    ['was a dry run', { phase: 'Succeeded' }, 'DryRun', undefined],
    ['has a failed step', { phase: 'Failed', errorType: 'workflow_failed', attempts }, 'StepFailed', 'succeeded'],
    ['could not be executed', { phase: 'Failed', errorType: 'execution_failed', attempts }, 'PodLost', 'failed'],
    ['had no repository', { phase: 'Failed', errorType: 'execution_failed' }, 'Unreachable', 'failed'],
    ['had bad inputs', { phase: 'Failed', errorType: 'execution_failed' }, 'InvalidInputs', undefined],
    ['took too long', { phase: 'TimedOut', errorType: 'timeout', attempts }, 'TimedOut', 'failed'],
    ['waited too long for its turn', { phase: 'TimedOut', errorType: 'timeout' }, 'DeadlineExceeded', undefined],
    [
      'had children that took too long',
      { phase: 'TimedOut', errorType: 'timeout', attempts, steps },
      'DeadlineExceeded',
      'succeeded',
    ],
    [
      'had children that could not be executed',
      { phase: 'Failed', errorType: 'execution_failed', attempts, steps },
      'FanOutFailed',
      'succeeded',
    ],
    ['was canceled', { phase: 'Canceled', errorType: 'canceled', attempts }, 'Canceled', undefined],
    ['was refused', { phase: 'Failed', errorType: 'circuit_breaker' }, 'CircuitOpen', undefined],
  ])('given one that %s, then that counts so', (_, status, reason, kind) => {
    expect(told(status, reason)?.kind).toBe(kind);
  });

  it('given a failure, then its cause names the run, the reason and the message', () => {
    const status: TakoRunStatus = { phase: 'Failed', errorType: 'execution_failed', message: 'gone', attempts };
    expect(told(status, 'PodLost')).toEqual({
      kind: 'failed',
      startedMs: at(1),
      endedMs: at(2),
      cause: 'core-lib-release ended (PodLost): gone',
    });
  });
});

describe('a breaker after a restart', () => {
  it('given its last transition in the status and the runs since, then it stands as before', () => {
    const open = after(...fiveFailures);
    const recorded = toStatus('release', open, policy);
    expect(recorded).toEqual({
      workflow: 'release',
      state: 'Open',
      lastTransitionTime: '2026-01-01T00:00:05Z',
      failures: 5,
      message: `run at ${at(5)}`,
      retryTime: '2026-01-01T00:00:35Z',
    });
    expect(restoreBreaker(recorded, fiveFailures, policy)).toEqual(open);
    expect(restoreBreaker(recorded, [], policy)).toEqual(open);
  });

  it('given no status, then the runs alone say it', () => {
    expect(restoreBreaker(undefined, [...fiveFailures].reverse(), policy)).toEqual(after(...fiveFailures));
    expect(toStatus('release', CLOSED, policy)).toBeUndefined();
  });

  it('given a half-open one, then the successes since count', () => {
    const half = breakerAt(after(...fiveFailures), at(35), policy);
    const recorded = toStatus('release', half, policy);
    expect(restoreBreaker(recorded, [...fiveFailures, succeeded(35), succeeded(36)], policy)).toMatchObject({
      state: 'HalfOpen',
      successes: 2,
    });
  });

  it('given one that has closed, then what was before counts no more', () => {
    const closed = after(...fiveFailures, succeeded(35), succeeded(36), succeeded(37));
    const recorded = toStatus('release', closed, policy);
    expect(recorded).toEqual({ workflow: 'release', state: 'Closed', lastTransitionTime: '2026-01-01T00:00:37Z' });
    expect(restoreBreaker(recorded, [...fiveFailures, failed(38)], policy)).toMatchObject({
      state: 'Closed',
      failures: 1,
    });
  });
});

/** What has happened to a breaker, in plain words: the model that the real one is held against. */
interface Model {
  now: number;
  inARow: number;
  openSince: number | undefined;
  tried: number;
}

interface Real {
  breaker: Breaker;
  history: BreakerOutcome[];
}

/** Random histories of runs, waits and restarts. */
describe('property: a breaker and its model', () => {
  const small: BreakerPolicy = { failures: 3, openMs: 5_000, trials: 2 };
  const isHalfOpen = ({ now, openSince }: Model) => openSince !== undefined && now >= openSince + small.openMs;

  const agree = (model: Model, { breaker }: Real): void => {
    const state = model.openSince === undefined ? 'Closed' : isHalfOpen(model) ? 'HalfOpen' : 'Open';
    expect(breakerAt(breaker, model.now, small).state).toBe(state);
  };

  class Ends implements fc.Command<Model, Real> {
    readonly kind: BreakerOutcome['kind'];
    constructor(kind: BreakerOutcome['kind']) {
      this.kind = kind;
    }
    check = () => true;
    run(model: Model, real: Real): void {
      const started = outcome(this.kind, model.now, model.now);
      const admitted = admits(breakerAt(real.breaker, model.now, small), 0, small);
      expect(admitted).toBe(model.openSince === undefined || isHalfOpen(model));
      if (!admitted) return;
      real.breaker = afterOutcome(real.breaker, started, small);
      real.history.push(started);
      const half = isHalfOpen(model);
      if (this.kind === 'succeeded') {
        model.inARow = half ? model.inARow : 0;
        model.tried += half ? 1 : 0;
        if (half && model.tried === small.trials) Object.assign(model, { openSince: undefined, tried: 0, inARow: 0 });
      } else {
        model.inARow += 1;
        if (half || model.inARow === small.failures) Object.assign(model, { openSince: model.now, tried: 0 });
      }
      agree(model, real);
      // One second a run: a status cannot tell apart what is closer.
      model.now += 1_000;
    }
    toString = () => this.kind;
  }

  class Waits implements fc.Command<Model, Real> {
    readonly seconds: number;
    constructor(seconds: number) {
      this.seconds = seconds;
    }
    check = () => true;
    run(model: Model, real: Real): void {
      model.now += this.seconds * 1_000;
      agree(model, real);
    }
    toString = () => `${this.seconds} s`;
  }

  class Restarts implements fc.Command<Model, Real> {
    check = () => true;
    run(model: Model, real: Real): void {
      const now = breakerAt(real.breaker, model.now, small);
      const restored = breakerAt(restoreBreaker(toStatus('w', now, small), real.history, small), model.now, small);
      expect(restored).toEqual(now);
      // Whoever has no status at all comes to the same, as long as the runs are there.
      expect(breakerAt(restoreBreaker(undefined, real.history, small), model.now, small)).toEqual(now);
      real.breaker = restored;
    }
    toString = () => 'restart';
  }

  it('given any history, then they agree on who is let through, before and after a restart', () => {
    const commands = fc.commands(
      [
        fc.constantFrom<BreakerOutcome['kind']>('failed', 'succeeded').map(kind => new Ends(kind)),
        fc.constant(new Ends('failed')),
        fc.integer({ min: 1, max: 8 }).map(seconds => new Waits(seconds)),
        fc.constant(new Restarts()),
      ],
      { maxCommands: 60, size: 'max' },
    );
    fc.assert(
      fc.property(commands, all => {
        const setup = () => ({
          model: { now: at(0), inARow: 0, openSince: undefined, tried: 0 },
          real: { breaker: CLOSED, history: [] },
        });
        fc.modelRun(setup, all);
      }),
      { numRuns: 500 },
    );
  });
});
