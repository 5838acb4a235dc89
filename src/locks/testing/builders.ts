import type { AcquireRequest, LockRef } from '../keeper.ts';
import type { LockOwner, Want } from '../types.ts';

export const URL = 'https://git.example.com/acme/app.git';
export const NAMESPACE = 'team';

/** Any commit: the same digit forty times. */
export const commit = (digit: string): string => digit.repeat(40);

export function owner(run: string): LockOwner {
  return { run, runUid: `run-uid-${run}`, pod: `${run}-pod`, podUid: `pod-uid-${run}` };
}

/** A lock of `URL` by the id that is the run's name. */
export function ref(run: string): LockRef {
  return { namespace: NAMESPACE, url: URL, id: run };
}

export function request(
  run: string,
  want: Want | 'read' | 'write',
  part: Partial<AcquireRequest> = {},
): AcquireRequest {
  return { ...ref(run), holder: owner(run), want: typeof want === 'string' ? { mode: want } : want, ...part };
}
