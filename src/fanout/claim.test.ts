import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isTerminal, PHASES, type Phase } from '../api/takorun-status.ts';
import { CLAIM_MS, type Claim, type ClaimState, decideClaim, duplicateState, type FirstRun } from './claim.ts';

const NOW = Date.parse('2026-01-02T00:00:00Z');
const HOUR = 3_600_000;
const self = { uid: 'uid-self' };

function claimed(ageMs = HOUR, uid = 'uid-first'): Claim {
  return { holder: { name: 'first', uid }, createdMs: NOW - ageMs, durationMs: CLAIM_MS };
}
function first(phase: Phase | undefined, changes: Partial<FirstRun> = {}): FirstRun {
  return { name: 'first', phase, expanded: false, ...changes };
}
const decide = (state: Partial<ClaimState>) => decideClaim({ self, now: NOW, ...state });

describe('the claim of an event', () => {
  it('given nobody who has it, then it is free', () => {
    expect(decide({})).toEqual({ kind: 'free' });
  });

  it('given the run itself, then it is its own, however old', () => {
    expect(decide({ claim: claimed(HOUR, 'uid-self') })).toEqual({ kind: 'mine' });
    expect(decide({ claim: claimed(30 * 24 * HOUR, 'uid-self'), following: first('Succeeded') })).toEqual({
      kind: 'mine',
    });
  });

  it.each<[Phase | undefined, string]>([
    [undefined, 'duplicate'],
    ['Pending', 'duplicate'],
    ['Running', 'duplicate'],
    ['Waiting', 'duplicate'],
    ['Succeeded', 'duplicate'],
    ['Failed', 'free'],
    ['TimedOut', 'free'],
    ['Canceled', 'free'],
  ])('given another run in phase %s, then it is %s', (phase, kind) => {
    expect(decide({ claim: claimed(), holder: first(phase) }).kind).toBe(kind);
  });

  it('given a holder that is gone, then it is free', () => {
    expect(decide({ claim: claimed() })).toEqual({ kind: 'free' });
    expect(decide({ claim: claimed(), following: first('Running', { name: 'old' }) })).toEqual({ kind: 'free' });
  });

  it('given a claim of 24 hours, then it is free again from then on', () => {
    expect(decide({ claim: claimed(CLAIM_MS - 1), holder: first('Succeeded') }).kind).toBe('duplicate');
    expect(decide({ claim: claimed(CLAIM_MS), holder: first('Succeeded') }).kind).toBe('free');
    expect(decide({ claim: claimed(CLAIM_MS), holder: first('Running') }).kind).toBe('free');
  });

  it('given an observer whose clock is behind, then a claim of the future stands', () => {
    expect(decide({ claim: claimed(-HOUR), holder: first('Running') }).kind).toBe('duplicate');
  });

  it('given a run that waits for it already, then it takes a bad result too, and one after the time is over', () => {
    const failed = first('Failed');
    expect(decide({ claim: claimed(), holder: failed, following: failed })).toEqual({ kind: 'duplicate', of: failed });
    const late = first('Running');
    expect(decide({ claim: claimed(CLAIM_MS), holder: late, following: late })).toEqual({
      kind: 'duplicate',
      of: late,
    });
    expect(decide({ following: late })).toEqual({ kind: 'duplicate', of: late });
  });

  it('given that the run it waited for was deleted and another has the claim, then it waits for that one', () => {
    const second = first('Running', { name: 'second' });
    expect(decide({ claim: claimed(), holder: second })).toEqual({ kind: 'duplicate', of: second });
  });
});

