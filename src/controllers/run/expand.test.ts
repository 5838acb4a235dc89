import { afterAll, describe, expect, it } from 'vitest';
import { createEvaluator } from '../../evaluator/evaluator.ts';
import { MAX_DEPTH } from '../../fanout/lineage.ts';
import { RunConflictError } from '../../fanout/runner.ts';
import { buildSubscriberIndex } from '../../fanout/subscribers.ts';
import { buildRepository, buildSubscription, type RepositoryOptions } from '../../fanout/testing/builders.ts';
import { createMemoryRunner } from '../../fanout/testing/memory-runner.ts';
import { ApiError } from '../../kube/errors.ts';
import { createStore } from '../../kube/store.ts';
import { ChildRefusedError } from './child-refused.ts';
import { type ExpandContext, expandEvent } from './expand.ts';
import { inTree, RUN_INDEXES } from './indexes.ts';
import type { LiveRun } from './observed.ts';
import { CREATED, eventRun, repository } from './testing/builders.ts';
import { createTreeBudget } from './tree-budget.ts';

const evaluator = createEvaluator();
afterAll(() => evaluator.close());

function harness(subscribers: RepositoryOptions[] = [{ name: 'app-one' }, { name: 'app-two' }]) {
  const runner = createMemoryRunner();
  const runs = createStore<LiveRun>({ indexes: { [RUN_INDEXES.tree]: inTree } });
  const context: ExpandContext = {
    repositoriesBySlug: (namespace, slug) => (namespace === 'team' && slug === 'acme/core-lib' ? [repository()] : []),
    subscribers: buildSubscriberIndex(subscribers.map(buildRepository)),
    evaluator,
    emitter: async name => ({ name, labels: {} }),
    runner,
    budget: createTreeBudget(runs, 100),
    claim: async () => ({ kind: 'mine' }),
    peekClaim: async () => undefined,
    waitersOf: () => [],
  };
  const expand = (run: LiveRun = eventRun(), changes: Partial<ExpandContext> = {}) =>
    expandEvent(run, CREATED + 3_600_000, CREATED, { ...context, ...changes }, AbortSignal.timeout(10_000));
  return { runner, runs, expand };
}

