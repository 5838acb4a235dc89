import { ANNOTATIONS } from '../../api/meta.ts';
import { takoRuns } from '../../api/resources.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { LiveRun } from './observed.ts';

export interface RetryOrder {
  readonly requestedAt: string;
  /** When what is retried ends at the latest, RFC 3339. */
  readonly deadline: string;
  readonly signal: AbortSignal;
}

/** Annotates a run below a retried one, for its own controller to take the retry up. Saying it twice changes nothing. */
export async function tellOfRetry(
  client: Pick<KubeClient, 'mergePatch'>,
  { namespace, name }: { readonly namespace: string; readonly name: string },
  { requestedAt, deadline, signal }: RetryOrder,
): Promise<LiveRun> {
  const annotations = { [ANNOTATIONS.retryAt]: requestedAt, [ANNOTATIONS.retryDeadline]: deadline };
  return await client.mergePatch(
    takoRuns,
    { namespace, name },
    { metadata: { annotations } },
    { signal, fieldManager: 'tako-operator-retry' },
  );
}
