import { createBackOff } from '../kube/backoff.ts';
import type { Clock } from '../kube/clock.ts';
import { isApiError } from '../kube/errors.ts';
import type { Logger } from '../kube/logger.ts';
import { type Application, apply } from './apply.ts';
import { BROKEN_MS, brokenAnswer, brokenWords } from './broken.ts';
import { createGoneCheck, type IsGone, podsOf } from './gone.ts';
import { emptyState, lockName } from './lease.ts';
import type { LockMetrics } from './metrics.ts';
import { createObservations } from './observations.ts';
import { createLeaseRecord, type RecordContext, type Snapshot } from './record.ts';
import { createReport } from './report.ts';
import { createSuspicion } from './suspicion.ts';
import type { Answers, LockOperation, LockState } from './types.ts';

type Answer = Answers[keyof Answers];

/** One lock, as one keeper sees it. */
export interface Entry {
  readonly namespace: string;
  /** @param call.waitMs how long an acquisition waits before it is told to ask again */
  submit(operation: LockOperation, call: { signal: AbortSignal | undefined; waitMs: number }): Promise<Answer>;
  sweep(signal: AbortSignal | undefined): Promise<void>;
  leaseChanged(resourceVersion: string): void;
  podEnded(uid: string): void;
  /** For how long nobody has asked for anything; 0 while somebody does. */
  idleMs(): number;
}

export interface EntryContext extends RecordContext {
  readonly isGone: IsGone;
  readonly clock: Clock;
  readonly random: () => number;
  readonly metrics: LockMetrics;
  readonly logger: Logger;
}

interface Request {
  readonly operation: LockOperation;
  /** On the monotonic clock: until then an acquisition waits. */
  readonly answerAtMs: number;
  /** Until then an API server that fails is tried. */
  readonly failAtMs: number;
  settle(answer: Answer): void;
  fail(error: unknown): void;
}

/** How long an API server that fails is tried, milliseconds. */
const GIVE_UP_MS = 15_000;
/** Between two looks at a lock that somebody waits for, milliseconds; doubled from the first to the longest. */
const FIRST_LOOK_MS = 100;
const LONGEST_LOOK_MS = 5_000;
/** Two keepers that write the same Lease meet within milliseconds, so they part within milliseconds. */
const FIRST_CONFLICT_MS = 2;
const LONGEST_CONFLICT_MS = 1_000;
/** How long those that come to wait are gathered, milliseconds, before the Lease says so: little beside the time that anybody holds a lock. */
const GATHER_MS = 20;
/** With fewer in the queue, those that come are written at once. */
const GATHER_FROM = 5;
/** What was seen so long ago, milliseconds, is read again before anything is decided by it. */
const STALE_MS = 1_000;

/**
 * Brings the requests for one lock together (flat combining): while one write of the Lease is on its way whatever comes gathers, and the next
 * write serves all of it. So a Lease is written as often as the API server answers, however many ask.
 *
 * What was decided from an old state cannot be written, since the write is a compare-and-swap; what needs no write is answered only from a state
 * that was read for it.
 */
