/** What is worth counting here. An operator wires it to its metrics library; names follow client-go's where there is one. */
export interface KubeMetrics {
  /** A request was answered (`code` 0: it was not). One attempt each. */
  request(event: { method: string; code: number; durationMs: number }): void;
  /** A request waited for the client's own rate limiter. */
  rateLimited(event: { waitMs: number }): void;
  /** A reflector listed everything. */
  listed(event: { resource: string; items: number; durationMs: number }): void;
  /** A watch ended: by the server's time-out (`ended`) or by an error of that class. */
  watchEnded(event: { resource: string; outcome: string }): void;
  queueDepth(event: { queue: string; depth: number }): void;
  /** A worker took a key that had waited this long. */
  queueWaited(event: { queue: string; waitMs: number }): void;
  queueRetried(event: { queue: string }): void;
  reconciled(event: { controller: string; outcome: 'success' | 'requeueAfter' | 'error'; durationMs: number }): void;
  /** Sent, merged into an earlier one, or lost. */
  eventRecorded(event: { outcome: 'sent' | 'merged' | 'dropped' }): void;
  leading(event: { name: string; leading: boolean }): void;
}

/** Counts nothing. */
export const noMetrics: KubeMetrics = {
  request: () => {},
  rateLimited: () => {},
  listed: () => {},
  watchEnded: () => {},
  queueDepth: () => {},
  queueWaited: () => {},
  queueRetried: () => {},
  reconciled: () => {},
  eventRecorded: () => {},
  leading: () => {},
};
