import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Existing, planCleanup } from './plan.ts';
import type { Cause, Suspect } from './suspects.ts';

function suspect(cause: Cause, uid = 'uid'): Suspect {
  return { kind: 'pods', namespace: 'team', name: `name-${uid}`, uid, cause };
}

function existing(changes: { runs?: string[]; pods?: string[]; names?: string[] } = {}): ReadonlyMap<string, Existing> {
  const { runs = [], pods = [], names = [] } = changes;
  return new Map([['team', { runUids: new Set(runs), podUids: new Set(pods), podNames: new Set(names) }]]);
}

const runGone: Cause = { kind: 'runGone', runUid: 'run' };

describe('the plan of the cleanup', () => {
  it('given a suspect of two looks whose run is gone, then it is removed', () => {
    expect(planCleanup({ suspects: [suspect(runGone)], before: new Set(['uid']), existing: existing() })).toHaveLength(
      1,
    );
  });

  it.each<[string, Parameters<typeof planCleanup>[0]]>([
    ['a suspect of one look', { suspects: [suspect(runGone)], before: new Set(), existing: existing() }],
    [
      'a run that is there',
      { suspects: [suspect(runGone)], before: new Set(['uid']), existing: existing({ runs: ['run'] }) },
    ],
    [
      'a namespace that could not be read',
      { suspects: [suspect(runGone)], before: new Set(['uid']), existing: new Map() },
    ],
    [
      'a Pod that is there, by its UID',
      {
        suspects: [suspect({ kind: 'podGone', podName: 'pod', podUid: 'pod-uid' })],
        before: new Set(['uid']),
        existing: existing({ pods: ['pod-uid'] }),
      },
    ],
    [
      'a Pod that is there, by its name',
      {
        suspects: [suspect({ kind: 'podGone', podName: 'pod' })],
        before: new Set(['uid']),
        existing: existing({ names: ['pod'] }),
      },
    ],
  ])('given %s, then nothing is removed', (_, look) => {
    expect(planCleanup(look)).toEqual([]);
  });

  it('given a Pod of that name with another UID, then the claim of the old one is removed', () => {
    const suspects = [suspect({ kind: 'podGone', podName: 'pod', podUid: 'old' })];
    const now = existing({ pods: ['new'], names: ['pod'] });
    expect(planCleanup({ suspects, before: new Set(['uid']), existing: now })).toEqual(suspects);
  });

  it('property: whatever the operator sees late, what has an owner is never removed, and an orphan once', () => {
    const owners: readonly string[] = ['a', 'b', 'c', 'd', 'e'];
    const uids = fc.constantFrom(...owners);
    const anySuspects = fc.uniqueArray(
      fc
        .tuple(fc.integer({ min: 0, max: 30 }), uids, fc.boolean())
        .map(([id, owner, byRun]) =>
          suspect(
            byRun ? { kind: 'runGone', runUid: owner } : { kind: 'podGone', podName: owner, podUid: owner },
            `o${id}`,
          ),
        ),
      { selector: ({ uid }) => uid },
    );
    const looks = fc.array(fc.tuple(fc.array(uids), fc.array(uids)), { minLength: 3, maxLength: 5 });
    fc.assert(
      fc.property(anySuspects, looks, (objects, history) => {
        let before: ReadonlySet<string> = new Set();
        let left = objects;
        const gone = new Set<string>();
        const everGone = new Set<string>();
        for (const [alive, seenLate] of history) {
          // Who is gone stays gone; the store may believe otherwise, either way.
          for (const owner of owners) if (!alive.includes(owner)) everGone.add(owner);
          const living = alive.filter(owner => !everGone.has(owner));
          const suspects = left.filter(({ cause }) => !seenLate.includes(ownerOf(cause)));
          const removed = planCleanup({ suspects, before, existing: existing({ runs: living, pods: living }) });
          for (const { uid, cause } of removed) {
            expect(living).not.toContain(ownerOf(cause));
            expect(before.has(uid)).toBe(true);
            expect(gone.has(uid)).toBe(false);
            gone.add(uid);
          }
          // The same look once more, after its removals, finds nothing.
          const rest = suspects.filter(({ uid }) => !gone.has(uid));
          expect(planCleanup({ suspects: rest, before, existing: existing({ runs: living, pods: living }) })).toEqual(
            [],
          );
          before = new Set(suspects.map(({ uid }) => uid));
          left = left.filter(({ uid }) => !gone.has(uid));
        }
      }),
    );
  });
});

function ownerOf(cause: Cause): string {
  if (cause.kind === 'runGone') return cause.runUid;
  return cause.kind === 'podGone' ? cause.podName : '';
}