export function createEntry(ref: { namespace: string; url: string }, context: EntryContext): Entry {
  const { clock, random, metrics, logger } = context;
  const { namespace, url } = ref;
  const lease = { namespace, name: lockName(url) };
  const fields = { lease: `${namespace}/${lease.name}`, url };
  const record = createLeaseRecord(ref, context);
  const report = createReport(fields, context);
  const observations = createObservations(clock);
  const goneCheck = createGoneCheck(context.isGone, context);
  const looks = createBackOff({ firstMs: FIRST_LOOK_MS, longestMs: LONGEST_LOOK_MS, jitter: 0.2, random });
  const conflicts = createBackOff({ firstMs: FIRST_CONFLICT_MS, longestMs: LONGEST_CONFLICT_MS, random });
  const requests = new Set<Request>();

  let isRunning = false;
  /** Something came that the cycle under way may not have seen. */
  let hasNews = false;
  let idleSinceMs = clock.monotonic();
  let endNap = (): void => {};
  /** Since when a change waits to be written, on the monotonic clock. */
  let gatheringSinceMs: number | undefined;
  let saidBroken: string | undefined;
  let present: ReadonlySet<string> = new Set();

  const wake = (): void => {
    hasNews = true;
    endNap();
  };

  const suspicion = createSuspicion({ namespace, goneCheck, clock, onGone: wake });

  const nap = (ms: number, isWakeable: boolean): Promise<void> =>
    new Promise(resolve => {
      const end = (): void => {
        endNap = () => {};
        cancel();
        resolve();
      };
      const cancel = clock.setTimeout(end, ms);
      if (isWakeable) endNap = end;
    });

  /** The state to decide by, and what is wrong with it. */
  const stateOf = ({ lease: found, parsed, sameSinceMs }: Snapshot): LockState | { problem: string } => {
    if (parsed === undefined) return emptyState(url, clock.now());
    if (parsed.kind === 'state') return parsed.state;
    if (saidBroken !== parsed.problem) logger.warn(fields, brokenWords(lease, parsed.problem));
    saidBroken = parsed.problem;
    if (clock.monotonic() - sameSinceMs < BROKEN_MS) return { problem: parsed.problem };
    return emptyState(url, clock.now(), found?.spec?.leaseTransitions ?? 0);
  };

  const decide = (state: LockState, batch: readonly Request[]): Application => {
    observations.observe(state);
    present = new Set([...state.holders, ...state.queue].map(one => one.podUid));
    goneCheck.keep(state);
    return apply(
      state,
      batch.map(({ operation }) => operation),
      { now: clock.now(), silentMs: observations.silentMs, gone: goneCheck.gone },
    );
  };

  /** Whether it is time to give this answer. */
  const isDue = (given: Answer, { answerAtMs }: Request): boolean =>
    !isWaiting(given) || clock.monotonic() >= answerAtMs;

  const answer = (batch: readonly Request[], answers: readonly Answer[]): void => {
    for (const [index, request] of batch.entries()) {
      const given = answers[index]!;
      if (isDue(given, request)) request.settle(given);
    }
  };

  /** Whether a change has to be written now. One that only queues somebody behind others can wait a moment for more of its kind. */
  const isUrgent = (before: LockState, { state }: Application, batch: readonly Request[]): boolean => {
    if (state.holders !== before.holders || state.published !== before.published) return true;
    if (state.released !== before.released || state.queue.length < before.queue.length) return true;
    if (before.queue.length < GATHER_FROM) return true;
    const nowMs = clock.monotonic();
    gatheringSinceMs ??= nowMs;
    return nowMs - gatheringSinceMs >= GATHER_MS || batch.some(({ answerAtMs }) => nowMs >= answerAtMs);
  };

  /** Decides and writes once. `conflict`: somebody else was faster. `gathering`: it is written with what comes next. */
  const cycle = async (): Promise<'done' | 'gathering' | 'conflict'> => {
    // Taken before the read: what comes while it is on its way may be younger than what it gives.
    const batch = [...requests];
    const { known } = record;
    const isCached = known !== undefined && clock.monotonic() - known.seenAtMs < STALE_MS;
    const snapshot = isCached ? known : await record.read();
    const state = stateOf(snapshot);
    if ('problem' in state) {
      answer(
        batch,
        batch.map(({ operation }) => brokenAnswer(operation, lease, state.problem)),
      );
      return 'done';
    }
    const applied = decide(state, batch);
    if (applied.state !== state) {
      if (!isUrgent(state, applied, batch)) return 'gathering';
      gatheringSinceMs = undefined;
      if (!(await record.write(snapshot, applied.state))) {
        metrics.conflict();
        return 'conflict';
      }
      for (const event of applied.events) report(event);
      if (applied.events.length > 0) looks.reset();
    } else if (isCached && applied.answers.some((one, index) => isDue(one, batch[index]!))) {
      record.outdate();
      return cycle();
    }
    if (applied.answers.some(isWaiting)) suspicion.suspect(applied.state, askingIn(batch));
    answer(batch, applied.answers);
    return 'done';
  };

  const failAll = (error: unknown): void => {
    const isHopeless = !isApiError(error, 'transient', 'conflict');
    for (const request of requests) {
      if (isHopeless || clock.monotonic() >= request.failAtMs) request.fail(error);
    }
  };

  const run = async (): Promise<void> => {
    if (isRunning) return;
    isRunning = true;
    while (requests.size > 0) {
      // What comes in the same turn of the event loop goes together.
      await new Promise(resolve => setImmediate(resolve));
      hasNews = false;
      try {
        const outcome = await cycle();
        if (outcome === 'conflict') {
          await nap(conflicts.next(), false);
          continue;
        }
        conflicts.reset();
        if (outcome === 'gathering') {
          if (!hasNews) await nap(GATHER_MS, true);
          continue;
        }
      } catch (error) {
        logger.debug({ ...fields, err: error }, 'cannot read or write a lock');
        failAll(error);
        if (requests.size > 0) await nap(looks.next(), false);
        continue;
      }
      if (hasNews || requests.size === 0) continue;
      const dueMs = Math.min(...[...requests].map(({ answerAtMs }) => answerAtMs)) - clock.monotonic();
      await nap(Math.max(0, Math.min(looks.next(), dueMs)), true);
      if (hasNews) looks.reset();
      else record.outdate();
    }
    idleSinceMs = clock.monotonic();
    isRunning = false;
  };

  const submit: Entry['submit'] = (operation, { signal, waitMs }) =>
    new Promise((resolve, reject) => {
      const nowMs = clock.monotonic();
      const end = (): void => {
        signal?.removeEventListener('abort', onAbort);
        requests.delete(request);
        if (requests.size === 0) endNap();
      };
      const request: Request = {
        operation,
        answerAtMs: nowMs + waitMs,
        failAtMs: nowMs + Math.max(waitMs, GIVE_UP_MS),
        settle: given => {
          end();
          resolve(given);
        },
        fail: error => {
          end();
          reject(error);
        },
      };
      const onAbort = (): void => request.fail(signal?.reason);
      signal?.addEventListener('abort', onAbort, { once: true });
      requests.add(request);
      wake();
      void run();
    });

  return {
    namespace,
    submit,
    sweep: async signal => {
      const { parsed } = await record.read();
      if (parsed?.kind !== 'state') return;
      const { holders, queue } = parsed.state;
      if (await goneCheck.check(podsOf(namespace, [...holders, ...queue])))
        await submit({ kind: 'sweep' }, { signal, waitMs: 0 });
    },
    leaseChanged: resourceVersion => {
      if (record.changed(resourceVersion)) wake();
    },
    podEnded: uid => {
      if (requests.size === 0 || !present.has(uid)) return;
      suspicion.hurry();
      wake();
    },
    idleMs: () => (requests.size > 0 ? 0 : clock.monotonic() - idleSinceMs),
  };
}

/** Those of whom it is known that they are there. */
function askingIn(batch: readonly Request[]): Set<string> {
  return new Set(batch.flatMap(({ operation: one }) => (one.kind === 'acquire' ? [one.id] : [])));
}

function isWaiting(answer: Answer): boolean {
  return 'state' in answer && answer.state === 'waiting';
}
