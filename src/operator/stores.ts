import { API_VERSION, CACHE_LOCK_LABELS, LABELS, MANAGED_BY } from '../api/meta.ts';
import { takoRepositories, takoRuns } from '../api/resources.ts';
import { CACHE_LABELS, type ObservedClaim, projectClaim } from '../controllers/cache/claim.ts';
import {
  awaitersConcerned,
  byAwaiters,
  byDuplicateOf,
  byParentUid,
  childrenOfExpanded,
  duplicatesConcerned,
  inTree,
  POD_INDEXES,
  RUN_INDEXES,
  toParent,
  workflowKey,
} from '../controllers/run/indexes.ts';
import { type LiveRepository, type LiveRun, type ObservedPod, projectPod } from '../controllers/run/observed.ts';
import { buildSubscriberIndex, type SubscriberIndex } from '../fanout/subscribers.ts';
import type { KubeClient } from '../kube/client.ts';
import type { Source } from '../kube/controller.ts';
import type { Logger } from '../kube/logger.ts';
import type { KubeMetrics } from '../kube/metrics.ts';
import {
  controllerOf,
  keyOf,
  leases,
  matchLabels,
  type ObjectMeta,
  persistentVolumeClaims,
  pods as podResource,
} from '../kube/objects.ts';
import { createReflector, type Reflector } from '../kube/reflector.ts';
import { storeSource, toController } from '../kube/source.ts';
import {
  createStore,
  type Fillable,
  namespacePart,
  type ReadonlyStore,
  type Store,
  type Stored,
} from '../kube/store.ts';

/** What the operator knows of the cluster. */
export interface Stores {
  readonly runs: Store<LiveRun>;
  readonly pods: Store<ObservedPod>;
  readonly repositories: Store<LiveRepository>;
  /** Volume claims of caches; empty where there is no cache. */
  readonly claims: Store<ObservedClaim>;
  /** Locks of cache entries: only that they have changed; empty where there is no cache. */
  readonly cacheLocks: Store<Stored>;
}

/** Repositories by namespace and slug. */
const SLUG_INDEX = 'slug';
/** Runs that have not started, by what they may wait for. */
const REPOSITORY_INDEX = 'repository';

export function createStores(logger: Logger): Stores {
  return {
    runs: createStore<LiveRun>({
      logger,
      indexes: {
        [RUN_INDEXES.parent]: byParentUid,
        [RUN_INDEXES.podUid]: run => (run.status?.attempts ?? []).map(attempt => attempt.podUID),
        [RUN_INDEXES.workflow]: byWorkflow,
        [RUN_INDEXES.tree]: inTree,
        [RUN_INDEXES.awaitedBy]: byAwaiters,
        [RUN_INDEXES.duplicateOf]: byDuplicateOf,
        [REPOSITORY_INDEX]: unstartedRepository,
      },
    }),
    pods: createStore<ObservedPod>({
      logger,
      indexes: {
        [POD_INDEXES.run]: pod => {
          const owner = controllerOf(pod);
          if (owner?.kind !== 'TakoRun') return [];
          return [keyOf({ namespace: pod.metadata.namespace, name: owner.name })];
        },
      },
    }),
    repositories: createStore<LiveRepository>({
      logger,
      indexes: {
        [SLUG_INDEX]: ({ metadata, status }) =>
          status?.slug === undefined ? [] : [`${metadata.namespace} ${status.slug}`],
      },
    }),
    claims: createStore<ObservedClaim>({ logger }),
    cacheLocks: createStore<Stored>({ logger }),
  };
}

function byWorkflow({ metadata, spec }: LiveRun): string[] {
  const { workflow } = spec;
  if (workflow === undefined) return [];
  return [workflowKey(keyOf({ namespace: metadata.namespace, name: workflow.repositoryRef.name }), workflow.name)];
}

/** Runs that have not started yet, by what they may wait for: their repository, or the source of their event. */
function unstartedRepository({ metadata, spec, status }: LiveRun): string[] {
  if (status?.phase !== undefined && status.phase !== 'Pending') return [];
  if (spec.workflow !== undefined) return [`${metadata.namespace} ${spec.workflow.repositoryRef.name}`];
  return [`${metadata.namespace} event`];
}

