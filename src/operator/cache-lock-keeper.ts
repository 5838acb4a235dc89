import { agentIsOver, isPodGone } from '../controllers/cache/pod-gone.ts';
import type { ObservedPod } from '../controllers/run/observed.ts';
import type { KubeClient } from '../kube/client.ts';
import { keyOf } from '../kube/objects.ts';
import type { ReadonlyStore, Stored } from '../kube/store.ts';
import { createLockKeeper, type LockKeeper, type LockKeeperOptions } from '../locks/keeper.ts';

export interface CacheLockKeeperOptions extends Omit<LockKeeperOptions, 'client' | 'isGone'> {
  readonly client: Pick<KubeClient, 'get' | 'create' | 'replace'>;
  readonly pods: ReadonlyStore<ObservedPod>;
  /** The Leases that are locks of cache entries. */
  readonly cacheLocks: ReadonlyStore<Stored>;
}

/**
 * The locks of cache entries as this replica's gateway gives them out. The stores only wake it: that a Pod is over, and what a Lease says, it
 * believes the API server alone.
 */
export function createCacheLockKeeper({ pods, cacheLocks, ...options }: CacheLockKeeperOptions): LockKeeper {
  const { client } = options;
  const keeper = createLockKeeper({
    ...options,
    async isGone(pod, signal) {
      const known = pods.get(keyOf(pod));
      if (known !== undefined && known.metadata.uid === pod.uid && !agentIsOver(known)) return false;
      return await isPodGone(client, pod, signal);
    },
  });
  cacheLocks.subscribe(event => {
    keeper.leaseChanged(event.type === 'deleted' ? event.old.metadata : event.object.metadata);
  });
  pods.subscribe(event => {
    if (event.type === 'added') return;
    const { namespace = '', uid } = event.old.metadata;
    if (event.type === 'deleted' || (agentIsOver(event.object) && !agentIsOver(event.old)))
      keeper.podEnded({ namespace, uid });
  });
  return keeper;
}
