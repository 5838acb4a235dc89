import { ANNOTATIONS } from '../api/meta.ts';
import type { KubeClient } from '../kube/client.ts';
import type { Clock } from '../kube/clock.ts';
import { isApiError, undefinedWhen } from '../kube/errors.ts';
import { type Lease, type Live, leases } from '../kube/objects.ts';
import type { TokenBucket } from '../kube/rate-limit.ts';
import { lockName, readLease, writeLease } from './lease.ts';
import type { ParsedState } from './state.ts';
import type { LockState } from './types.ts';

/** A Lease as it was last seen. */
export interface Snapshot {
  /** Absent: there is none. */
  readonly lease: Live<Lease> | undefined;
  readonly parsed: ParsedState | undefined;
  /** On the monotonic clock. */
  readonly seenAtMs: number;
  /** Since when its annotation has said the same, as far as this process has seen; on the monotonic clock. */
  readonly sameSinceMs: number;
}

/** The Lease of one lock, read and written with compare-and-swap. */
export interface LeaseRecord {
  /** What was read or written last; undefined when that is not known to be current any more. */
  readonly known: Snapshot | undefined;
  read(): Promise<Snapshot>;
  /** Writes over `base`. False: somebody else has written meanwhile. After an ApiError nobody knows whether it was written. */
  write(base: Snapshot, state: LockState): Promise<boolean>;
  /** From now on what is known is not taken for current. */
  outdate(): void;
  /** A watch tells of a version. True: it is not one that was written here, so there is something to read. */
  changed(resourceVersion: string): boolean;
}

export interface RecordContext {
  readonly client: Pick<KubeClient, 'get' | 'create' | 'replace'>;
  readonly budget: TokenBucket;
  readonly clock: Clock;
}

/** A call without an answer for so long is given up, milliseconds. */
const CALL_TIMEOUT_MS = 5_000;
/** Own writes that a watch may still tell of. */
const OWN_WRITES = 64;

export function createLeaseRecord(
  { namespace, url }: { namespace: string; url: string },
  { client, budget, clock }: RecordContext,
): LeaseRecord {
  const name = lockName(url);
  // Retries are the caller's: a second attempt of a write must start from what is there then. The budget stands for the client's rate limit.
  const call = { urgent: true, attempts: 1, timeoutMs: CALL_TIMEOUT_MS };
  const ownVersions: string[] = [];
  let last: Snapshot | undefined;
  let isCurrent = false;

  const textOf = (lease: Lease | undefined): string | undefined => lease?.metadata.annotations?.[ANNOTATIONS.lock];

  const remember = (
    lease: Live<Lease> | undefined,
    written?: { text: string | undefined; state: LockState },
  ): Snapshot => {
    const seenAtMs = clock.monotonic();
    const text = textOf(lease);
    const isSame =
      last !== undefined && last.lease?.metadata.uid === lease?.metadata.uid && textOf(last.lease) === text;
    const parse = (): ParsedState | undefined => {
      if (lease === undefined) return undefined;
      if (isSame) return last?.parsed;
      // What a webhook changed on the way is read as anything else is.
      return written?.text === text ? { kind: 'state', state: written!.state } : readLease(lease, url);
    };
    last = { lease, parsed: parse(), seenAtMs, sameSinceMs: isSame ? last!.sameSinceMs : seenAtMs };
    isCurrent = true;
    return last;
  };

  return {
    get known() {
      return isCurrent ? last : undefined;
    },
    read: async () => {
      await budget.acquire();
      return remember(await undefinedWhen(client.get(leases, { namespace, name }, call), 'notFound'));
    },
    write: async (base, state) => {
      await budget.acquire();
      const lease = writeLease(state, base.lease, namespace);
      isCurrent = false;
      try {
        const written = await (base.lease === undefined
          ? client.create(leases, lease, call)
          : client.replace(leases, lease, call));
        ownVersions.push(written.metadata.resourceVersion);
        if (ownVersions.length > OWN_WRITES) ownVersions.shift();
        remember(written, { text: textOf(lease), state });
        return true;
      } catch (error) {
        if (isApiError(error, 'conflict', 'alreadyExists')) return false;
        // Of a create it means that the namespace is gone.
        if (isApiError(error, 'notFound') && base.lease !== undefined) return false;
        throw error;
      }
    },
    outdate: () => {
      isCurrent = false;
    },
    changed: resourceVersion => {
      if (ownVersions.includes(resourceVersion)) return false;
      isCurrent = false;
      return true;
    },
  };
}
