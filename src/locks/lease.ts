import { createHash } from 'node:crypto';
import { ANNOTATIONS, CACHE_LOCK_LABELS } from '../api/meta.ts';
import type { Lease, Live, ObjectMeta } from '../kube/objects.ts';
import { formatMicroTime } from '../kube/time.ts';
import { formatState, type ParsedState, parseState } from './state.ts';
import type { LockState } from './types.ts';
import { holderWords } from './words.ts';

/** Name of the Lease of a repository; `url` in its canonical spelling, as two spellings would be two locks. */
export function lockName(url: string): string {
  return `tako-cache-${createHash('sha256').update(url).digest('hex').slice(0, 32)}`;
}

/** A lock that nobody has asked for yet. */
export function emptyState(url: string, now: Date, fence = 0): LockState {
  return { url, fence, holders: [], queue: [], released: [], used: now.toISOString() };
}

/** What a Lease says about the lock of `url`. */
export function readLease(lease: Lease, url: string): ParsedState {
  const annotation = lease.metadata.annotations?.[ANNOTATIONS.lock];
  if (annotation === undefined) return { kind: 'broken', problem: 'it is not there' };
  const parsed = parseState(annotation);
  if (parsed.kind === 'state' && parsed.state.url !== url) {
    return { kind: 'broken', problem: `it is about ${parsed.state.url}` };
  }
  return parsed;
}

/** The Lease that says `state`; `current` is what it replaces, absent when it has to be created. */
export function writeLease(state: LockState, current: Live<Lease> | undefined, namespace: string): Lease {
  const newest = state.holders.at(-1);
  // A Lease is sent with every grant, and nobody reads who manages which of its fields.
  const { managedFields: _, ...metadata }: ObjectMeta = current?.metadata ?? { name: lockName(state.url), namespace };
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {
      ...metadata,
      labels: { ...metadata.labels, ...CACHE_LOCK_LABELS },
      annotations: {
        ...metadata.annotations,
        [ANNOTATIONS.repository]: state.url,
        [ANNOTATIONS.lock]: formatState(state),
      },
    },
    spec: {
      holderIdentity: holderWords(state),
      leaseTransitions: state.fence,
      ...(newest && {
        acquireTime: formatMicroTime(new Date(newest.acquired)),
        renewTime: formatMicroTime(new Date(newest.renewed)),
        leaseDurationSeconds: newest.seconds,
      }),
    },
  };
}
