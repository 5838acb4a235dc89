import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { takoRunSpecSchema } from '../api/takorun.ts';
import { childRun, childrenScope, planChildren } from './children.ts';
import { buildEventRun, buildSubscriber, buildSubscription } from './testing/builders.ts';

const now = Date.parse('2026-01-01T00:00:00Z');

function resolve(slug: string, workflow = 'ci', inputs: Record<string, string> = {}, changes = {}) {
  const repository = slug.slice(slug.indexOf('/') + 1);
  return {
    subscriber: buildSubscriber({ slug, repository, subscription: buildSubscription({ workflow }), ...changes }),
    inputs,
  };
}

describe('planChildren', () => {
  it('given subscribers in any order, then the children are sorted and the same', () => {
    const resolved = [
      resolve('acme/b'),
      resolve('acme/a', 'deploy'),
      resolve('acme/a', 'ci', { v: '2' }, { repository: 'second' }),
      resolve('acme/a', 'ci', { v: '1' }),
      resolve('acme/a', 'ci', { v: '1' }, { namespace: 'apps' }),
    ];
    const { children } = planChildren('1', resolved);
    expect(
      children.map(({ slug, namespace, repository, workflow }) => [slug, namespace, repository, workflow]),
    ).toEqual([
      ['acme/a', 'apps', 'a', 'ci'],
      ['acme/a', 'team', 'a', 'ci'],
      ['acme/a', 'team', 'a', 'deploy'],
      ['acme/a', 'team', 'second', 'ci'],
      ['acme/b', 'team', 'b', 'ci'],
    ]);
    expect(planChildren('1', resolved.toReversed())).toEqual({ children, deduplicated: 0 });
  });

  it('given two TakoRepositories of one repository at one commit, then equal work is done once, by the first', () => {
    const twin = resolve('acme/a', 'ci', { v: '1' }, { repository: 'z-twin' });
    const { children, deduplicated } = planChildren('1', [twin, resolve('acme/a', 'ci', { v: '1' })]);
    expect(deduplicated).toBe(1);
    expect(children.map(({ repository }) => repository)).toEqual(['a']);
  });

  it.each([
    ['another commit', { revision: 'b'.repeat(40) }, { v: '1' }],
    ['another namespace', { namespace: 'apps' }, { v: '1' }],
    ['other inputs', {}, { v: '2' }],
  ])('given two TakoRepositories of one repository and %s, then both run', (_what, change, inputs) => {
    const twin = resolve('acme/a', 'ci', inputs, { repository: 'twin', ...change });
    expect(planChildren('1', [resolve('acme/a', 'ci', { v: '1' }), twin])).toMatchObject({ deduplicated: 0 });
  });

  it('given any subscribers, then each is a child or left out as equal, and the names of the children differ', () => {
    const one = fc.record({
      name: fc.constantFrom('a', 'b'),
      slug: fc.constantFrom('acme/x', 'acme/y'),
      namespace: fc.constantFrom('one', 'two'),
      workflow: fc.constantFrom('ci', 'deploy'),
      revision: fc.constantFrom('1', '2'),
      inputs: fc.dictionary(fc.constantFrom('v', 'w'), fc.constantFrom('1', '2')),
    });
    const list = fc.uniqueArray(one, {
      selector: ({ namespace, name, workflow }) => `${namespace} ${name} ${workflow}`,
      maxLength: 8,
    });
    fc.assert(
      fc.property(list, entries => {
        const resolved = entries.map(({ name, slug, workflow, inputs, ...rest }) =>
          resolve(slug, workflow, inputs, { repository: name, ...rest }),
        );
        const { children, deduplicated } = planChildren('1', resolved);
        expect(children.length + deduplicated).toBe(entries.length);
        expect(new Set(children.map(({ name }) => name)).size).toBe(children.length);
        expect(planChildren('1', resolved.toReversed()).children).toEqual(children);
      }),
    );
  });

  it('given a subscriber without a revision, then it throws, for match leaves those out', () => {
    expect(() => planChildren('1', [resolve('acme/a', 'ci', {}, { revision: undefined })])).toThrow(
      'expected a revision',
    );
  });
});

