import type { TakoRunStatus } from '../../api/takorun-status.ts';
import type { TreeWarning } from '../../fanout/tree-warnings.ts';
import type { Pod } from '../../kube/objects.ts';
import type { Verdict } from './conditions.ts';

/** A change to the cluster. All are idempotent: after a crash they are planned and done again. */
export type Action =
  | { readonly kind: 'createPod'; readonly pod: Pod }
  /** Makes the volume claim of the namespace's cache, for the Pod that is created next. */
  | { readonly kind: 'createCacheClaim' }
  /** Lets the Pods of the namespace go without the cache for a while, and says why. */
  | { readonly kind: 'avoidCache'; readonly message: string }
  /** `graceSeconds` absent: the Pod's own grace period. */
  | { readonly kind: 'deletePod'; readonly name: string; readonly uid: string; readonly graceSeconds?: number }
  /** Ends a Pod's containers and leaves the Pod, for its logs. */
  | { readonly kind: 'stopPod'; readonly name: string; readonly uid: string }
  /** Drops the tracking finalizer, after the outcome is in the status. */
  | { readonly kind: 'releasePod'; readonly name: string; readonly uid: string; readonly finalizers: readonly string[] }
  | { readonly kind: 'cancelRun'; readonly namespace: string; readonly name: string }
  /** Tells a finished run below a retried one to be retried too. */
  | {
      readonly kind: 'retryRun';
      readonly namespace: string;
      readonly name: string;
      readonly requestedAt: string;
      /** RFC 3339. */
      readonly deadline: string;
    }
  | { readonly kind: 'deleteRun'; readonly namespace: string; readonly name: string; readonly uid: string }
  /** Those in the namespace of the run. */
  | { readonly kind: 'deleteChildren' }
  /** Drops the finalizer that keeps the run until its children in other namespaces are gone. */
  | { readonly kind: 'releaseRun'; readonly finalizers: readonly string[] };

export interface EventIntent {
  readonly type: 'Normal' | 'Warning';
  /** Same word as the condition's reason. */
  readonly reason: string;
  readonly message: string;
}

/** What a planner wants: in this order before, status, after, events. */
export interface Decision {
  readonly before: readonly Action[];
  /** The status without conditions and generation, which follow from `verdict`. Absent: leave the status alone. */
  readonly status?: Omit<TakoRunStatus, 'conditions' | 'observedGeneration' | 'phase' | 'message'>;
  readonly verdict?: Verdict;
  /** Conditions to add; those that are there stay. */
  readonly warnings?: readonly TreeWarning[];
  readonly after: readonly Action[];
  readonly events: readonly EventIntent[];
  readonly requeueAfterMs?: number | undefined;
}

export const NOTHING: Decision = { before: [], after: [], events: [] };
