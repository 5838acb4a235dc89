import { CACHE_LOCK_LABELS, EVENT_CLAIM_COMPONENT, LABELS, MANAGED_BY, TRACKING_FINALIZER } from '../../api/meta.ts';
import { takoRuns } from '../../api/resources.ts';
import type { KubeClient } from '../../kube/client.ts';
import {
  configMaps,
  controllerOf,
  keyOf,
  leases,
  matchLabels,
  persistentVolumeClaims,
  pods as podResource,
} from '../../kube/objects.ts';
import type { Selection } from '../../kube/options.ts';
import type { ReadonlyStore } from '../../kube/store.ts';
import type { LiveRun, ObservedPod } from '../run/observed.ts';
import type { Existing } from './plan.ts';
import {
  type CleanupKind,
  type Known,
  type Suspect,
  suspectClaim,
  suspectLock,
  suspectPod,
  suspectResult,
  suspectVolumeClaim,
  suspectWorkspace,
} from './suspects.ts';

export interface ObserveContext {
  readonly client: Pick<KubeClient, 'listAll' | 'listMetadata'>;
  readonly runs: ReadonlyStore<LiveRun>;
  readonly pods: ReadonlyStore<ObservedPod>;
  /** Empty: all. */
  readonly namespaces: readonly string[];
}

/** Finds the suspects of a kind. */
type Search = (known: Known, now: number, context: ObserveContext, signal: AbortSignal) => Promise<Suspect[]>;

const OURS = { [LABELS.managedBy]: MANAGED_BY };
const CLAIMS = { ...OURS, [LABELS.component]: EVENT_CLAIM_COMPONENT };

/**
 * Where orphans are looked for: Pods in the store that the operator has anyway, the rest in lists, page by page and mostly without content, so
 * that nothing but the suspects stays in memory. A further kind of object is a further entry.
 */
export const SEARCHES: Readonly<Record<CleanupKind, Search>> = {
  pods: async (known, _, { pods }) =>
    [...pods.values()].flatMap(pod => suspectPod(pod, known, TRACKING_FINALIZER) ?? []),

  workspaces: async (_, now, { pods, runs }) =>
    [...pods.values()].flatMap(pod => {
      const run = runs.get(keyOf({ namespace: pod.metadata.namespace, name: controllerOf(pod)?.name ?? '' }));
      return suspectWorkspace(pod, run, now) ?? [];
    }),

  persistentvolumeclaims: (known, _, { client, namespaces }, signal) =>
    inPages(
      selections(namespaces, OURS, signal).map(selection => client.listMetadata(persistentVolumeClaims, selection)),
      claim => suspectVolumeClaim(claim, known),
    ),

  configmaps: (known, _, { client, namespaces }, signal) =>
    inPages(
      selections(namespaces, OURS, signal).map(selection => client.listMetadata(configMaps, selection)),
      configMap => suspectResult(configMap, known),
    ),

  leases: async (known, now, { client, namespaces }, signal) => {
    const listed = (labels: Record<string, string>) =>
      selections(namespaces, labels, signal).map(selection => client.listAll(leases, selection));
    return [
      ...(await inPages(listed(CLAIMS), lease => suspectClaim(lease, known, now))),
      ...(await inPages(listed(CACHE_LOCK_LABELS), lease => suspectLock(lease, now))),
    ];
  },
};

/** Goes through lists, one after the other and page by page. */
async function inPages<T>(
  lists: readonly AsyncIterable<{ readonly items: readonly T[] }>[],
  suspectOf: (object: T) => Suspect | undefined,
): Promise<Suspect[]> {
  const found: Suspect[] = [];
  for (const list of lists) {
    for await (const { items } of list) found.push(...items.flatMap(object => suspectOf(object) ?? []));
  }
  return found;
}

/** One list over all namespaces, or one for each that is given. */
function selections(
  namespaces: readonly string[],
  labels: Record<string, string>,
  signal: AbortSignal,
): (Selection & { signal: AbortSignal })[] {
  const labelSelector = matchLabels(labels);
  if (namespaces.length === 0) return [{ labelSelector, signal }];
  return [...new Set(namespaces)].map(namespace => ({ namespace, labelSelector, signal }));
}

/** What the stores know. */
export function knownOwners({ runs, pods }: ObserveContext): Known {
  const uids = new Set([...runs.values()].map(run => run.metadata.uid));
  return {
    hasRun: uid => uids.has(uid),
    hasPod({ uid, ...ref }) {
      const found = pods.get(keyOf(ref));
      return found !== undefined && (uid === undefined || found.metadata.uid === uid);
    },
  };
}

/** Asks the API server for the runs and Pods of a namespace. Call it after the suspects were found. */
export async function readExisting(
  client: Pick<KubeClient, 'listMetadata'>,
  namespace: string,
  signal: AbortSignal,
): Promise<Existing> {
  const existing = { runUids: new Set<string>(), podUids: new Set<string>(), podNames: new Set<string>() };
  for await (const { items } of client.listMetadata(takoRuns, { namespace, signal }))
    for (const { metadata } of items) existing.runUids.add(metadata.uid);
  for await (const { items } of client.listMetadata(podResource, { namespace, signal })) {
    for (const { metadata } of items) {
      existing.podUids.add(metadata.uid);
      existing.podNames.add(metadata.name);
    }
  }
  return existing;
}
