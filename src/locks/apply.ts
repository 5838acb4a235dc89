import { departures } from './departures.ts';
import { grantable } from './grants.ts';
import { MAX_ENTRIES, MAX_RELEASED, WAITER_REFRESH_MS } from './limits.ts';
import type {
  Answers,
  Grant,
  Holder,
  LockEvent,
  LockMode,
  LockOperation,
  LockState,
  Observation,
  Publication,
  Renewal,
  Waiter,
  Waiting,
} from './types.ts';
import { waitingWords } from './words.ts';

export interface Application {
  /** The very same object when nothing changed. */
  readonly state: LockState;
  /** One for each operation, in their order. */
  readonly answers: readonly Answers[keyof Answers][];
  readonly events: readonly LockEvent[];
}

type Acquisition = Extract<LockOperation, { kind: 'acquire' }>;

/**
 * Applies operations that came together as one step. Holders are heard first, so that one that gives the lock back or publishes makes room
 * for the others; then those that are gone lose what they had; then whoever asks is queued, and whoever can be served is.
 *
 * It is the whole of what a lock does: keepers only bring operations here and write what comes out, by compare-and-swap.
 */
export function apply(before: LockState, operations: readonly LockOperation[], observation: Observation): Application {
  const draft = createDraft(before, observation.now);
  const answers = operations.map(operation => (operation.kind === 'acquire' ? undefined : draft.hear(operation)));
  const heard = new Set(operations.flatMap(operation => (operation.kind === 'sweep' ? [] : [operation.id])));
  draft.drop(
    departures(draft.state, { ...observation, silentMs: id => (heard.has(id) ? 0 : observation.silentMs(id)) }),
  );

  const asking = new Map(operations.flatMap(one => (one.kind === 'acquire' ? [[one.id, one] as const] : [])));
  for (const acquisition of asking.values()) draft.enqueue(acquisition, observation.silentMs(acquisition.id));
  draft.grant(asking);
  for (const acquisition of asking.values()) if (!acquisition.enqueue) draft.tryIt(acquisition);

  const answerTo = createAnswers(draft.state);
  return {
    state: draft.state,
    events: draft.events,
    answers: operations.map((operation, index) =>
      operation.kind === 'acquire' ? answerTo(operation.id) : answers[index]!,
    ),
  };
}

/** How acquisitions stand, by their ids. */
function createAnswers(state: LockState): (id: string) => Grant | Waiting {
  const holders = new Map(state.holders.map(holder => [holder.id, holder]));
  const places = new Map(state.queue.map(({ id }, index) => [id, index]));
  return id => {
    const holder = holders.get(id);
    if (holder !== undefined) return grantOf(holder, state);
    if (state.released.includes(id))
      return { state: 'waiting', reason: `the request ${id} was given back: make a new one` };
    return { state: 'waiting', reason: waitingWords(state, places.get(id) ?? state.queue.length) };
  };
}

function grantOf({ mode, fence, expires }: Holder, { published }: LockState): Grant {
  return { state: 'granted', mode, fence, expires, ...(published && { published }) };
}

