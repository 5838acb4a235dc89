import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { childRun, childrenScope, planChildren } from './children.ts';
import type { RunObject } from './objects.ts';
import { isChildOf, startedBy, waitsForChildren } from './parentage.ts';
import { buildEventRun, buildSubscriber, buildWorkflowRun } from './testing/builders.ts';

const event = buildEventRun();
const parent = { namespace: 'team', name: 'release', uid: 'uid-release' };
const now = Date.parse('2026-01-01T00:00:00Z');

function childIn(namespace: string, inputs: Record<string, string> = { version: '1.4.0' }): RunObject {
  const [child] = planChildren(parent.uid, [{ subscriber: buildSubscriber({ namespace }), inputs }]).children;
  return childRun(event, child!, { now });
}

describe('who started a run', () => {
  it('given a run that a person created, then nobody did', () => {
    expect(startedBy(buildWorkflowRun())).toBeUndefined();
  });

  it.each(['team', 'apps'])('given a child in namespace %s, then its parent did, and no other run', namespace => {
    expect(startedBy(childIn(namespace))).toEqual(parent);
    expect(isChildOf(childIn(namespace), parent)).toBe(true);
    expect(isChildOf(childIn(namespace), { ...parent, uid: 'other' })).toBe(false);
    expect(isChildOf(childIn(namespace), { ...parent, namespace: 'apps' })).toBe(false);
  });

  const owner = (uid: string, controller = true) => [
    { apiVersion: 'tako.dev/v1alpha1', kind: 'TakoRun', name: 'release', uid, controller },
  ];

  it.each([
    ['an owner and no spec.parent', undefined, owner(parent.uid)],
    ['spec.parent and no owner', { run: parent }, undefined],
    ['spec.parent and another owner', { run: parent }, owner('other')],
    ['spec.parent and an owner that does not control it', { run: parent }, owner(parent.uid, false)],
    ['spec.parent of another run than its owner', { run: { ...parent, uid: 'other' } }, owner(parent.uid)],
  ])('given a run of the same namespace with %s, then nobody did', (_, claimed, ownerReferences) => {
    const { metadata, ...run } = buildWorkflowRun({ ...(claimed && { parent: claimed }) });
    const { ownerReferences: _owners, ...rest } = metadata;
    expect(startedBy({ ...run, metadata: { ...rest, ...(ownerReferences && { ownerReferences }) } })).toBeUndefined();
  });

  it('given a run of another namespace whose name does not follow from its parent and content, then nobody did', () => {
    const child = childIn('apps');
    const changes: RunObject[] = [
      { ...child, metadata: { ...child.metadata, name: 'mine' } },
      { ...child, metadata: { ...child.metadata, namespace: 'other' } },
      { ...child, spec: { ...child.spec, workflow: { ...child.spec.workflow!, name: 'print-secrets' } } },
      { ...child, spec: { ...child.spec, workflow: { ...child.spec.workflow!, inputs: { version: '2' } } } },
      { ...child, spec: { ...child.spec, parent: { ...child.spec.parent!, run: { ...parent, uid: 'other' } } } },
    ];
    for (const changed of changes) expect(startedBy(changed)).toBeUndefined();
    expect(startedBy(buildEventRun({ namespace: 'apps', parent: { run: parent } }))).toBeUndefined();
  });

  it('given a tree with dedupe: Tree, then the name has to follow from its root', () => {
    const tree = buildEventRun({ spec: { dedupe: 'Tree' }, parent: { step: 'emit' } });
    const resolved = [{ subscriber: buildSubscriber({ namespace: 'apps' }), inputs: {} }];
    const [child] = planChildren(childrenScope(tree), resolved).children;
    const run = childRun(tree, child!, { now });
    expect(startedBy(run)).toEqual(parent);
    const root = { ...run.spec.parent!.root, uid: 'uid-other' };
    expect(startedBy({ ...run, spec: { ...run.spec, parent: { ...run.spec.parent!, root } } })).toBeUndefined();
    expect(startedBy({ ...run, spec: { ...run.spec, dedupe: 'Event' } })).toBeUndefined();
  });

  it('given any planned child, then it is believed, in whatever namespace', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('team', 'apps', 'x'),
        fc.dictionary(fc.string({ maxLength: 8 }), fc.string({ maxLength: 8 }), { maxKeys: 4 }),
        (namespace, inputs) => {
          expect(startedBy(childIn(namespace, inputs))).toEqual(parent);
        },
      ),
    );
  });
});

describe('whether a run waits for its children', () => {
  it.each([
    [undefined, true],
    [true, true],
    [false, false],
  ])('given waitForChildren: %s, then it is %s', (waitForChildren, expected) => {
    const spec = waitForChildren === undefined ? {} : { waitForChildren };
    expect(waitsForChildren(buildEventRun({ spec }))).toBe(expected);
  });
});
