import type { ObjectIdentity } from '../../fanout/objects.ts';
import type { KubeClient } from '../../kube/client.ts';
import { undefinedWhen } from '../../kube/errors.ts';
import { pods } from '../../kube/objects.ts';
import { type ObservedPod, projectPod } from '../run/observed.ts';
import { podState } from '../run/pod-state.ts';

/** Nothing of the agent runs any more, whatever other containers of the Pod do: its locks protect nothing. */
export function agentIsOver(pod: ObservedPod): boolean {
  const { kind } = podState(pod);
  return kind === 'finished' || kind === 'lost';
}

/**
 * Whether a Pod that holds locks is not there any more, has made room for another one of its name, or its agent is over: by the word of the API
 * server. Throws its ApiError when it does not say.
 */
export async function isPodGone(
  client: Pick<KubeClient, 'get'>,
  { namespace, name, uid }: ObjectIdentity,
  signal: AbortSignal,
): Promise<boolean> {
  const pod = await undefinedWhen(client.get(pods, { namespace, name }, { signal }), 'notFound');
  return pod === undefined || pod.metadata.uid !== uid || agentIsOver(projectPod(pod));
}
