/** Group, version and the names that Tako puts on objects. One place, so that nothing spells them twice. */
export const GROUP = 'tako.dev';
export const VERSION = 'v1alpha1';
export const API_VERSION = `${GROUP}/${VERSION}`;

/** Field manager of every server-side apply by the operator. */
export const FIELD_MANAGER = 'tako-operator';

/** Keeps a finished Pod until its outcome is in the run's status, as Job does with `batch.kubernetes.io/job-tracking`. */
export const TRACKING_FINALIZER = `${GROUP}/tracking`;

/**
 * On event runs with children in other namespaces: keeps the run until those are deleted. Kubernetes deletes what is owned, and knows no
 * owner in another namespace.
 */
export const CHILDREN_FINALIZER = `${GROUP}/children`;

export const LABELS = {
  /** On Pods and children: the UID of the TakoRun that owns them. */
  runUid: `${GROUP}/run-uid`,
  /** On children and Pods: the UID of the tree's root run. */
  rootUid: `${GROUP}/root-uid`,
  /** On Pods: which attempt of the run this is, from 1. On the event of a step: which attempt has sent it. */
  attempt: `${GROUP}/attempt`,
  /** On volume claims: the name of the Pod that they were made for. */
  pod: `${GROUP}/pod`,
  /** On Pods: `none` or `default`, what the steps asked for; a NetworkPolicy can select it. */
  network: `${GROUP}/network`,
  component: 'app.kubernetes.io/component',
  managedBy: 'app.kubernetes.io/managed-by',
  name: 'app.kubernetes.io/name',
} as const;

export const ANNOTATIONS = {
  /** Set it to a new value to have an object reconciled at once, as `flux reconcile` does. */
  reconcileRequestedAt: 'reconcile.tako.dev/requestedAt',
  /** On a finished run: set it to the time, RFC 3339, to have what failed in its tree run again. Echoed in `status.retry`. */
  retryAt: `${GROUP}/retry-at`,
  /** Beside `retryAt`: the branches that are meant, names of runs or owner/repo, separated by commas. Absent: all that failed. */
  retryOnly: `${GROUP}/retry-only`,
  /** Beside `retryAt` on what is below a retried run, set by the operator: when that ends at the latest, RFC 3339. */
  retryDeadline: `${GROUP}/retry-deadline`,
  /** On Pods: the commit that the run is pinned to. */
  revision: `${GROUP}/revision`,
  /** On Pods: SHA-256 of the tako.yml at that commit, hexadecimal. */
  configDigest: `${GROUP}/config-digest`,
  /** On the claim of an event: who holds it, in words. */
  claim: `${GROUP}/claim`,
  /** On the Lease of a cache entry: who holds it, who waits, and which generation is published, as JSON. Only Tako writes it. */
  lock: `${GROUP}/lock`,
  /** On the Lease of a cache entry: which repository it is about. */
  repository: `${GROUP}/repository`,
  /** On Pods: `true` when the run waits for children with its Pod in its hands. */
  keepsPod: `${GROUP}/keeps-pod`,
  /** On Pods: `true` when all steps are scripts: of the gateway their agent may want nothing but to store a result that is too long. */
  onlyScripts: `${GROUP}/only-scripts`,
} as const;

/** Value of `app.kubernetes.io/component` on the Leases that are claims of events. They also carry `LABELS.runUid`, of the run that holds them. */
export const EVENT_CLAIM_COMPONENT = 'event-claim';

/** Value of `app.kubernetes.io/component` on the volume claims of caches. */
export const CACHE_COMPONENT = 'cache';

/** Value of `app.kubernetes.io/managed-by` on all that the operator creates. */
export const MANAGED_BY = 'tako';

/** On the Leases that are locks of cached repositories: by these they are found. */
export const CACHE_LOCK_LABELS = { [LABELS.managedBy]: MANAGED_BY, [LABELS.component]: 'cache-lock' } as const;

/**
 * Prefix of annotations on children in trees with `dedupe: Tree`: the rest is the UID of an event run that waits for this child although another
 * one has started it, the value its key, namespace/name.
 */
export const AWAITED_PREFIX = `awaited.${GROUP}/`;

/** Audience of the token that an agent shows to the gateway; the API server does not accept it. */
export const TOKEN_AUDIENCE = 'tako.dev';
