import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ANNOTATIONS } from '../../api/meta.ts';
import { type TakoRepositoryStatus, takoRepositoryStatusSchema } from '../../api/takorepository.ts';
import type { LiveRepository } from '../run/observed.ts';
import type { Finding } from './finding.ts';
import { type Plan, plan } from './plan.ts';
import { REASONS, type Reason } from './reasons.ts';
import { aRepository, COMMIT, failed, found, NEW_COMMIT, type RepositoryFields } from './testing/builders.ts';

const START = new Date('2026-01-01T00:00:00Z');
const LATER = new Date('2026-01-01T00:10:00Z');

const decide = (repository: LiveRepository, finding: Finding, { sameSource = true, now = LATER } = {}): Plan =>
  plan({ repository, finding, sameSource, now });

/** The status after these findings, one after the other, from the beginning. */
function statusAfter(findings: Finding[], fields: RepositoryFields = {}): TakoRepositoryStatus {
  let status = fields.status;
  for (const finding of findings) {
    status =
      decide(aRepository({ ...fields, ...(status ? { status } : {}) }), finding, { now: START }).status ?? status;
  }
  if (status === undefined) throw new Error('there is no status');
  return status;
}

function condition(status: TakoRepositoryStatus | undefined, type: string) {
  const result = status?.conditions?.find(candidate => candidate.type === type);
  if (result === undefined) throw new Error(`there is no condition ${type}`);
  return result;
}

const states = (status: TakoRepositoryStatus | undefined) =>
  Object.fromEntries(
    ['Ready', 'Reconciling', 'Stalled'].map(type => {
      const { status: state, reason } = condition(status, type);
      return [type, `${state} ${reason}`];
    }),
  );

describe('a repository that was found good', () => {
  test('given a new object, then everything is published and one event says so', () => {
    const { status, events } = decide(aRepository({ generation: 3 }), found());

    expect(status).toMatchObject({
      observedGeneration: 3,
      slug: 'acme/core-lib',
      revision: COMMIT,
      observedRevision: COMMIT,
      configDigest: 'e'.repeat(64),
      artifacts: ['default'],
      workflows: [{ name: 'release' }],
      subscriptions: [],
      lastFetchTime: '2026-01-01T00:10:00Z',
    });
    expect(states(status)).toEqual({
      Ready: 'True Succeeded',
      Reconciling: 'False Succeeded',
      Stalled: 'False Succeeded',
    });
    expect(condition(status, 'Ready').message).toBe('main at cccccccccccc: 1 workflow, 0 subscriptions');
    expect(events).toEqual([{ type: 'Normal', reason: 'Succeeded', message: condition(status, 'Ready').message }]);
  });

  test('given the same again soon, then nothing is written and nothing is said', () => {
    const status = statusAfter([found()]);

    expect(decide(aRepository({ status }), found())).toEqual({ events: [] });
  });

  test('given the same again after more than an hour, then only the time of the look is brought up to date', () => {
    const status = statusAfter([found()]);

    const planned = decide(aRepository({ status }), found(), { now: new Date('2026-01-01T01:00:01Z') });

    expect(planned).toEqual({ status: { ...status, lastFetchTime: '2026-01-01T01:00:01Z' }, events: [] });
  });

  test('given another commit, then the revision moves, an event says so and Ready keeps its time', () => {
    const status = statusAfter([found()]);

    const planned = decide(aRepository({ status }), found({ commit: NEW_COMMIT }));

    expect(planned.status).toMatchObject({ revision: NEW_COMMIT, observedRevision: NEW_COMMIT });
    expect(condition(planned.status, 'Ready').lastTransitionTime).toBe('2026-01-01T00:00:00Z');
    expect(planned.events).toHaveLength(1);
  });

  test('given a request to look, then it is echoed, within its bound', () => {
    const status = statusAfter([found()]);
    const annotations = { [ANNOTATIONS.reconcileRequestedAt]: 'x'.repeat(5000) };

    const planned = decide(aRepository({ status, annotations }), found());

    expect(planned.status?.lastHandledReconcileAt).toBe('x'.repeat(1024));
    expect(planned.events).toEqual([]);
  });

  test('given a commit instead of a reference, then the message names it', () => {
    const finding = found();
    if (finding.kind === 'found') delete (finding as { ref?: string }).ref;

    expect(condition(decide(aRepository(), finding).status, 'Ready').message).toMatch(/^commit cccccccccccc: /);
  });
});

