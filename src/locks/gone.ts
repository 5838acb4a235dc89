import type { Clock } from '../kube/clock.ts';
import type { Logger } from '../kube/logger.ts';
import type { LockOwner, LockState } from './types.ts';

/** A Pod that holds or waits for a lock. */
export interface PodRef {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

export function podsOf(namespace: string, owners: readonly Pick<LockOwner, 'pod' | 'podUid'>[]): PodRef[] {
  return owners.map(({ pod, podUid }) => ({ namespace, name: pod, uid: podUid }));
}

export type IsGone = (pod: PodRef, signal: AbortSignal) => Promise<boolean>;

/** Knows which Pods of a lock's holders and waiters are over. */
export interface GoneCheck {
  /** UIDs of Pods that are. */
  readonly gone: ReadonlySet<string>;
  /** Asks about these; resolves with whether any of them is over. Never rejects. */
  check(pods: readonly PodRef[]): Promise<boolean>;
  /** Forgets those that are not in the state any more. */
  keep(state: Pick<LockState, 'holders' | 'queue'>): void;
}

/** A Pod about which nothing can be learned for so long is taken for alive, milliseconds. */
const ANSWER_MS = 5_000;

/** A Pod that is over never comes back under its UID, so the answer is remembered. That one is alive is asked again each time. */
export function createGoneCheck(
  isGone: IsGone,
  { clock, logger }: { clock: Pick<Clock, 'setTimeout'>; logger: Logger },
): GoneCheck {
  const gone = new Set<string>();

  const ask = async (pod: PodRef): Promise<void> => {
    if (gone.has(pod.uid)) return;
    const limit = new AbortController();
    const tooLate = new Promise<false>(resolve => limit.signal.addEventListener('abort', () => resolve(false)));
    const cancel = clock.setTimeout(() => limit.abort(new Error(`no answer within ${ANSWER_MS} ms`)), ANSWER_MS);
    try {
      if (await Promise.race([isGone(pod, limit.signal), tooLate])) gone.add(pod.uid);
    } catch (err) {
      logger.debug(
        { err, pod: `${pod.namespace}/${pod.name}` },
        'cannot tell whether a Pod is over; it keeps its lock',
      );
    } finally {
      cancel();
    }
  };

  return {
    gone,
    check: async pods => {
      const byUid = new Map(pods.filter(({ uid }) => uid !== '').map(pod => [pod.uid, pod]));
      await Promise.all([...byUid.values()].map(ask));
      return [...byUid.keys()].some(uid => gone.has(uid));
    },
    keep: ({ holders, queue }) => {
      if (gone.size === 0) return;
      const present = new Set([...holders, ...queue].map(one => one.podUid));
      for (const uid of gone) if (!present.has(uid)) gone.delete(uid);
    },
  };
}
