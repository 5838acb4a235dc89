import { DEFAULT_LOCK_SECONDS } from '../limits.ts';
import type { Holder, LockOperation, LockState, Observation, Waiter, Want } from '../types.ts';
import { owner, URL } from './builders.ts';

export const NOW = new Date('2026-01-01T12:00:00.000Z');

export function holder(run: string, mode: Holder['mode'], part: Partial<Holder> = {}): Holder {
  const time = NOW.toISOString();
  const times = { acquired: time, renewed: time, expires: time, seconds: DEFAULT_LOCK_SECONDS };
  return { id: run, mode, fence: mode === 'write' ? 1 : 0, ...owner(run), ...times, ...part };
}

export function waiter(run: string, want: Want | 'read' | 'write', part: Partial<Waiter> = {}): Waiter {
  const time = NOW.toISOString();
  return {
    id: run,
    want: typeof want === 'string' ? { mode: want } : want,
    ...owner(run),
    since: time,
    seen: time,
    ...part,
  };
}

export function lockState(part: Partial<LockState> = {}): LockState {
  return { url: URL, fence: 1, holders: [], queue: [], released: [], used: NOW.toISOString(), ...part };
}

export function acquisition(
  run: string,
  want: Want | 'read' | 'write',
  part: Partial<Extract<LockOperation, { kind: 'acquire' }>> = {},
): Extract<LockOperation, { kind: 'acquire' }> {
  return {
    kind: 'acquire',
    id: run,
    want: typeof want === 'string' ? { mode: want } : want,
    owner: owner(run),
    seconds: DEFAULT_LOCK_SECONDS,
    seenFence: 0,
    enqueue: true,
    ...part,
  };
}

/** Nobody is gone, and everybody has just given a sign, unless it is said otherwise. */
export function observation(part: Partial<Observation> = {}): Observation {
  return { now: NOW, silentMs: () => 0, gone: new Set(), ...part };
}
