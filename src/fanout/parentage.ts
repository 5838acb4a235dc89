import type { RunReference } from '../api/takorun.ts';
import { isChildName } from './names.ts';
import { controllerUid, type ObjectIdentity, type RunObject } from './objects.ts';

/**
 * The run that started this one, as far as the run itself can be believed; undefined for one that a person created.
 *
 * Inside one namespace `spec.parent` and the controlling owner have to agree: the one only the operator may set, the other Kubernetes needs
 * for its garbage collection. A child in another namespace has no owner; what it has is the name that follows from its parent's UID, or
 * that of the tree (`childrenScope`), and its own content, so that nobody comes by another namespace's child by chance or by copying.
 */
export function startedBy(run: Pick<RunObject, 'metadata' | 'spec'>): RunReference | undefined {
  const { metadata, spec } = run;
  const parent = spec.parent?.run;
  if (parent === undefined) return undefined;
  if (parent.namespace === metadata.namespace) return controllerUid(run) === parent.uid ? parent : undefined;
  return hasPlannedName(run) ? parent : undefined;
}

/** Whether a run was started by this one. */
export function isChildOf(run: Pick<RunObject, 'metadata' | 'spec'>, parent: ObjectIdentity): boolean {
  const by = startedBy(run);
  return by !== undefined && by.uid === parent.uid && by.namespace === parent.namespace && by.name === parent.name;
}

/** Whether a run is in another namespace than `namespace`, that of the run which started it. */
export function isElsewhere(run: Pick<RunObject, 'metadata'>, namespace: string | undefined): boolean {
  return run.metadata.namespace !== namespace;
}

/** Whether a run ends only when its children have. Of the event of a step: also whether the run that sent it waits for it. */
export function waitsForChildren({ spec }: Pick<RunObject, 'spec'>): boolean {
  return spec.waitForChildren !== false;
}

function hasPlannedName({ metadata, spec }: Pick<RunObject, 'metadata' | 'spec'>): boolean {
  const { namespace, name } = metadata;
  const { workflow, parent, dedupe } = spec;
  if (workflow === undefined || parent === undefined || namespace === undefined || name === undefined) return false;
  // As `childrenScope` has it.
  const scope = dedupe === 'Tree' ? parent.root.uid : parent.run.uid;
  const { repositoryRef, inputs = {} } = workflow;
  return isChildName(name, scope, {
    namespace,
    repository: repositoryRef.name,
    workflow: workflow.name,
    inputs,
  });
}
