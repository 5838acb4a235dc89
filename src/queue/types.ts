/** What keeps a run from starting; the reason of its conditions. */
export type HeldReason =
  | 'Suspended'
  | 'ConcurrencyLimit'
  | 'RepositoryLimit'
  | 'WaitingPodsLimit'
  | 'QuotaExceeded'
  | 'NamespaceLimit'
  | 'OperatorLimit';

export interface Held {
  readonly reason: HeldReason;
  /** The number that is reached, where there is one. */
  readonly limit?: number;
  /** What the API server said, for QuotaExceeded. */
  readonly message?: string;
}

/** A run that asks for a place. Limits are at least 1, Infinity for none. */
export interface Ticket {
  /** namespace/name */
  readonly key: string;
  readonly namespace: string;
  /** UID of the run at the top of its tree. */
  readonly root: string;
  /** UIDs of the runs above it, the parent first; none for a root. */
  readonly above: readonly string[];
  /** Levels below the root. */
  readonly depth: number;
  /** Creation, milliseconds since the epoch: within a tree the oldest comes first. */
  readonly createdMs: number;
  /** How many children of its parent may have a place. */
  readonly fanOutLimit: number;
  /** Name of its TakoRepository. */
  readonly repository: string;
  readonly repositoryLimit: number;
  /** Whether it will wait for children with its Pod in its hands: a fan-out that is not its last step. */
  readonly keepsPod: boolean;
  /** When it began to wait, milliseconds since the epoch. */
  readonly sinceMs: number;
}

export interface QueueLimits {
  /** Runs with a place at once, in the whole cluster. */
  readonly operator: number;
  /** The same in each namespace. */
  readonly namespace: number;
  /** Runs that keep their Pod while they wait for children: at most this part of a namespace's Pods... */
  readonly waitingShare: number;
  /** ...but always as many as this. */
  readonly waitingMin: number;
}