describe('childrenScope', () => {
  it('given an event, then its children are its own; given dedupe: Tree, then they are those of its tree', () => {
    const one = buildEventRun({ name: 'one', parent: { step: 'emit' } });
    const tree = (name: string, uid = 'uid-root') =>
      buildEventRun({
        name,
        spec: { dedupe: 'Tree' },
        parent: { step: 'emit', root: { namespace: 'team', name: 'root', uid } },
      });
    expect(childrenScope(one)).toBe('uid-one');
    expect(childrenScope(buildEventRun({ name: 'top', spec: { dedupe: 'Tree' } }))).toBe('uid-top');
    expect(childrenScope(tree('one'))).toBe(childrenScope(tree('two')));
    expect(childrenScope(tree('one'))).not.toBe(childrenScope(tree('one', 'uid-other')));
  });
});

describe('childRun', () => {
  const [child] = planChildren('uid-release', [resolve('acme/app-one', 'ci', { version: '1.4.0' })]).children;

  it('given a root event, then the child is pinned, owned by it and placed below it', () => {
    const run = childRun(buildEventRun(), child!, { now, deadlineMs: now + 3_600_500 });
    expect(run).toEqual({
      apiVersion: 'tako.dev/v1alpha1',
      kind: 'TakoRun',
      metadata: {
        name: child!.name,
        namespace: 'team',
        labels: {
          'tako.dev/run-uid': 'uid-release',
          'tako.dev/root-uid': 'uid-release',
          'app.kubernetes.io/managed-by': 'tako',
        },
        ownerReferences: [
          {
            apiVersion: 'tako.dev/v1alpha1',
            kind: 'TakoRun',
            name: 'release',
            uid: 'uid-release',
            controller: true,
            blockOwnerDeletion: true,
          },
        ],
      },
      spec: {
        workflow: { repositoryRef: { name: 'app-one' }, name: 'ci', ref: 'a'.repeat(40), inputs: { version: '1.4.0' } },
        parent: {
          run: { namespace: 'team', name: 'release', uid: 'uid-release' },
          root: { namespace: 'team', name: 'release', uid: 'uid-release' },
          depth: 1,
          deadline: '2026-01-01T01:00:00Z',
          ancestors: [],
        },
      },
    });
    expect(takoRunSpecSchema.safeParse(run.spec).success).toBe(true);
  });

  it('given an event of a fan-out step, then the child has its root, its ancestors and its level', () => {
    const ancestors = [{ repository: 'acme/core-lib', workflow: 'release' }];
    const parent = buildEventRun({ parent: { depth: 3, step: 'publish', ancestors } });
    const run = childRun(parent, child!, { now });
    expect(run.spec.parent).toMatchObject({ depth: 3, root: { uid: 'uid-root' }, ancestors });
    expect(run.spec.parent).not.toHaveProperty('deadline');
    expect(run.metadata.labels['tako.dev/root-uid']).toBe('uid-root');
  });

  it('given a child in another namespace, then no owner is set, which Kubernetes would take for a missing one', () => {
    const run = childRun(buildEventRun(), { ...child!, namespace: 'apps' }, { now });
    expect(run.metadata).not.toHaveProperty('ownerReferences');
    expect(run.metadata.labels['tako.dev/run-uid']).toBe('uid-release');
    expect(run.spec.parent?.run.namespace).toBe('team');
  });

  it('given no inputs, then the field is absent', () => {
    expect(childRun(buildEventRun(), { ...child!, inputs: {} }, { now }).spec.workflow).not.toHaveProperty('inputs');
  });

  it.each([
    ['30m', 3_600_000, '30m'],
    ['2h', 3_600_000, '1h'],
    ['2h', undefined, '2h'],
    ['2h', -5_000, '1s'],
    ['0s', 3_600_000, undefined],
    [undefined, 3_600_000, undefined],
  ])('given a childTimeout of %s and %s ms left, then the limit is %s', (childTimeout, left, timeout) => {
    const parent = buildEventRun({ spec: { childTimeout } });
    const deadlineMs = left === undefined ? undefined : now + left;
    expect(childRun(parent, child!, { now, deadlineMs }).spec.timeout).toBe(timeout);
  });

  it('given what the tree shares, then the child has it', () => {
    const shared = {
      dedupe: 'Tree',
      childTimeout: '1h',
      queueTimeout: '10m',
      childrenTTL: '1h',
      retry: { limit: 1 },
    } as const;
    const parent = buildEventRun({ spec: { ...shared, concurrencyLimit: 2, waitForChildren: true, cancel: true } });
    const { parent: _, workflow, timeout, ...rest } = childRun(parent, child!, { now }).spec;
    expect(rest).toEqual(shared);
  });
});