describe('a broken workflow file', () => {
  test('given no good one before, then it is stalled with the message and nothing is in force', () => {
    const { status, events } = decide(aRepository(), failed({ commit: NEW_COMMIT }));

    expect(states(status)).toEqual({
      Ready: 'False InvalidConfig',
      Reconciling: 'False InvalidConfig',
      Stalled: 'True InvalidConfig',
    });
    expect(condition(status, 'Stalled').message).toBe('tako.yml:1:1 it is broken');
    expect(status).toMatchObject({ observedRevision: NEW_COMMIT });
    expect(status).not.toHaveProperty('revision');
    expect(status).not.toHaveProperty('slug');
    expect(events).toEqual([{ type: 'Warning', reason: 'InvalidConfig', message: 'tako.yml:1:1 it is broken' }]);
  });

  test('given a good one before, then it is not ready but the good one stays in force', () => {
    const good = statusAfter([found()]);

    const { status } = decide(aRepository({ status: good }), failed({ commit: NEW_COMMIT }));

    expect(states(status)).toMatchObject({ Ready: 'False InvalidConfig', Stalled: 'True InvalidConfig' });
    expect(status).toMatchObject({ revision: COMMIT, observedRevision: NEW_COMMIT, slug: 'acme/core-lib' });
    expect(status?.workflows).toEqual(good.workflows);
  });

  test('given a spec that names another place now, then nothing of the old one stays in force', () => {
    const good = statusAfter([found()]);

    const { status } = decide(aRepository({ status: good }), failed(), { sameSource: false });

    for (const field of ['revision', 'slug', 'configDigest', 'workflows', 'subscriptions', 'observedRevision']) {
      expect(status).not.toHaveProperty(field);
    }
  });

  test('given the same error again, then nothing is said again; given another one, then it is', () => {
    const status = statusAfter([failed({ commit: NEW_COMMIT })]);

    expect(decide(aRepository({ status }), failed({ commit: NEW_COMMIT })).events).toEqual([]);
    expect(decide(aRepository({ status }), failed({ message: 'another', commit: NEW_COMMIT })).events).toHaveLength(1);
  });

  test('given a repair, then it is ready again and an event says so', () => {
    const status = statusAfter([found(), failed({ commit: NEW_COMMIT })]);

    const planned = decide(aRepository({ status }), found());

    expect(states(planned.status)).toMatchObject({ Ready: 'True Succeeded', Stalled: 'False Succeeded' });
    expect(condition(planned.status, 'Ready').lastTransitionTime).toBe('2026-01-01T00:10:00Z');
    expect(planned.events).toMatchObject([{ type: 'Normal', reason: 'Succeeded' }]);
  });

  test('given a slug that an older repository has, then nothing stays in force', () => {
    const status = statusAfter([found()]);

    expect(decide(aRepository({ status }), failed({ reason: 'SlugConflict' })).status).not.toHaveProperty('revision');
  });
});

describe('a server that cannot be asked', () => {
  const away = failed({ reason: 'Unreachable', message: 'no route' });

  test('given a good repository, then it stays ready while it is tried again', () => {
    const good = statusAfter([found()]);

    const { status, events } = decide(aRepository({ status: good }), away);

    expect(condition(status, 'Ready')).toEqual(condition(good, 'Ready'));
    expect(states(status)).toMatchObject({ Reconciling: 'True Unreachable', Stalled: 'False Succeeded' });
    expect(status).toMatchObject({ revision: COMMIT, observedRevision: COMMIT });
    expect(events).toEqual([{ type: 'Warning', reason: 'Unreachable', message: 'no route' }]);
  });

  test('given a stalled repository, then what was found stays known', () => {
    const broken = statusAfter([failed({ commit: NEW_COMMIT })]);

    const { status } = decide(aRepository({ status: broken }), away);

    expect(states(status)).toEqual({
      Ready: 'False InvalidConfig',
      Reconciling: 'True Unreachable',
      Stalled: 'True InvalidConfig',
    });
  });

  test('given a stalled repository whose spec was changed, then what was found before counts no more', () => {
    const broken = statusAfter([failed()]);

    const { status } = decide(aRepository({ status: broken, generation: 2 }), away);

    expect(states(status)).toMatchObject({ Ready: 'False Unreachable', Stalled: 'False Unreachable' });
  });

  test('given a new repository, then it is not ready and says why, also when the reason changes', () => {
    const status = statusAfter([away]);

    expect(states(status)).toEqual({
      Ready: 'False Unreachable',
      Reconciling: 'True Unreachable',
      Stalled: 'False Unreachable',
    });
    const planned = decide(aRepository({ status }), failed({ reason: 'TimedOut', message: 'no answer' }));
    expect(states(planned.status)).toMatchObject({ Ready: 'False TimedOut', Reconciling: 'True TimedOut' });
    expect(planned.events).toHaveLength(1);
  });

  test('given the same reason in other words, then no further event is emitted', () => {
    const status = statusAfter([found(), away]);

    expect(decide(aRepository({ status }), failed({ reason: 'Unreachable', message: 'reset' })).events).toEqual([]);
  });
});

