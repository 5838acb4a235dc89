import type { Cancel, Clock } from '../../kube/clock.ts';
import { parseKey } from '../../kube/objects.ts';
import { createQueue, type Queue, type QueueOptions } from '../../queue/queue.ts';

/** Who may have a Pod now: the queue of runs, and the times at which a used-up quota is tried again. */
export type Admission = Queue;

export interface AdmissionOptions {
  readonly limits: QueueOptions['limits'];
  /** Called with the key of a run whose turn has come. */
  readonly wake: (key: string) => void;
  readonly clock: Pick<Clock, 'setTimeout'>;
}

/**
 * Time until a quota is tried again, milliseconds, doubled from the first to the last. A Pod of ours that ends is a reason to try at once; that
 * somebody else has made room nothing tells.
 */
const FIRST_PROBE_MS = 1_000;
const LAST_PROBE_MS = 30_000;

/** The gate before Pods: children exist as objects from the start, and as many of them have Pods as the limits allow. */
export function createAdmission({ limits, wake, clock }: AdmissionOptions): Admission {
  const queue = createQueue({ limits, onGrant: wake });
  /** Namespaces whose quota is used up. */
  const probes = new Map<string, { delayMs: number; cancel: Cancel }>();

  const forgetProbe = (namespace: string): void => {
    probes.get(namespace)?.cancel();
    probes.delete(namespace);
  };

  return {
    ...queue,
    confirm(key) {
      const isNew = queue.confirm(key);
      // The quota had room for it, and the next one tries now. Of a run that has long had its Pod that says nothing.
      if (isNew) forgetProbe(namespaceOf(key));
      return isNew;
    },
    probe(namespace) {
      forgetProbe(namespace);
      queue.probe(namespace);
    },
    exceeded(key, message) {
      const namespace = namespaceOf(key);
      const before = probes.get(namespace);
      before?.cancel();
      const delayMs = before === undefined ? FIRST_PROBE_MS : Math.min(before.delayMs * 2, LAST_PROBE_MS);
      probes.set(namespace, { delayMs, cancel: clock.setTimeout(() => queue.probe(namespace), delayMs) });
      queue.exceeded(key, message);
    },
  };
}

function namespaceOf(key: string): string {
  return parseKey(key).namespace ?? '';
}
