import type { TakoRun } from '../../api/resources.ts';
import { takoRuns } from '../../api/resources.ts';
import { isTerminal } from '../../api/takorun-status.ts';
import { type ObjectIdentity, runIdentity } from '../../fanout/objects.ts';
import { isChildOf } from '../../fanout/parentage.ts';
import { RunConflictError, type WorkflowRunner } from '../../fanout/runner.ts';
import { awaitedBy, isShared } from '../../fanout/shared.ts';
import { childState } from '../../fanout/summary.ts';
import type { KubeClient } from '../../kube/client.ts';
import { isApiError, undefinedWhen } from '../../kube/errors.ts';

/** The production runner: a run is a TakoRun object, and its controller does the rest. */
export function createTakoRunRunner(client: Pick<KubeClient, 'get' | 'create' | 'mergePatch'>): WorkflowRunner {
  return {
    async start(manifest, { signal } = {}) {
      try {
        const created = await client.create(takoRuns, manifest as TakoRun, { signal });
        return { identity: runIdentity(created), created: true, shared: false };
      } catch (error) {
        if (!isApiError(error, 'alreadyExists')) throw error;
        const { namespace, name } = manifest.metadata;
        const found = await client.get(takoRuns, { namespace, name }, { signal });
        const shared = !isChildOf(found, manifest.spec.parent?.run as ObjectIdentity);
        if (shared && !isShared(found, manifest)) throw new RunConflictError({ namespace, name });
        return { identity: runIdentity(found), created: false, shared };
      }
    },
    async share({ namespace, name, uid }, waiter, { signal } = {}) {
      const patch = { metadata: { uid, annotations: awaitedBy(waiter) } };
      try {
        await client.mergePatch(takoRuns, { namespace, name }, patch, { signal, fieldManager: 'tako-operator-share' });
        return true;
      } catch (error) {
        if (isApiError(error, 'notFound', 'conflict')) return false;
        // Another run of that name has another UID, which the API server takes for a change of what cannot change.
        if (!isApiError(error, 'invalid') || (await isThere(client, { namespace, name, uid }, signal))) throw error;
        return false;
      }
    },
    async observe(ref, { signal } = {}) {
      const run = await undefinedWhen(client.get(takoRuns, ref, { signal }), 'notFound');
      return run && childState(run);
    },
    async cancel(ref, { signal } = {}) {
      try {
        const run = await client.get(takoRuns, ref, { signal });
        if (isTerminal(run.status?.phase) || run.spec.cancel === true) return;
        await client.mergePatch(
          takoRuns,
          ref,
          { spec: { cancel: true } },
          { signal, fieldManager: 'tako-operator-cancel' },
        );
      } catch (error) {
        if (!isApiError(error, 'notFound')) throw error;
      }
    },
  };
}

async function isThere(
  client: Pick<KubeClient, 'get'>,
  { namespace, name, uid }: ObjectIdentity,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const found = await undefinedWhen(client.get(takoRuns, { namespace, name }, { signal }), 'notFound');
  return found?.metadata.uid === uid;
}
