import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { candidates, decide, type FilterResult, filterExpressions, skippedStatus } from './match.ts';
import { buildEvent, buildSubscriber, buildSubscription } from './testing/builders.ts';

const emitter = { name: 'team' };
const yes: FilterResult = { kind: 'value', value: true };
const no: FilterResult = { kind: 'value', value: false };

function subscribe(index: number, workflow: string, filters: string[] = []) {
  return buildSubscriber({ subscription: buildSubscription({ index, workflow, filters }) });
}

describe('candidates', () => {
  it('given a subscription without conditions, then it is a candidate', () => {
    const subscriber = buildSubscriber();
    expect(candidates(buildEvent(), [subscriber], emitter)).toEqual({
      candidates: [{ subscriber, filters: [] }],
      skipped: [],
      subscribersFound: 1,
      withoutConsent: 0,
    });
  });

  it.each([
    ['(1.1.0...2.0.0]', '1.2.0', undefined],
    ['(1.2.0...2.0.0]', '1.2.0', 'schema version 1.2.0 is not in (1.2.0...2.0.0]'],
    ['^2.0.0', '1.2.0', 'schema version 1.2.0 is not in ^2.0.0'],
    ['^1.0.0', undefined, 'the subscription wants schema version ^1.0.0, the event has none'],
    ['rubbish', '1.2.0', 'expected a version range such as'],
  ])('given the range %s and the version %s, then the obstacle is %s', (schemaVersion, version, message) => {
    const { schemaVersion: _, ...bare } = buildEvent();
    const event = version === undefined ? bare : { ...bare, schemaVersion: version };
    const subscriber = buildSubscriber({ subscription: buildSubscription({ schemaVersion }) });
    const result = candidates(event, [subscriber], emitter);
    expect(result.candidates).toHaveLength(message === undefined ? 1 : 0);
    expect(result.skipped.map(skipped => skipped.reason)).toEqual(message === undefined ? [] : ['Schema']);
    if (message !== undefined) expect(result.skipped[0]?.message).toContain(message);
  });

  it('given no range, then an event without a version is a candidate', () => {
    const { schemaVersion: _, ...event } = buildEvent();
    expect(candidates(event, [buildSubscriber()], emitter).candidates).toHaveLength(1);
  });

  it.each([
    ['suspended', { suspended: true }, 'Suspended', 'has spec.suspend: true'],
    ['being deleted', { deleting: true }, 'NotReady', 'is being deleted'],
    ['without a revision', { revision: undefined }, 'NotReady', 'has no revision'],
  ])('given a repository that is %s, then it is skipped as such', (_what, change, reason, message) => {
    const { skipped } = candidates(buildEvent(), [buildSubscriber(change)], emitter);
    expect(skipped).toEqual([
      { repository: 'acme/app-one', workflow: 'ci', reason, message: expect.stringContaining(message) },
    ]);
  });

  it('given repositories that do not consent, then nothing but their number is told', () => {
    const elsewhere = [0, 1].map(index =>
      buildSubscriber({ namespace: 'apps', suspended: true, subscription: buildSubscription({ index }) }),
    );
    expect(candidates(buildEvent(), [...elsewhere, buildSubscriber()], emitter)).toMatchObject({
      candidates: [{ subscriber: { namespace: 'team' } }],
      skipped: [],
      subscribersFound: 2,
      withoutConsent: 1,
    });
  });

  it('given a repository elsewhere that consents, then it is a candidate', () => {
    const acceptEvents = { namespaces: { from: 'All' as const } };
    const found = candidates(buildEvent(), [buildSubscriber({ namespace: 'apps', acceptEvents })], emitter);
    expect(found).toMatchObject({ candidates: [{ subscriber: { namespace: 'apps' } }], withoutConsent: 0 });
  });
});

describe('filterExpressions', () => {
  it('given the same filter in several files, then it is evaluated once', () => {
    const found = candidates(buildEvent(), [subscribe(0, 'a', ['x', 'y']), subscribe(1, 'b', ['y'])], emitter);
    expect(filterExpressions(found.candidates)).toEqual(['x', 'y']);
  });
});

