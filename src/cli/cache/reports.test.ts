import { describe, expect, test } from 'vitest';
import { createFakeClock } from '../../../test/fixtures/fake-clock.ts';
import { recordedIo } from '../testing/io.ts';
import { type Outcome, reportOutcomes } from './prune.ts';
import { reportVerdicts, type Verdict } from './verify.ts';

const CORE = 'https://git.example.com/acme/core-lib.git';
const APP = 'https://git.example.com/acme/app-one.git';
const recorded = () => recordedIo({ clock: createFakeClock('2026-05-01T12:00:00.000Z') });

const VERDICTS: Verdict[] = [
  { repository: CORE, generation: 3, commits: 2, bytes: 2_048, result: 'good', reasons: [] },
  { repository: APP, generation: 1, commits: 1, bytes: 100, result: 'broken', reasons: ['a pack has changed', 'b'] },
];

describe('what verify tells', () => {
  test('given a broken copy, then the table has what is wrong, and the remark what to do', () => {
    const io = recorded();
    reportVerdicts(VERDICTS, 'team-a', false, io);
    expect(io.stdout().split('\n')).toEqual([
      'REPOSITORY                                  GENERATION   COMMITS   SIZE   RESULT',
      `${CORE}   3            2         2Ki    good`,
      `${APP}    1            1         100B   broken: a pack has changed (and 1 more)`,
      '',
    ]);
    expect(io.stderr()).toBe(
      `\n1 of 2 copies is broken. The next run that wants one fetches it anew. To remove it now: tako cache prune -n team-a --repository ${APP}\n`,
    );
  });

  test('given JSON, then it is one document with every reason', () => {
    const io = recorded();
    reportVerdicts(VERDICTS, 'team-a', true, io);
    expect(JSON.parse(io.stdout())).toEqual({ namespace: 'team-a', entries: VERDICTS });
  });

  test('given nothing to tell, then there is no empty table', () => {
    const io = recorded();
    reportVerdicts([], 'team-a', false, io);
    expect([io.stdout(), io.stderr()]).toEqual(['', '']);
  });
});

const OUTCOMES: Outcome[] = [
  {
    ...{ repository: CORE, bytes: 2_048, lastUsed: '2026-04-20T12:00:00.000Z' },
    ...{ result: 'removed', reason: '--older-than', freedBytes: 2_048 },
  },
  {
    ...{ repository: APP, bytes: 100, lastUsed: '2026-05-01T11:59:00.000Z' },
    ...{ result: 'skipped', reason: 'the cached copy is read by run docs', freedBytes: 0 },
  },
];

describe('what prune tells', () => {
  test('given what was removed and what is in use, then the table says so, and the remark sums it up', () => {
    const io = recorded();
    reportOutcomes(OUTCOMES, { namespace: 'team-a', dryRun: false, asJson: false }, io);
    expect(io.stdout().split('\n')).toEqual([
      'REPOSITORY                                  SIZE   LAST USED   RESULT',
      `${CORE}   2Ki    11d ago     removed (--older-than)`,
      `${APP}    100B   60s ago     skipped: the cached copy is read by run docs`,
      '',
    ]);
    expect(io.stderr()).toBe('Freed 2Ki; 1 in use: try again later.\n');
  });

  test('given nothing to remove, then it says what that frees', () => {
    const io = recorded();
    reportOutcomes([], { namespace: 'team-a', dryRun: true, asJson: false }, io);
    expect([io.stdout(), io.stderr()]).toEqual(['', 'Would free 0B.\n']);
  });

  test('given JSON, then the sum is in the document', () => {
    const io = recorded();
    reportOutcomes(OUTCOMES, { namespace: 'team-a', dryRun: false, asJson: true }, io);
    expect(JSON.parse(io.stdout())).toEqual({
      namespace: 'team-a',
      dryRun: false,
      entries: OUTCOMES,
      freedBytes: 2_048,
    });
    expect(io.stderr()).toBe('');
  });
});