/** Keys of the runs that a change of this repository may concern. */
function runsWaitingFor(runs: ReadonlyStore<LiveRun>, { metadata }: LiveRepository): string[] {
  const { namespace, name } = metadata;
  const waiting = [`${namespace} ${name}`, `${namespace} event`].flatMap(value =>
    runs.byIndex(REPOSITORY_INDEX, value),
  );
  return waiting.map(run => keyOf(run.metadata));
}

/** TakoRepositories of a namespace by their slug. */
export function repositoriesBySlug(
  repositories: ReadonlyStore<LiveRepository>,
  namespace: string,
  slug: string,
): readonly LiveRepository[] {
  return repositories.byIndex(SLUG_INDEX, `${namespace} ${slug}`);
}

/** Whatever may change what is to be done with a run. */
export function runSources({ runs, pods, repositories }: Stores): Source[] {
  return [
    storeSource(runs),
    storeSource(runs, { map: toParent }),
    storeSource(runs, { map: event => childrenOfExpanded(runs, event) }),
    storeSource(runs, { map: awaitersConcerned }),
    storeSource(runs, { map: event => duplicatesConcerned(runs, event) }),
    storeSource(pods, { map: toController(API_VERSION, 'TakoRun') }),
    storeSource(repositories, {
      map: event => runsWaitingFor(runs, event.type === 'deleted' ? event.old : event.object),
    }),
  ];
}

export interface ReflectorOptions {
  readonly client: KubeClient;
  readonly stores: Stores;
  readonly logger: Logger;
  readonly metrics: KubeMetrics;
  /** Empty: all. */
  readonly namespaces: readonly string[];
  /** Whether there is a cache: without one its claims and locks need no watch. */
  readonly cache: boolean;
}

/**
 * Keeps the stores filled: by one watch a kind over all namespaces, or by one for each that is given. Of Pods only those of runs are
 * watched, of volume claims only those of caches, of Leases only their locks, and only what decides is kept of them.
 */
export function createReflectors({ namespaces, ...options }: ReflectorOptions): Reflector[] {
  if (namespaces.length === 0) return reflectorsOf(options, store => store);
  return [...new Set(namespaces)].flatMap(namespace =>
    reflectorsOf({ ...options, namespace }, store => namespacePart(store, namespace)),
  );
}

function reflectorsOf(
  { stores, cache, ...shared }: Omit<ReflectorOptions, 'namespaces'> & { readonly namespace?: string },
  part: <T extends Stored & { metadata: ObjectMeta }>(store: Store<T>) => Fillable<T>,
): Reflector[] {
  return [
    createReflector({ ...shared, type: takoRuns, store: part(stores.runs) }),
    createReflector({ ...shared, type: takoRepositories, store: part(stores.repositories) }),
    createReflector({
      ...shared,
      type: podResource,
      store: part(stores.pods),
      labelSelector: matchLabels({ [LABELS.managedBy]: MANAGED_BY, [LABELS.component]: 'run' }),
      project: projectPod,
    }),
    ...(cache
      ? [
          createReflector({
            ...shared,
            type: persistentVolumeClaims,
            store: part(stores.claims),
            labelSelector: matchLabels(CACHE_LABELS),
            project: projectClaim,
          }),
          createReflector({
            ...shared,
            type: leases,
            store: part(stores.cacheLocks),
            labelSelector: matchLabels(CACHE_LOCK_LABELS),
            project: ({ metadata: { name, namespace, uid, resourceVersion } }) => ({
              metadata: { name, uid, resourceVersion, ...(namespace !== undefined && { namespace }) },
            }),
          }),
        ]
      : []),
  ];
}

/** Who listens to what, as the repositories say now. */
export function subscriberIndex(repositories: ReadonlyStore<LiveRepository>): SubscriberIndex {
  const index = buildSubscriberIndex();
  repositories.subscribe(event => {
    if (event.type === 'deleted')
      index.remove({ namespace: event.old.metadata.namespace!, name: event.old.metadata.name });
    else index.upsert(event.object);
  });
  return index;
}