describe('a duplicate', () => {
  it.each(['Succeeded', 'Failed', 'TimedOut', 'Canceled'] as const)(
    'given a first run that ended as %s, then so does it, and the message says whose result it is',
    phase => {
      const state = duplicateState(first(phase, { message: 'all 2 children', errorType: 'timeout' }), {
        waitForChildren: true,
      });
      expect(state).toEqual({
        kind: 'ended',
        phase,
        errorType: 'timeout',
        message: 'an equal event is that of TakoRun first, whose result this run takes: all 2 children',
      });
    },
  );

  it('given a first run that goes on, then it waits; given that it waits for no children, only until the event is out', () => {
    const going = first('Waiting', { expanded: true });
    expect(duplicateState(going, { waitForChildren: true }).kind).toBe('waiting');
    expect(duplicateState(going, { waitForChildren: false })).toMatchObject({ kind: 'ended', phase: 'Succeeded' });
    expect(duplicateState(first('Pending'), { waitForChildren: false }).kind).toBe('waiting');
    expect(duplicateState(first(undefined), { waitForChildren: true }).kind).toBe('waiting');
  });

  it('property: it ends as the first run or not at all', () => {
    fc.assert(
      fc.property(fc.constantFrom(...PHASES), phase => {
        const state = duplicateState(first(phase, { expanded: true }), { waitForChildren: true });
        expect(state.kind === 'ended' ? state.phase : undefined).toBe(isTerminal(phase) ? phase : undefined);
      }),
    );
  });
});

/** One run of an event as the model below has it. */
interface ModelRun {
  readonly name: string;
  readonly uid: string;
  phase: Phase | undefined;
  expanded: boolean;
  following: string | undefined;
  deleted: boolean;
  /** What an operator has read and not acted on yet. */
  view: { claim: Claim | undefined; holder: ModelRun | undefined } | undefined;
}

type Step =
  | { readonly kind: 'read' | 'act'; readonly run: number }
  | { readonly kind: 'end'; readonly run: number; readonly phase: 'Succeeded' | 'Failed' }
  | { readonly kind: 'delete'; readonly run: number }
  | { readonly kind: 'wait'; readonly ms: number };

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constantFrom('read' as const, 'act' as const), run: fc.nat(3) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('end' as const),
      run: fc.nat(3),
      phase: fc.constantFrom('Succeeded' as const, 'Failed' as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('delete' as const), run: fc.nat(3) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(1_000, HOUR, CLAIM_MS) }),
  },
);

describe('runs of one event under several operators', () => {
  it('property: whatever the order of reads and writes, a second one goes out only when the first failed, was deleted or is a day old', () => {
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 80 }), steps => {
        let now = NOW;
        let lease: Claim | undefined;
        const sent: { run: ModelRun; at: number }[] = [];
        const runs = Array.from(
          { length: 4 },
          (_, index): ModelRun => ({
            name: `run-${index}`,
            uid: `uid-${index}`,
            phase: undefined,
            expanded: false,
            following: undefined,
            deleted: false,
            view: undefined,
          }),
        );
        const seen = ({ name, phase, expanded }: ModelRun): FirstRun => ({ name, phase, expanded });
        const live = (find: (run: ModelRun) => boolean) => runs.find(run => find(run) && !run.deleted);

        for (const step of steps) {
          if (step.kind === 'wait') {
            now += step.ms;
            continue;
          }
          const run = runs[step.run]!;
          if (run.deleted) continue;
          switch (step.kind) {
            case 'read':
              run.view = { claim: lease, holder: live(({ uid }) => uid === lease?.holder.uid) };
              break;
            case 'delete':
              run.deleted = true;
              break;
            case 'end':
              if (run.expanded) run.phase = step.phase;
              break;
            case 'act': {
              if (run.view === undefined || run.expanded || isTerminal(run.phase)) break;
              const { claim, holder } = run.view;
              run.view = undefined;
              const following = live(({ name }) => name === run.following);
              const verdict = decideClaim({
                self: run,
                claim,
                holder: holder && seen(holder),
                following: following && seen(following),
                now,
              });
              if (verdict.kind === 'duplicate') {
                run.following = verdict.of.name;
                if (isTerminal(verdict.of.phase)) run.phase = verdict.of.phase;
                break;
              }
              if (verdict.kind === 'free') {
                // The API server deletes only the object that was read, and grants a name once.
                if (claim !== undefined && lease === claim) lease = undefined;
                if (lease !== undefined) break;
                lease = { holder: run, createdMs: now, durationMs: CLAIM_MS };
              }
              run.expanded = true;
              sent.push({ run, at: now });
              break;
            }
          }
        }
        for (const [index, { run, at }] of sent.entries()) {
          const before = sent.slice(0, index).filter(other => at - other.at < CLAIM_MS);
          expect(
            before.every(other => other.run.deleted || other.run.phase === 'Failed'),
            run.name,
          ).toBe(true);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
