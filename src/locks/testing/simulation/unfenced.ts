import { ANNOTATIONS } from '../../../api/meta.ts';
import type { LockKeeper } from '../../keeper.ts';
import { lockName } from '../../lease.ts';
import type { LockState } from '../../types.ts';
import type { MemoryLeases } from '../memory-leases.ts';

/** Keepers that let whoever once was a writer publish, as a lock without fencing would. */
export function unfenced(): (keeper: LockKeeper, leases: MemoryLeases) => LockKeeper {
  const fences = new Map<string, number>();
  return (keeper, leases) => ({
    ...keeper,
    acquire: async (request, call) => {
      const answer = await keeper.acquire(request, call);
      if (answer.state === 'granted') fences.set(request.id, answer.fence);
      return answer;
    },
    publish: async (request, call) => {
      const answer = await keeper.publish(request, call);
      const { namespace, url, id, commits, bytes } = request;
      const lease = leases.get(`${namespace}/${lockName(url)}`);
      const fence = fences.get(id);
      if (answer.held || lease === undefined || fence === undefined) return answer;
      const state = JSON.parse(lease.metadata.annotations![ANNOTATIONS.lock]!) as LockState;
      const published = { fence, commits, bytes, at: state.used };
      const annotation = JSON.stringify({ ...state, published });
      leases.put({ ...lease, metadata: { ...lease.metadata, annotations: { [ANNOTATIONS.lock]: annotation } } });
      return { held: true, published };
    },
  });
}
