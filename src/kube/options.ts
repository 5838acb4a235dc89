/** What every call takes. */
export interface CallOptions {
  /** Ends the call; it then throws the signal's reason. */
  signal?: AbortSignal | undefined;
  /** For one attempt, from queueing for a connection to the last byte of the answer. Default 30,000. */
  timeoutMs?: number | undefined;
  /** Attempts in all, for calls that may be repeated. Default 3. */
  attempts?: number | undefined;
  /**
   * For Lease renewals: waits neither for the rate limiter nor for one of the pool's connections.
   * Default false.
   */
  urgent?: boolean | undefined;
}

export interface Selection {
  /** Absent: all namespaces. */
  namespace?: string | undefined;
  /** As `kubectl -l`. */
  labelSelector?: string | undefined;
  /** As `kubectl --field-selector`. */
  fieldSelector?: string | undefined;
}

export interface ListOptions extends CallOptions, Selection {
  /** Objects in a page. Default: no limit for `list`, 500 for `listAll`. */
  limit?: number | undefined;
  /** `metadata.continue` of the page before. */
  continue?: string | undefined;
  /** Absent: the most recent data. `0`: whatever the API server has cached, which ignores `limit`. */
  resourceVersion?: string | undefined;
}

export interface WriteOptions extends CallOptions {
  /** Such as `status`; absent: the object itself. */
  subresource?: string | undefined;
  fieldManager?: string | undefined;
  /** Everything but storing it. Default false. */
  dryRun?: boolean | undefined;
}

export interface ApplyOptions extends WriteOptions {
  fieldManager: string;
  /** Take fields over from other managers; otherwise such a field is a conflict. Default false. */
  force?: boolean | undefined;
}

export interface DeleteOptions extends CallOptions {
  propagationPolicy?: 'Background' | 'Foreground' | 'Orphan' | undefined;
  /** 0 deletes a Pod without waiting for its node. */
  gracePeriodSeconds?: number | undefined;
  /** Delete only this very object; a mismatch is a `conflict`. */
  preconditions?: { uid?: string | undefined; resourceVersion?: string | undefined } | undefined;
  dryRun?: boolean | undefined;
}

/** RFC 6902. */
export type JsonPatchOperation =
  | { op: 'add' | 'replace' | 'test'; path: string; value: unknown }
  | { op: 'remove'; path: string }
  | { op: 'move' | 'copy'; from: string; path: string };

export interface LogOptions extends CallOptions {
  container?: string | undefined;
  previous?: boolean | undefined;
  tailLines?: number | undefined;
  sinceSeconds?: number | undefined;
  timestamps?: boolean | undefined;
  /** Bytes; the API server cuts after them. Default 1 MiB. */
  limitBytes?: number | undefined;
}

export interface RawOptions extends CallOptions {
  /** Default GET. */
  method?: string | undefined;
  query?: Record<string, string | number | boolean | undefined> | undefined;
  /** Sent as JSON. */
  body?: unknown;
  /** Default application/json. */
  contentType?: string | undefined;
  /** Whether sending it twice does no harm. Default: true for GET, HEAD, PUT and DELETE. */
  idempotent?: boolean | undefined;
}
