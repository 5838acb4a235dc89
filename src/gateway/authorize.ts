import { isTerminal } from '../api/takorun-status.ts';
import type { Caller } from './app.ts';
import type { PodIdentity } from './authenticate.ts';
import { GatewayFailure } from './failure.ts';
import type { GatewayRuns } from './runs.ts';

/**
 * The run that a Pod works for: the one whose status names it as its last attempt. Nothing that a user can write to the Pod, such as labels or
 * ownerReferences, is looked at.
 *
 * Throws a `GatewayFailure`: 409 PodNotRecorded (again later: the Pod is faster than the status), 409 RunFinished, 403 otherwise.
 */
export function authorize({ namespace, pod }: PodIdentity, runs: Pick<GatewayRuns, 'findByPodUid'>): Caller {
  const context = runs.findByPodUid(pod.uid);
  if (context === undefined) {
    throw new GatewayFailure(409, 'PodNotRecorded', `no run names Pod ${namespace}/${pod.name} yet`, { retry: true });
  }
  const { metadata, status } = context.run;
  const where = `run ${metadata.namespace}/${metadata.name}`;
  if (metadata.namespace !== namespace) {
    throw new GatewayFailure(403, 'Forbidden', `${where} is not in the namespace of Pod ${namespace}/${pod.name}`);
  }
  if (isTerminal(status?.phase)) throw new GatewayFailure(409, 'RunFinished', `${where} ended as ${status?.phase}`);
  const [last] = [...(status?.attempts ?? [])].sort((one, other) => other.number - one.number);
  if (last?.podUID !== pod.uid) {
    throw new GatewayFailure(403, 'AttemptSuperseded', `${where} is at attempt ${last?.number}, in another Pod`);
  }
  // Its node may be cut off from the cluster, or it is slow to end: what it does does not count any more.
  if (last.completionTime !== undefined) {
    throw new GatewayFailure(403, 'AttemptSuperseded', `${where} has given attempt ${last.number} up`);
  }
  return { ...context, podName: pod.name, podUid: pod.uid };
}