describe('the expansion of an event', () => {
  it('given subscribers, then each gets a child, pinned and below the event', async () => {
    const { runner, expand } = harness();
    const expansion = await expand();
    expect(expansion).toMatchObject({ kind: 'expanded', subscribersFound: 2, skippedCount: 0, deduplicated: 0 });
    expect(runner.runs().map(({ manifest }) => manifest.spec.workflow)).toMatchObject([
      { repositoryRef: { name: 'app-one' }, name: 'ci', ref: 'a'.repeat(40) },
      { repositoryRef: { name: 'app-two' }, name: 'ci' },
    ]);
    expect(runner.runs()[0]?.manifest.spec.parent).toMatchObject({
      run: { name: 'release', uid: 'uid-release' },
      deadline: '2026-01-01T01:00:00Z',
    });
  });

  it('given a try that was cut off, when it is made again, then no child is there twice', async () => {
    const { runner, expand } = harness();
    await expand();
    await expand();
    expect(runner.runs()).toHaveLength(2);
  });

  it('given filters, then they decide, and what cannot be evaluated is told', async () => {
    const filtered = (name: string, filter: string): RepositoryOptions => ({
      name,
      subscriptions: [buildSubscription({ filters: [filter] })],
    });
    const { runner, expand } = harness([
      filtered('yes', 'payload.version == "1.4.0" && event_type == "library_built" && schema_version == "1.2.0"'),
      filtered('no', 'event.payload.version == "2.0.0"'),
      filtered('broken', 'payload.nothing.at.all'),
      filtered('text', 'payload.version'),
    ]);
    expect(await expand()).toMatchObject({
      kind: 'expanded',
      skippedCount: 3,
      skipped: expect.arrayContaining([
        expect.objectContaining({ repository: 'acme/no', reason: 'FilterFalse' }),
        expect.objectContaining({ repository: 'acme/broken', reason: 'FilterError' }),
        expect.objectContaining({
          repository: 'acme/text',
          reason: 'FilterError',
          message: expect.stringContaining('expected true or false'),
        }),
      ]),
    });
    expect(runner.runs().map(({ manifest }) => manifest.spec.workflow?.repositoryRef.name)).toEqual(['yes']);
  });

  it('given an event with an id, then filters see it', async () => {
    const subscriptions = [buildSubscription({ filters: ['event.id == "release-7"'] })];
    const { runner, expand } = harness([{ name: 'app', subscriptions }]);
    const { event } = eventRun().spec;
    await expand(eventRun({ spec: { event: { ...event!, id: 'release-7' } } }));
    expect(runner.runs()).toHaveLength(1);
  });

  const consenting = { name: 'app', namespace: 'apps', acceptEvents: { namespaces: { from: 'All' as const } } };

  it('given subscribers in another namespace, then one that consents gets a child there, and the others are counted', async () => {
    const { runner, expand } = harness([consenting, { name: 'unwilling', namespace: 'apps' }]);
    expect(await expand()).toMatchObject({ subscribersFound: 2, withoutConsent: 1, skippedCount: 0, skipped: [] });
    expect(runner.runs()).toMatchObject([
      {
        identity: { namespace: 'apps' },
        manifest: { spec: { workflow: { repositoryRef: { name: 'app' } }, parent: { run: { namespace: 'team' } } } },
      },
    ]);
    expect(runner.runs()[0]?.manifest.metadata.ownerReferences).toBeUndefined();
  });

  it('given a subscriber in another namespace that would close a cycle, then it is skipped with the path, and the others run', async () => {
    const { runner, expand } = harness([consenting, { name: 'app-one' }]);
    const ancestors = [{ repository: 'acme/app', workflow: 'ci' }];
    expect(await expand(eventRun({ parent: { ancestors } }))).toMatchObject({
      kind: 'expanded',
      skipped: [
        {
          repository: 'acme/app',
          reason: 'Cycle',
          message: expect.stringContaining('acme/app ci -> acme/app ci'),
        },
      ],
    });
    expect(runner.runs().map(({ identity }) => identity.namespace)).toEqual(['team']);
  });

  it.each([
    ['its quota is used up', 'quotaExceeded', 'its quota is used up'],
    ['a policy', 'forbidden', 'a policy forbids it'],
    ['being gone', 'notFound', 'the namespace is gone'],
    ['rules of its own', 'invalid', 'calls it invalid'],
    ['a run of that name', undefined, 'a run of its name is there already'],
  ] as const)(
    'given a namespace elsewhere that refuses a child for %s, then it is skipped, in words that tell nothing of that namespace',
    async (_, errorClass, text) => {
      const { runner, expand } = harness([consenting, { name: 'app-one' }]);
      const cause =
        errorClass === undefined
          ? new RunConflictError({ namespace: 'apps', name: 'x' })
          : new ApiError({ class: errorClass, code: 400, reason: 'x', message: 'internal-quota-of-apps: 7 of 7' });
      const start: ExpandContext['runner']['start'] = async (manifest, options) => {
        if (manifest.metadata.namespace === 'apps') throw new ChildRefusedError(manifest.metadata, cause);
        return await runner.start(manifest, options);
      };
      const expansion = await expand(eventRun(), { runner: { start, share: async () => true } });
      expect(expansion).toMatchObject({
        kind: 'expanded',
        children: [{ metadata: { namespace: 'team' } }],
        skippedCount: 1,
        skipped: [{ repository: 'acme/app', reason: 'Refused', message: expect.stringContaining(text) }],
      });
      expect(JSON.stringify(expansion)).not.toContain('internal-quota');
    },
  );

  it('given a child in its own namespace that is refused, then that is thrown', async () => {
    const { expand } = harness();
    const start: ExpandContext['runner']['start'] = async manifest => {
      throw new ChildRefusedError(manifest.metadata, new RunConflictError({ namespace: 'team', name: 'x' }));
    };
    await expect(expand(eventRun(), { runner: { start, share: async () => true } })).rejects.toBeInstanceOf(
      ChildRefusedError,
    );
  });

  it('given a dry run, then the plan is told and nothing is created', async () => {
    const { runner, expand } = harness();
    const expansion = await expand(eventRun({ spec: { dryRun: true } }));
    expect(expansion).toMatchObject({
      kind: 'planned',
      children: [{ slug: 'acme/app-one' }, { slug: 'acme/app-two' }],
    });
    expect(runner.runs()).toEqual([]);
  });

  it.each([
    [
      'is not in the namespace',
      () => [],
      'SourceNotFound',
      'there is no TakoRepository acme/core-lib in namespace team',
    ],
    [
      'is not ready',
      () => [repository({ status: { slug: 'acme/core-lib' } })],
      'SourceNotReady',
      'TakoRepository core-lib',
    ],
  ])('given a source that %s, then the event waits for it', async (_, repositoriesBySlug, reason, text) => {
    const { runner, expand } = harness();
    const expansion = await expand(eventRun(), { repositoriesBySlug });
    expect(expansion).toMatchObject({ kind: 'waiting', reason, message: expect.stringContaining(text) });
    expect(runner.runs()).toEqual([]);
  });

  it('given an artifact that the source does not have, then it fails and names those that it has', async () => {
    const { expand } = harness();
    const { event } = eventRun().spec;
    expect(await expand(eventRun({ spec: { event: { ...event!, source: 'acme/core-lib:docs' } } }))).toMatchObject({
      kind: 'failed',
      reason: 'ArtifactNotFound',
      message: 'acme/core-lib has no artifact "docs": it has core',
    });
  });

  it('given a payload that is too large, then it fails', async () => {
    const { expand } = harness();
    const { event } = eventRun().spec;
    const run = eventRun({ spec: { event: { ...event!, payload: 'x'.repeat(70_000) } } });
    expect(await expand(run)).toMatchObject({ kind: 'failed', reason: 'InvalidPayload' });
  });

  it('given a cycle, then it fails with the path and starts nothing', async () => {
    const { runner, expand } = harness();
    const ancestors = [{ repository: 'acme/app-one', workflow: 'ci' }];
    expect(await expand(eventRun({ parent: { ancestors } }))).toMatchObject({
      kind: 'failed',
      reason: 'CycleDetected',
      message: expect.stringContaining('acme/app-one ci -> acme/app-one ci'),
    });
    expect(runner.runs()).toEqual([]);
  });

  it('given a tree that is getting deep, then there is a warning', async () => {
    const { expand } = harness();
    const run = eventRun({ parent: { depth: MAX_DEPTH, step: 'emit' } });
    expect(await expand(run)).toMatchObject({
      kind: 'expanded',
      warnings: [{ type: 'DeepTree', message: expect.stringContaining(`level ${MAX_DEPTH}`) }],
    });
  });

  it('given an event that is idempotent, then it goes out only when it is the claim of its run', async () => {
    const { runner, expand } = harness();
    const run = eventRun({ spec: { idempotent: true } });
    const of = { name: 'first', phase: 'Waiting', expanded: true } as const;
    const first = eventRun({ name: 'first', spec: { idempotent: true } });
    const duplicate = async () => ({ kind: 'duplicate', of, run: first }) as const;
    expect(await expand(run, { claim: duplicate })).toEqual({ kind: 'duplicate', of });
    expect(runner.runs()).toEqual([]);
    const refused = async () => ({ kind: 'refused', message: 'no leases here' }) as const;
    expect(await expand(run, { claim: refused })).toMatchObject({ kind: 'waiting', reason: 'ClaimRefused' });
    const waitersOf = () => [first];
    expect(await expand(run, { claim: duplicate, waitersOf })).toMatchObject({
      kind: 'failed',
      reason: 'CycleDetected',
      message: expect.stringContaining('TakoRun first -> TakoRun release'),
    });
    expect(await expand(run)).toMatchObject({ kind: 'expanded' });
  });

  it('given an event that is not idempotent, or a dry run, then nothing is claimed', async () => {
    const { expand } = harness();
    const claim = async () => {
      throw new Error('nothing is to be claimed');
    };
    expect(await expand(eventRun(), { claim })).toMatchObject({ kind: 'expanded' });
    const peekClaim = async () => ({ name: 'first', phase: undefined, expanded: false });
    const dryRun = eventRun({ spec: { idempotent: true, dryRun: true } });
    expect(await expand(dryRun, { claim, peekClaim })).toMatchObject({ kind: 'planned', duplicateOf: 'first' });
  });

  it('given dedupe: Tree and children that another event has started, then it only notes that it waits for them', async () => {
    const { runner, expand } = harness();
    const tree = (name: string, spec = {}) =>
      eventRun({ name, spec: { dedupe: 'Tree', ...spec }, parent: { step: 'emit' } });
    expect(await expand(tree('one'))).toMatchObject({ kind: 'expanded', children: [{}, {}], shared: [] });
    const second = await expand(tree('two'));
    expect(second).toMatchObject({ kind: 'expanded', children: [], shared: [{}, {}] });
    expect(await expand(tree('two'))).toEqual(second);
    expect(await expand(tree('three', { waitForChildren: false }))).toMatchObject({ children: [], shared: [{}, {}] });
    expect(runner.runs().map(({ waiters }) => waiters.map(({ name }) => name))).toEqual([['two'], ['two']]);
  });

  it('given a shared child elsewhere that takes no note of who waits for it, then it is skipped', async () => {
    const { runner, expand } = harness([consenting]);
    const tree = (name: string) => eventRun({ name, spec: { dedupe: 'Tree' }, parent: { step: 'emit' } });
    await expand(tree('one'));
    const share: ExpandContext['runner']['share'] = async child => {
      throw new ChildRefusedError(
        child,
        new ApiError({ class: 'invalid', code: 422, reason: 'x', message: 'too long' }),
      );
    };
    expect(await expand(tree('two'), { runner: { start: runner.start, share } })).toMatchObject({
      children: [],
      shared: [],
      skipped: [{ reason: 'Refused' }],
    });
  });

  it('given a tree that would grow over its budget, then it fails with the counts and starts nothing', async () => {
    const { runner, expand } = harness(Array.from({ length: 101 }, (_, index) => ({ name: `app-${index}` })));
    expect(await expand()).toMatchObject({
      kind: 'failed',
      reason: 'TreeBudgetExceeded',
      message: expect.stringMatching(/has 0 runs, and this event would add 101: a tree has at most 100/),
    });
    expect(runner.runs()).toEqual([]);
    const dryRun = await expand(eventRun({ spec: { dryRun: true } }));
    expect(dryRun).toMatchObject({ kind: 'failed', reason: 'TreeBudgetExceeded' });
  });

  it('given a tree that gets near its budget, then there is a warning', async () => {
    const { expand } = harness(Array.from({ length: 80 }, (_, index) => ({ name: `app-${index}` })));
    expect(await expand()).toMatchObject({
      kind: 'expanded',
      warnings: [{ type: 'LargeTree', message: expect.stringContaining('80 runs of at most 100') }],
    });
  });

  it('given a child that cannot be created, then that is thrown once those under way have ended, and no more are begun', async () => {
    const subscribers = Array.from({ length: 100 }, (_, index) => ({ name: `app-${index}` }));
    const { expand } = harness(subscribers);
    let begun = 0;
    let under = 0;
    const start = async () => {
      begun += 1;
      under += 1;
      await new Promise(resolve => setImmediate(resolve));
      under -= 1;
      throw new RunConflictError({ namespace: 'team', name: 'taken' });
    };
    await expect(expand(eventRun(), { runner: { start, share: async () => true } })).rejects.toBeInstanceOf(
      RunConflictError,
    );
    expect(under).toBe(0);
    expect(begun).toBeLessThan(100);
  });
});
