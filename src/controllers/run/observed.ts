import { ANNOTATIONS, LABELS } from '../../api/meta.ts';
import type { TakoRepository, TakoRun } from '../../api/resources.ts';
import type { Live, LiveMeta, Pod } from '../../kube/objects.ts';
import { CACHE_CLAIM } from '../cache/claim.ts';
import type { EarlyResult } from './early-results.ts';

export type LiveRun = Live<TakoRun>;
export type LiveRepository = Live<TakoRepository>;

/** The part of a run's Pod that the operator keeps in memory. */
export interface ObservedPod {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: LiveMeta;
  readonly status?: Pick<
    NonNullable<Pod['status']>,
    'phase' | 'reason' | 'message' | 'conditions' | 'containerStatuses'
  >;
  /** What its agent has told before the kubelet did. */
  readonly early?: EarlyResult;
  /** Whether the workspace is a volume claim, which is worth freeing at once. */
  readonly claimed: boolean;
  /** Whether the agent has the cache of the namespace. */
  readonly cached: boolean;
}

/** Why a Pod has no node, and why it was taken from one. https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-conditions */
const CONDITIONS = ['PodScheduled', 'DisruptionTarget'];

const KEPT_ANNOTATIONS = [
  ANNOTATIONS.revision,
  ANNOTATIONS.configDigest,
  ANNOTATIONS.keepsPod,
  ANNOTATIONS.onlyScripts,
];

/** Drops from a Pod what no decision needs: a projected Pod takes about a tenth of the memory. */
export function projectPod(pod: Live<Pod>): ObservedPod {
  const { metadata, status } = pod;
  return {
    apiVersion: pod.apiVersion,
    kind: pod.kind,
    metadata: {
      name: metadata.name,
      ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
      uid: metadata.uid,
      resourceVersion: metadata.resourceVersion,
      creationTimestamp: metadata.creationTimestamp,
      ...(metadata.deletionTimestamp === undefined ? {} : { deletionTimestamp: metadata.deletionTimestamp }),
      labels: pick(metadata.labels, [LABELS.runUid, LABELS.attempt]),
      annotations: pick(metadata.annotations, KEPT_ANNOTATIONS),
      ...(metadata.ownerReferences === undefined ? {} : { ownerReferences: metadata.ownerReferences }),
      ...(metadata.finalizers === undefined ? {} : { finalizers: metadata.finalizers }),
    },
    claimed: pod.spec.volumes?.some(volume => volume.ephemeral !== undefined) ?? false,
    cached: pod.spec.volumes?.some(volume => volume.persistentVolumeClaim?.claimName === CACHE_CLAIM) ?? false,
    ...(status === undefined
      ? {}
      : {
          status: {
            ...(status.phase === undefined ? {} : { phase: status.phase }),
            ...(status.reason === undefined ? {} : { reason: status.reason }),
            ...(status.message === undefined ? {} : { message: status.message }),
            conditions: (status.conditions ?? []).filter(({ type }) => CONDITIONS.includes(type)),
            containerStatuses: (status.containerStatuses ?? []).map(container => ({
              name: container.name,
              image: container.image,
              imageID: '',
              ready: container.ready,
              restartCount: container.restartCount,
              ...(container.state === undefined ? {} : { state: container.state }),
            })),
          },
        }),
  };
}

function pick(values: Record<string, string> | undefined, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.flatMap(name => (values?.[name] === undefined ? [] : [[name, values[name]]])));
}
