import type { ReadonlyStore } from '../../kube/store.ts';
import type { ObservedPod } from './observed.ts';

/** Pods whose finalizer was taken off, until the store shows it: a second patch would only be refused. */
export interface ReleasedPods {
  has(uid: string): boolean;
  add(uid: string): void;
}

export function createReleasedPods(pods: ReadonlyStore<ObservedPod>): ReleasedPods {
  const uids = new Set<string>();
  pods.subscribe(event => {
    const pod = event.type === 'deleted' ? event.old : event.object;
    if (event.type === 'deleted' || (pod.metadata.finalizers ?? []).length === 0) uids.delete(pod.metadata.uid);
  });
  return { has: uid => uids.has(uid), add: uid => void uids.add(uid) };
}
