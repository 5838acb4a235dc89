import { describe, expect, it } from 'vitest';
import type { RunObject } from './objects.ts';
import { awaitedBy, awaitersOf, isShared } from './shared.ts';
import { buildWorkflowRun } from './testing/builders.ts';

const root = (name: string) => ({ namespace: 'team', name, uid: `uid-${name}` });
/** A child of an event run of that tree; Kubernetes knows its owner. */
function child(tree: string, dedupe?: 'Tree' | 'Event'): RunObject {
  const run = buildWorkflowRun({
    parent: { run: root('emit'), root: root(tree) },
    ...(dedupe === undefined ? {} : { spec: { dedupe } }),
  });
  const owner = { apiVersion: 'tako.dev/v1alpha1', kind: 'TakoRun', ...root('emit'), controller: true };
  return { ...run, metadata: { ...run.metadata, ownerReferences: [owner] } };
}

describe('a shared run', () => {
  it("given dedupe: Tree on both and one root, then it is; otherwise the name is somebody else's", () => {
    expect(isShared(child('one', 'Tree'), child('one', 'Tree'))).toBe(true);
    expect(isShared(child('two', 'Tree'), child('one', 'Tree'))).toBe(false);
    expect(isShared(child('one', 'Event'), child('one', 'Tree'))).toBe(false);
    expect(isShared(child('one', 'Tree'), child('one'))).toBe(false);
    expect(isShared(buildWorkflowRun({ spec: { dedupe: 'Tree' } }), child('one', 'Tree'))).toBe(false);
    const { metadata, ...rest } = child('one', 'Tree');
    const unowned = { ...rest, metadata: { ...metadata, ownerReferences: [] } };
    expect(isShared(unowned, child('one', 'Tree'))).toBe(false);
  });

  it('given who waits, then that is read back from its annotations, and from no others', () => {
    const annotations = { ...awaitedBy(root('one')), ...awaitedBy(root('two')), 'tako.dev/other': 'x' };
    expect(awaitersOf({ metadata: { annotations } })).toEqual([
      { uid: 'uid-one', key: 'team/one' },
      { uid: 'uid-two', key: 'team/two' },
    ]);
    expect(awaitersOf({ metadata: {} })).toEqual([]);
  });
});
