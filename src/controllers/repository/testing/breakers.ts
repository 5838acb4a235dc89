import { type BreakerPolicy, DEFAULT_BREAKER_POLICY } from '../../../fanout/breaker.ts';
import { controllerOf, keyOf } from '../../../kube/objects.ts';
import { createStore, type Store } from '../../../kube/store.ts';
import { POD_INDEXES, RUN_INDEXES, workflowKey } from '../../run/indexes.ts';
import type { LiveRepository, LiveRun, ObservedPod } from '../../run/observed.ts';
import { type Breakers, createBreakers } from '../breakers.ts';

export interface BreakerWorld {
  readonly runs: Store<LiveRun>;
  readonly pods: Store<ObservedPod>;
  readonly repositories: Store<LiveRepository>;
  readonly breakers: Breakers;
  /** The breakers of an operator that starts now, over the same cluster. */
  restarted(): Breakers;
}

/** Breakers over stores of their own; empty ones refuse nothing. */
export function breakerWorld(policy: BreakerPolicy = DEFAULT_BREAKER_POLICY): BreakerWorld {
  const runs = createStore<LiveRun>({
    indexes: {
      [RUN_INDEXES.workflow]: ({ metadata, spec: { workflow } }) =>
        workflow === undefined
          ? []
          : [workflowKey(keyOf({ namespace: metadata.namespace, name: workflow.repositoryRef.name }), workflow.name)],
    },
  });
  const pods = createStore<ObservedPod>({
    indexes: {
      [POD_INDEXES.run]: pod => [keyOf({ namespace: pod.metadata.namespace, name: controllerOf(pod)?.name ?? '' })],
    },
  });
  const repositories = createStore<LiveRepository>();
  const restarted = () => createBreakers({ runs, pods, repositories, policy });
  return { runs, pods, repositories, breakers: restarted(), restarted };
}
