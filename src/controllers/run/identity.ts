import { createHash } from 'node:crypto';

/**
 * `exec-YYYYMMDD-HHMMSS-<8 hex>`, from what never changes about a run: its creation time (UTC) and its UID. So it is the same before
 * it stands in the status, after a crash, and on another replica.
 */
export function runIdOf(metadata: { uid: string; creationTimestamp: string }): string {
  const [date = '', time = ''] = metadata.creationTimestamp.replaceAll(/[-:]/g, '').replace('Z', '').split('T');
  const hash = createHash('sha256').update(metadata.uid).digest('hex').slice(0, 8);
  return `exec-${date}-${time.slice(0, 6)}-${hash}`;
}