describe('a suspended repository', () => {
  const suspended: Finding = { kind: 'suspended' };

  test('given a good one, then it stays as it is and says that nobody looks', () => {
    const good = statusAfter([found()]);

    const { status, events } = decide(aRepository({ status: good, generation: 2 }), suspended);

    expect(condition(status, 'Ready')).toEqual(condition(good, 'Ready'));
    expect(states(status)).toMatchObject({ Reconciling: 'False Suspended' });
    expect(status).toMatchObject({ revision: COMMIT, observedGeneration: 2 });
    expect(events).toMatchObject([{ type: 'Normal', reason: 'Suspended' }]);
  });

  test('given it again, then nothing is written; given its end, then no event repeats what is known', () => {
    const status = statusAfter([found(), suspended]);

    expect(decide(aRepository({ status }), suspended)).toEqual({ events: [] });
    const resumed = decide(aRepository({ status }), found());
    expect(states(resumed.status)).toMatchObject({ Ready: 'True Succeeded', Reconciling: 'False Succeeded' });
    expect(resumed.events).toEqual([]);
  });

  test('given a new one, then its state is unknown', () => {
    expect(states(decide(aRepository(), suspended).status)).toEqual({
      Ready: 'Unknown Suspended',
      Reconciling: 'False Suspended',
      Stalled: 'False Suspended',
    });
  });

  test('given a request to look, then it is not handled', () => {
    const annotations = { [ANNOTATIONS.reconcileRequestedAt]: 'now' };

    expect(decide(aRepository({ annotations }), suspended).status).not.toHaveProperty('lastHandledReconcileAt');
  });
});

describe('any course of findings', () => {
  const reasons = Object.keys(REASONS).filter(
    (reason): reason is Exclude<Reason, 'Succeeded'> => reason !== 'Succeeded',
  );
  const finding: fc.Arbitrary<Finding> = fc.oneof(
    fc.constant<Finding>({ kind: 'suspended' }),
    fc.constantFrom(COMMIT, NEW_COMMIT).map(commit => found({ commit })),
    fc
      .record({ reason: fc.constantFrom(...reasons), commit: fc.option(fc.constant(NEW_COMMIT), { nil: undefined }) })
      .map(({ reason, commit }) => failed({ reason, message: reason, ...(commit ? { commit } : {}) })),
  );
  const step = fc.record({ finding, sameSource: fc.boolean(), changed: fc.boolean() });

  test('given any of them, then the status is valid, settles at once, and a configuration is there whole or not at all', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 8 }), steps => {
        let repository = aRepository();
        for (const { finding: next, sameSource, changed } of steps) {
          const generation = (repository.metadata.generation ?? 0) + (changed ? 1 : 0);
          repository = { ...repository, metadata: { ...repository.metadata, generation } };
          const { status } = decide(repository, next, { sameSource });
          if (status) repository = { ...repository, status };
          const now = repository.status;

          expect(takoRepositoryStatusSchema.safeParse(now).error).toBeUndefined();
          expect(decide(repository, next)).toEqual({ events: [] });
          const whole = ['slug', 'revision', 'configDigest', 'workflows'].map(field => Object.hasOwn(now ?? {}, field));
          expect(new Set(whole).size).toBe(1);
          expect(now?.observedGeneration).toBe(generation);
          const ready = condition(now, 'Ready');
          if (ready.status === 'True') expect(now).toHaveProperty('revision');
          if (condition(now, 'Stalled').status === 'True') expect(ready.status).not.toBe('True');
          if (next.kind === 'failed') {
            const type = REASONS[next.reason] === 'stalled' ? 'Stalled' : 'Reconciling';
            expect(condition(now, type)).toMatchObject({
              status: 'True',
              reason: next.reason,
              observedGeneration: generation,
            });
          }
        }
      }),
    );
  });
});
