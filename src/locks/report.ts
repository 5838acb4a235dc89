import type { Logger } from '../kube/logger.ts';
import type { LockMetrics } from './metrics.ts';
import type { LockEvent } from './types.ts';

/**
 * Tells metrics and log of what was written.
 *
 * @param fields of each line of the log: which lock it is about
 */
export function createReport(
  fields: Readonly<Record<string, unknown>>,
  { metrics, logger }: { readonly metrics: LockMetrics; readonly logger: Logger },
): (event: LockEvent) => void {
  return event => {
    switch (event.kind) {
      case 'granted':
        metrics.granted({ mode: event.holder.mode, waitMs: event.waitedMs });
        break;
      case 'ended':
        metrics.ended({ mode: event.holder.mode, heldMs: event.heldMs });
        break;
      case 'published':
        metrics.published({ bytes: event.published.bytes });
        break;
      case 'used':
        metrics.used(event.use);
        break;
      case 'takenOver': {
        const { run, pod, mode } = event.holder;
        metrics.takenOver({ mode, cause: event.cause });
        logger.info(
          { ...fields, run, pod, mode, cause: event.cause },
          'took a lock from a holder that is gone or silent',
        );
        break;
      }
      case 'leftQueue':
        logger.debug({ ...fields, run: event.waiter.run, cause: event.cause }, 'a waiter has left the queue');
        break;
    }
  };
}