describe('decide', () => {
  const decideAll = (subscribers: ReturnType<typeof subscribe>[], results: Record<string, FilterResult>) =>
    decide(candidates(buildEvent(), subscribers, emitter).candidates, new Map(Object.entries(results)));

  it('given filters that are all true, then it matches', () => {
    expect(decideAll([subscribe(0, 'ci', ['x', 'y'])], { x: yes, y: yes }).matched).toHaveLength(1);
  });

  it('given one filter that is false, then it is skipped and the filter is named', () => {
    expect(decideAll([subscribe(0, 'ci', ['x', 'y'])], { x: yes, y: no })).toEqual({
      matched: [],
      skipped: [{ repository: 'acme/app-one', workflow: 'ci', reason: 'FilterFalse', message: 'filter y is false' }],
    });
  });

  it('given a filter that cannot be evaluated, then it is skipped with what was wrong', () => {
    const results = { x: { kind: 'error', message: 'no such key: version' } } as const;
    expect(decideAll([subscribe(0, 'ci', ['x'])], results).skipped).toMatchObject([
      { reason: 'FilterError', message: 'filter x: no such key: version' },
    ]);
  });

  it('given a filter without a result, then it does not count as true', () => {
    expect(decideAll([subscribe(0, 'ci', ['x'])], {}).skipped).toMatchObject([{ reason: 'FilterError' }]);
  });

  it('given a filter as long as a file may hold, then the reason still fits the status', () => {
    const filter = 'x'.repeat(4_096);
    const [skipped] = decideAll([subscribe(0, 'ci', [filter])], {
      [filter]: { kind: 'error', message: 'too slow' },
    }).skipped;
    expect(skipped?.message).toContain('too slow');
    const long: FilterResult = { kind: 'error', message: 'm'.repeat(5_000) };
    expect(decideAll([subscribe(0, 'ci', ['x'])], { x: long }).skipped[0]?.message).toHaveLength(512);
  });

  it('given two subscriptions of one workflow that match, then the first in the file wins', () => {
    const result = decideAll(
      [subscribe(0, 'ci', ['x']), subscribe(1, 'ci'), subscribe(2, 'ci'), subscribe(3, 'deploy')],
      {
        x: no,
      },
    );
    expect(result.matched.map(({ subscription }) => subscription.index)).toEqual([1, 3]);
    expect(result.skipped.map(({ reason }) => reason)).toEqual(['FilterFalse', 'LaterSubscription']);
    expect(result.skipped[1]?.message).toContain('subscription 2 of the file');
  });

  it('given the same workflow name in two repositories, then both run', () => {
    const other = { ...subscribe(0, 'ci'), repository: 'app-two', slug: 'acme/app-two' };
    expect(decideAll([subscribe(0, 'ci'), other], {}).matched).toHaveLength(2);
  });

  it('given any subscriptions and results, then each is matched or skipped once, and no workflow is matched twice', () => {
    const entry = fc.record({ workflow: fc.constantFrom('a', 'b'), filter: fc.constantFrom('t', 'f', 'e') });
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 12 }), entries => {
        const subscribers = entries.map(({ workflow, filter }, index) => subscribe(index, workflow, [filter]));
        const { matched, skipped } = decideAll(subscribers, { t: yes, f: no, e: { kind: 'error', message: '' } });
        expect(matched.length + skipped.length).toBe(entries.length);
        const expected = ['a', 'b'].flatMap(workflow => {
          const first = entries.findIndex(one => one.workflow === workflow && one.filter === 't');
          return first === -1 ? [] : [first];
        });
        expect(matched.map(({ subscription }) => subscription.index).toSorted()).toEqual(expected.toSorted());
      }),
    );
  });
});

describe('skippedStatus', () => {
  it('given more than status holds, then all are counted and the first are named', () => {
    const skipped = Array.from({ length: 150 }, (_, index) => ({
      repository: `acme/${index}`,
      workflow: 'ci',
      reason: 'Schema' as const,
    }));
    const status = skippedStatus(skipped);
    expect(status.skippedCount).toBe(150);
    expect(status.skipped).toHaveLength(100);
    expect(status.skipped[99]?.repository).toBe('acme/99');
  });
});
