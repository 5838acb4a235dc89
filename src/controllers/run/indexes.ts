import type { LiveRun } from './observed.ts';

/** Names of the indexes that the run controller needs on its stores. */
export const RUN_INDEXES = {
  /** Runs by the UID of the run that controls them. */
  owner: 'owner',
  /** Runs by the UID of a Pod of theirs. */
  podUid: 'podUid',
  /** Workflow runs by the UID of the root of their tree, which is not among them. */
  tree: 'tree',
} as const;
export const POD_INDEXES = {
  /** Pods by the key of the TakoRun that controls them. */
  run: 'run',
} as const;

/** The index `tree`. Events are transparent: they are no runs that a tree is counted by. */
export function inTree({ spec }: LiveRun): readonly string[] {
  return spec.workflow === undefined || spec.parent === undefined ? [] : [spec.parent.root.uid];
}
