import type { Space } from './gates.ts';

/*
 * A namespace whose ResourceQuota is used up, as the API server said when it refused a Pod. Its runs go one by one from then on: one tries, and
 * the next when that one has its Pod, or when there may be room again.
 */

type WithQuota = Pick<Space, 'quota'>;

export function usedUp(space: WithQuota, message: string): void {
  space.quota = { message, mayProbe: false };
}

/** Whether its quota lets a run go, or try. */
export function mayTry({ quota }: WithQuota): boolean {
  return quota === undefined || (quota.mayProbe && quota.probing === undefined);
}

/** If there is need to try, this run is the one that does. */
export function tryWith({ quota }: WithQuota, key: string): void {
  if (quota === undefined) return;
  quota.mayProbe = false;
  quota.probing = key;
}

/** The one that tried has its Pod, so there may be room for another. False: it was not the one. */
export function succeeded({ quota }: WithQuota, key: string): boolean {
  if (quota?.probing !== key) return false;
  quota.probing = undefined;
  quota.mayProbe = true;
  return true;
}

/** There may be room, for one run to try; false when there is no need to. */
export function letOneTry({ quota }: WithQuota): boolean {
  if (quota === undefined) return false;
  quota.mayProbe = true;
  return true;
}

/** A place is free, so there may be room. */
export function placeLeft({ quota }: WithQuota, key: string): void {
  if (quota === undefined) return;
  if (quota.probing === key) quota.probing = undefined;
  quota.mayProbe = true;
}

/** When nobody of a namespace waits any more, the next one need not be careful. */
export function calm(space: Pick<Space, 'quota' | 'waiting'>): void {
  if (space.quota?.probing === undefined && space.waiting === 0) space.quota = undefined;
}
