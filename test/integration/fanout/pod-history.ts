import { onTestFinished } from 'vitest';
import { AGENT_CONTAINER } from '../../../src/agent/contract.ts';
import { controllerOf, type Live, type Pod, pods } from '../../../src/kube/objects.ts';
import { createReflector } from '../../../src/kube/reflector.ts';
import { createStore } from '../../../src/kube/store.ts';
import type { World } from '../run/world.ts';

/** What a watch has seen of the Pods of a namespace. */
export interface PodHistory {
  /** UIDs of all Pods that there ever were, by the UID of their run. */
  readonly byRun: ReadonlyMap<string, ReadonlySet<string>>;
  /** The most Pods at one time whose agent had not ended. */
  readonly most: number;
}

/** Watches the Pods of a World from now on until the test ends. */
export async function watchPods({ client, namespace }: World): Promise<PodHistory> {
  const byRun = new Map<string, Set<string>>();
  const active = new Set<string>();
  let most = 0;
  const store = createStore<Live<Pod>>();
  store.subscribe(event => {
    const pod = event.type === 'deleted' ? event.old : event.object;
    const { uid } = pod.metadata;
    const run = controllerOf(pod)?.uid ?? '';
    byRun.set(run, (byRun.get(run) ?? new Set()).add(uid));
    if (event.type === 'deleted' || hasEnded(pod)) active.delete(uid);
    else active.add(uid);
    most = Math.max(most, active.size);
  });
  const reflector = createReflector({ client, type: pods, namespace, store });
  reflector.start();
  onTestFinished(() => reflector.stop());
  await reflector.synced(AbortSignal.timeout(30_000));
  return {
    byRun,
    get most() {
      return most;
    },
  };
}

function hasEnded({ status }: Pod): boolean {
  const agent = status?.containerStatuses?.find(({ name }) => name === AGENT_CONTAINER);
  return agent?.state?.terminated !== undefined || status?.phase === 'Failed' || status?.phase === 'Succeeded';
}
