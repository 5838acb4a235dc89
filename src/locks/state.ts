import { z } from 'zod';
import { MAX_COMMITS, MAX_ENTRIES, MAX_LOCK_SECONDS, MAX_RELEASED } from './limits.ts';
import type { LockState } from './types.ts';

/** The Lease's own counter is an int32. */
const fence = z.int().min(0).max(2_147_483_647);
const time = z.iso.datetime();
const text = z.string().max(2_048);
const id = z.string().min(1).max(64);

const owner = { run: text, runUid: text, pod: text, podUid: text };

const holder = z.object({
  id,
  mode: z.enum(['read', 'write']),
  fence,
  ...owner,
  acquired: time,
  renewed: time,
  expires: time,
  seconds: z.int().min(1).max(MAX_LOCK_SECONDS),
});

const waiter = z.object({
  id,
  want: z.union([z.object({ mode: z.enum(['read', 'write']) }), z.object({ commit: z.string().min(1).max(64) })]),
  ...owner,
  since: time,
  seen: time,
});

const lockState = z.object({
  url: text,
  fence,
  holders: z.array(holder).max(MAX_ENTRIES),
  queue: z.array(waiter).max(MAX_ENTRIES),
  published: z
    .object({ fence, commits: z.array(z.string().min(1).max(64)).max(MAX_COMMITS), bytes: z.int().min(0), at: time })
    .optional(),
  released: z.array(id).max(MAX_RELEASED),
  used: time,
});

/** What an annotation says, or why it cannot be what Tako wrote. */
export type ParsedState =
  | { readonly kind: 'state'; readonly state: LockState }
  | { readonly kind: 'broken'; readonly problem: string };

/** Reads what `formatState` wrote. Never throws: anybody who may write Leases may write anything. */
export function parseState(annotation: string): ParsedState {
  let json: unknown;
  try {
    json = JSON.parse(annotation);
  } catch {
    return { kind: 'broken', problem: 'it is not JSON' };
  }
  const { data, error } = lockState.safeParse(json);
  if (error !== undefined) {
    const [issue] = error.issues;
    return { kind: 'broken', problem: `${issue?.path.join('.') || 'all of it'}: ${issue?.message}` };
  }
  const problem = contradictionIn(data);
  return problem === undefined ? { kind: 'state', state: data } : { kind: 'broken', problem };
}

/** What no sequence of operations leads to. */
function contradictionIn({ holders, queue, fence, published }: LockState): string | undefined {
  const ids = [...holders, ...queue].map(one => one.id);
  if (new Set(ids).size !== ids.length) return 'two entries have the same id';
  if (holders.length > 1 && holders.some(one => one.mode === 'write')) return 'a writer is beside another holder';
  if (holders.some(one => one.fence > fence)) return 'a holder has a higher fence than was ever granted';
  if (published !== undefined && published.fence > fence) return 'what is published has a fence that was never granted';
  return undefined;
}

export function formatState(state: LockState): string {
  return JSON.stringify(state);
}
