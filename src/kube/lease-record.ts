import type { Lease, Live } from './objects.ts';
import { formatMicroTime } from './time.ts';

/** A contender's view of the Lease it wants; pure, so that the elector's rules can be read in one place. */

export interface LeaseHolder {
  namespace: string;
  name: string;
  identity: string;
  leaseDurationMs: number;
}

/** Empty when nobody holds it. */
export function holderOf(lease: Live<Lease>): string {
  return lease.spec?.holderIdentity ?? '';
}

/**
 * Whether `identity` may take the Lease (or has it already).
 *
 * @param unchangedMs for how long the observer, by its own clock, has seen no change of it
 */
export function mayTake(lease: Live<Lease>, holder: LeaseHolder, unchangedMs: number): boolean {
  const current = holderOf(lease);
  if (current === '' || current === holder.identity) return true;
  const durationMs = (lease.spec?.leaseDurationSeconds ?? holder.leaseDurationMs / 1000) * 1000;
  return unchangedMs >= durationMs;
}

/** The Lease as taken or renewed by `holder`; `current` is what it replaces, absent when it has to be created. */
export function taken(current: Live<Lease> | undefined, holder: LeaseHolder, now: Date): Lease {
  const time = formatMicroTime(now);
  const renewal = current !== undefined && holderOf(current) === holder.identity;
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: current?.metadata ?? { name: holder.name, namespace: holder.namespace },
    spec: {
      ...current?.spec,
      holderIdentity: holder.identity,
      leaseDurationSeconds: holder.leaseDurationMs / 1000,
      acquireTime: renewal ? (current.spec?.acquireTime ?? time) : time,
      renewTime: time,
      leaseTransitions: current === undefined ? 0 : transitionsOf(current) + (renewal ? 0 : 1),
    },
  };
}

/** The Lease without a holder, free for the next at once. */
export function released(current: Live<Lease>, now: Date): Lease {
  const time = formatMicroTime(now);
  return {
    ...current,
    // What client-go leaves behind: the shortest duration, and the counter.
    spec: { leaseDurationSeconds: 1, acquireTime: time, renewTime: time, leaseTransitions: transitionsOf(current) },
  };
}

/** How often the holder has changed: the fencing number. */
export function transitionsOf(lease: Live<Lease>): number {
  return lease.spec?.leaseTransitions ?? 0;
}