function createDraft(before: LockState, now: Date) {
  const time = now.toISOString();
  const events: LockEvent[] = [];
  let state = before;

  const change = (part: Partial<LockState>): void => {
    state = { ...state, ...part };
  };
  const sinceMs = (text: string): number => Math.max(0, now.getTime() - Date.parse(text));
  const findHolder = (id: string): Holder | undefined => state.holders.find(one => one.id === id);
  const renewed = (holder: Holder): Holder => ({
    ...holder,
    renewed: time,
    expires: new Date(now.getTime() + holder.seconds * 1_000).toISOString(),
  });
  const replaceHolder = (holder: Holder): void =>
    change({ holders: state.holders.map(one => (one.id === holder.id ? holder : one)) });

  const renew = (id: string): Renewal => {
    const holder = findHolder(id);
    if (holder === undefined) return { held: false };
    const { expires } = renewed(holder);
    replaceHolder(renewed(holder));
    return { held: true, expires };
  };

  const publish = ({ id, commits, bytes }: Extract<LockOperation, { kind: 'publish' }>): Publication => {
    const holder = findHolder(id);
    if (holder === undefined) return { held: false };
    if (holder.mode === 'read') {
      const { published } = state;
      const isRepeated = published?.fence === holder.fence && published.commits.join() === commits.join();
      return isRepeated ? { held: true, published } : { held: false };
    }
    const published = { fence: holder.fence, commits, bytes, at: time };
    events.push({ kind: 'ended', holder, heldMs: sinceMs(holder.acquired) });
    replaceHolder({ ...renewed(holder), mode: 'read', acquired: time });
    change({ published });
    events.push({ kind: 'published', published });
    return { held: true, published };
  };

  const evict = (id: string): { held: boolean } => {
    if (findHolder(id)?.mode !== 'write') return { held: false };
    if (state.published !== undefined) change({ published: undefined });
    return { held: true };
  };

  const release = ({ id, use }: Extract<LockOperation, { kind: 'release' }>): Record<never, never> => {
    const holder = findHolder(id);
    if (holder !== undefined) events.push({ kind: 'ended', holder, heldMs: sinceMs(holder.acquired) });
    // Also of an id that nobody knows: its request may still be on the way.
    if (!state.released.includes(id)) {
      change({ released: [...state.released, id].slice(-MAX_RELEASED) });
      if (use !== undefined) events.push({ kind: 'used', use });
    }
    remove(one => one.id === id);
    return {};
  };

  const remove = (isLeaving: (one: Holder | Waiter) => boolean): void => {
    if (state.holders.some(isLeaving)) change({ holders: state.holders.filter(one => !isLeaving(one)) });
    if (state.queue.some(isLeaving)) change({ queue: state.queue.filter(one => !isLeaving(one)) });
  };

  const waiterOf = ({ id, want, owner }: Acquisition): Waiter => ({ id, want, ...owner, since: time, seen: time });

  const hold = ({ id, owner, seconds, seenFence }: Acquisition, waiter: Waiter, mode: LockMode): void => {
    if (mode === 'write') change({ fence: Math.max(state.fence, seenFence) + 1 });
    const fence = mode === 'write' ? state.fence : (state.published?.fence ?? 0);
    const holder = renewed({ id, mode, fence, ...owner, acquired: time, renewed: time, expires: time, seconds });
    change({ holders: [...state.holders, holder], queue: state.queue.filter(one => one !== waiter), used: time });
    events.push({ kind: 'granted', holder, waitedMs: sinceMs(waiter.since) });
  };

  return {
    get state() {
      return state;
    },
    events,
    hear: (operation: Exclude<LockOperation, Acquisition>): Answers[keyof Answers] => {
      switch (operation.kind) {
        case 'renew':
          return renew(operation.id);
        case 'publish':
          return publish(operation);
        case 'evict':
          return evict(operation.id);
        case 'release':
          return release(operation);
        case 'sweep':
          return {};
      }
    },
    drop: (departed: ReturnType<typeof departures>): void => {
      const ids = new Set(departed.map(one => (one.kind === 'takenOver' ? one.holder.id : one.waiter.id)));
      remove(one => ids.has(one.id));
      events.push(...departed);
    },
    enqueue: (acquisition: Acquisition, silentMs: number): void => {
      const { id, enqueue } = acquisition;
      if (findHolder(id) !== undefined || state.released.includes(id)) return;
      const known = state.queue.find(one => one.id === id);
      if (known !== undefined) {
        if (silentMs < WAITER_REFRESH_MS) return;
        change({ queue: state.queue.map(one => (one === known ? { ...known, seen: time } : one)) });
      } else if (enqueue && state.holders.length + state.queue.length < MAX_ENTRIES) {
        change({ queue: [...state.queue, waiterOf(acquisition)] });
      }
    },
    grant: (asking: ReadonlyMap<string, Acquisition>): void => {
      for (const { waiter, mode } of grantable(state, ({ id }) => asking.has(id))) {
        hold(asking.get(waiter.id)!, waiter, mode);
      }
    },
    /** As if it stood at the end of the queue, but it leaves no trace when it is not its turn. */
    tryIt: (acquisition: Acquisition): void => {
      const { id } = acquisition;
      if ([...state.holders, ...state.queue].some(one => one.id === id) || state.released.includes(id)) return;
      const waiter = waiterOf(acquisition);
      const [grant] = grantable({ ...state, queue: [...state.queue, waiter] }, one => one === waiter);
      if (grant !== undefined) hold(acquisition, waiter, grant.mode);
    },
  };
}
