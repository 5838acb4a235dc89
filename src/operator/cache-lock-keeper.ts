import { type ObservedPod, projectPod } from '../controllers/run/observed.ts';
import { podState } from '../controllers/run/pod-state.ts';
import type { KubeClient } from '../kube/client.ts';
import { undefinedWhen } from '../kube/errors.ts';
import { keyOf, pods as podResource } from '../kube/objects.ts';
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
    async isGone({ namespace, name, uid }, signal) {
      const known = pods.get(keyOf({ namespace, name }));
      if (known !== undefined && known.metadata.uid === uid && !isOver(known)) return false;
      const pod = await undefinedWhen(client.get(podResource, { namespace, name }, { signal }), 'notFound');
      return pod === undefined || pod.metadata.uid !== uid || isOver(projectPod(pod));
    },
  });
  cacheLocks.subscribe(event => {
    keeper.leaseChanged(event.type === 'deleted' ? event.old.metadata : event.object.metadata);
  });
  pods.subscribe(event => {
    if (event.type === 'added') return;
    const { namespace = '', uid } = event.old.metadata;
    if (event.type === 'deleted' || (isOver(event.object) && !isOver(event.old))) keeper.podEnded({ namespace, uid });
  });
  return keeper;
}

/** Nothing of the agent runs any more. */
function isOver(pod: ObservedPod): boolean {
  const { kind } = podState(pod);
  return kind === 'finished' || kind === 'lost';
}
