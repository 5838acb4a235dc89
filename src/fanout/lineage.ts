import type { RunParent, RunReference } from '../api/takorun.ts';
import { type RunObject, runIdentity } from './objects.ts';

/** How many levels of workflow runs a tree may have below its root. Deeper is a loop that no cycle check sees. */
export const MAX_DEPTH = 10;
/** From this level on a run is warned about. */
export const WARN_DEPTH = 7;

/** A workflow on the way from the root. */
export type Ancestor = NonNullable<RunParent['ancestors']>[number];

export type LineageResult =
  | { readonly ok: true; readonly warning?: string }
  | { readonly ok: false; readonly reason: 'DepthExceeded' | 'CycleDetected'; readonly message: string };

/**
 * Level of a run below its root, which is at 0.
 *
 * Levels count workflow runs. The event run that a fan-out step creates stands between two of them and is at the level of the children that
 * it will have.
 */
export function depthOf(run: Pick<RunObject, 'spec'>): number {
  return run.spec.parent?.depth ?? 0;
}

/** Level of the children of an event run. */
export function childDepth(parent: Pick<RunObject, 'spec'>): number {
  return parent.spec.parent?.step === undefined ? depthOf(parent) + 1 : depthOf(parent);
}

/** The run at the top of the tree, for `spec.parent.root` of what this run creates. */
export function rootOf(run: Pick<RunObject, 'metadata' | 'spec'>): RunReference {
  return run.spec.parent?.root ?? runIdentity(run);
}

/** The workflows above what this run creates: those above itself, and for a workflow run (of the repository `slug`) itself. */
export function ancestorsBelow(run: Pick<RunObject, 'spec'>, slug?: string): Ancestor[] {
  const above = run.spec.parent?.ancestors ?? [];
  const { workflow } = run.spec;
  return workflow === undefined || slug === undefined
    ? above
    : [...above, { repository: slug, workflow: workflow.name }];
}

/** Whether a tree may have runs at this level, `ancestors` being those above them. */
export function checkDepth(depth: number, ancestors: readonly Ancestor[]): LineageResult {
  if (depth > MAX_DEPTH) {
    return {
      ok: false,
      reason: 'DepthExceeded',
      message: `a tree of runs has at most ${MAX_DEPTH} levels, and this would be level ${depth}: ${pathText(ancestors)}`,
    };
  }
  if (depth < WARN_DEPTH) return { ok: true };
  return { ok: true, warning: `level ${depth} of at most ${MAX_DEPTH}: ${pathText(ancestors)}` };
}

/** What of a planned child counts here. */
export interface Descendant {
  /** owner/repo */
  readonly slug: string;
  readonly workflow: string;
}

/**
 * Whether an event run may have these children: not below `MAX_DEPTH`, and none the same workflow of the same repository as one of its
 * ancestors. One child that may not be refuses all: a cycle is an error in the repositories' files, and half a fan-out would hide it.
 */
export function checkLineage(parent: Pick<RunObject, 'spec'>, children: readonly Descendant[]): LineageResult {
  for (const child of children) {
    const message = cycleMessage(parent, child);
    if (message !== undefined) return { ok: false, reason: 'CycleDetected', message };
  }
  return children.length === 0 ? { ok: true } : checkDepth(childDepth(parent), ancestorsBelow(parent));
}

/**
 * Takes those children out that are in other namespaces and would close a cycle. There a slug is whatever its namespace says: were all
 * refused for one of them, everybody who subscribes could keep an event from going out.
 */
export function withoutCyclesElsewhere<Child extends Descendant & { readonly namespace: string }>(
  parent: Pick<RunObject, 'metadata' | 'spec'>,
  children: readonly Child[],
): { readonly children: readonly Child[]; readonly cycles: readonly { child: Child; message: string }[] } {
  const cycles = children.flatMap(child => {
    const message = child.namespace === parent.metadata.namespace ? undefined : cycleMessage(parent, child);
    return message === undefined ? [] : [{ child, message }];
  });
  const isOut = new Set(cycles.map(({ child }) => child));
  return { children: children.filter(child => !isOut.has(child)), cycles };
}

/** What is wrong with a child that is the same workflow of the same repository as a run above it. */
function cycleMessage(parent: Pick<RunObject, 'spec'>, child: Descendant): string | undefined {
  const ancestors = ancestorsBelow(parent);
  const start = ancestors.findIndex(
    ancestor => ancestor.repository === child.slug && ancestor.workflow === child.workflow,
  );
  if (start === -1) return undefined;
  const cycle = [...ancestors.slice(start), { repository: child.slug, workflow: child.workflow }];
  return `a workflow would start itself again: ${pathText(cycle)}; change a subscription or its filters so that the chain ends`;
}

function pathText(path: readonly Ancestor[]): string {
  if (path.length === 0) return 'the root';
  return path.map(({ repository, workflow }) => `${repository} ${workflow}`).join(' -> ');
}
