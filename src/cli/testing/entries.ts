import type { Holder, LockState, Waiter } from '../../locks/types.ts';
import type { Entry } from '../cache/entries.ts';

const TIME = '2026-05-01T12:00:00.000Z';

export function lockState(changes: Partial<LockState> = {}): LockState {
  return {
    url: 'https://git.example.com/acme/core-lib.git',
    fence: 3,
    holders: [],
    queue: [],
    released: [],
    published: { fence: 3, commits: ['a'.repeat(40), 'b'.repeat(40)], bytes: 10 * 1_024 * 1_024, at: TIME },
    used: TIME,
    ...changes,
  };
}

export function entry(changes: Partial<LockState> = {}, namespace = 'team-a'): Entry {
  return { namespace, lease: 'tako-cache-0', state: lockState(changes) };
}

export function holder(run: string, mode: Holder['mode'] = 'read'): Holder {
  const pod = `${run}-pod`;
  return {
    ...{ id: run, mode, fence: 3, run, runUid: `${run}-uid`, pod, podUid: `${pod}-uid` },
    ...{ acquired: TIME, renewed: TIME, expires: TIME, seconds: 1_800 },
  };
}

export function waiter(run: string): Waiter {
  const owner = { run, runUid: `${run}-uid`, pod: `${run}-pod`, podUid: `${run}-pod-uid` };
  return { ...owner, id: run, want: { mode: 'write' }, since: TIME, seen: TIME };
}
