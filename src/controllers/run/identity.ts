import { createHash } from 'node:crypto';
import type { LiveRun } from './observed.ts';

/**
 * `exec-YYYYMMDD-HHMMSS-<8 hex>`, from what never changes about a run: its creation time (UTC) and its UID. So it is the same before
 * it stands in the status, after a crash, and on another replica.
 */
export function runIdOf(metadata: { uid: string; creationTimestamp: string }): string {
  const [date = '', time = ''] = metadata.creationTimestamp.replaceAll(/[-:]/g, '').replace('Z', '').split('T');
  const hash = createHash('sha256').update(metadata.uid).digest('hex').slice(0, 8);
  return `exec-${date}-${time.slice(0, 6)}-${hash}`;
}

/** Trace id of a run's tree (https://www.w3.org/TR/trace-context/#trace-id): the UID of its root is as long, and as random. */
export function traceIdOf({ metadata, spec }: LiveRun): string | undefined {
  const id = (spec.parent?.root.uid ?? metadata.uid).replaceAll('-', '').toLowerCase();
  return /^[0-9a-f]{32}$/.test(id) ? id : undefined;
}
