import fc from 'fast-check';
import { expect, test } from 'vitest';
import { apply } from './apply.ts';
import { WAITER_SILENCE_MS } from './limits.ts';
import { formatState, parseState } from './state.ts';
import { commit } from './testing/builders.ts';
import { acquisition, lockState, NOW, observation } from './testing/states.ts';
import type { Grant, LockOperation, LockState, Waiting, Want } from './types.ts';

const RUNS = ['a', 'b', 'c', 'd', 'e', 'f'];
const wants = fc.oneof(
  fc.constantFrom<Want>({ mode: 'read' }, { mode: 'write' }),
  fc.constantFrom('1', '2').map((digit): Want => ({ commit: commit(digit) })),
);
/** What a run does next; it takes a new id after it has given one back, as agents do. */
type Move =
  | { kind: 'acquire'; run: string; want: Want; seenFence: number; enqueue: boolean }
  | { kind: 'renew' | 'evict' | 'release'; run: string }
  | { kind: 'publish'; run: string; digit: string };
const runs = fc.constantFrom(...RUNS);
const moves: fc.Arbitrary<Move> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('acquire' as const),
      run: runs,
      want: wants,
      seenFence: fc.nat(5),
      enqueue: fc.boolean(),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('renew', 'evict', 'release' as const), run: runs }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('publish' as const), run: runs, digit: fc.constantFrom('1', '2') }),
  },
);
const steps = fc.array(
  fc.record({
    moves: fc.array(moves, { maxLength: 4 }),
    gone: fc.subarray(RUNS, { maxLength: 1 }),
    silent: fc.subarray(RUNS, { maxLength: 1 }),
  }),
  { maxLength: 40 },
);

/** The same lock as a child would write it down: a list of who is in and a list of who is out there. */
function createNaiveLock() {
  let inside: { id: string; writes: boolean; fence: number }[] = [];
  let line: { id: string; want: Want }[] = [];
  let published: { fence: number; digits: string[] } | undefined;
  let fence = 1;
  const back = new Set<string>();
  const leave = (id: string): void => {
    inside = inside.filter(one => one.id !== id);
    line = line.filter(one => one.id !== id);
  };
  const writes = (want: Want): boolean =>
    'mode' in want ? want.mode === 'write' : published?.digits.includes(want.commit) !== true;
  const mayEnter = (want: Want): boolean => (writes(want) ? inside.length === 0 : inside.every(one => !one.writes));
  const enter = (id: string, want: Want, seen: number): void => {
    if (writes(want)) fence = Math.max(fence, seen) + 1;
    inside.push({ id, writes: writes(want), fence: writes(want) ? fence : (published?.fence ?? 0) });
  };
  return {
    leave,
    inside: () => inside.map(({ id, writes: isWriter, fence: own }) => `${id} ${isWriter ? 'write' : 'read'} ${own}`),
    line: () => line.map(({ id }) => id),
    fence: () => fence,
    published: () => published?.fence,
    hear: (operation: LockOperation): void => {
      if (operation.kind === 'release') {
        back.add(operation.id);
        leave(operation.id);
      }
      const writer = inside.find(one => operation.kind !== 'sweep' && one.id === operation.id && one.writes);
      if (writer !== undefined && operation.kind === 'publish') {
        published = { fence: writer.fence, digits: [...operation.commits] };
        writer.writes = false;
      }
      if (writer !== undefined && operation.kind === 'evict') published = undefined;
    },
    askAll: (asked: Extract<LockOperation, { kind: 'acquire' }>[]): void => {
      const known = (id: string): boolean => back.has(id) || [...inside, ...line].some(one => one.id === id);
      for (const { id, want, enqueue } of asked) if (enqueue && !known(id)) line.push({ id, want });
      let absentReader = false;
      for (const { id, want } of [...line]) {
        if (!mayEnter(want) || (absentReader && writes(want))) break;
        const ask = asked.find(one => one.id === id);
        if (ask === undefined && writes(want)) break;
        if (ask === undefined) {
          absentReader = true;
          continue;
        }
        line = line.filter(one => one.id !== id);
        enter(id, want, ask.seenFence);
        if (inside.at(-1)!.writes) break;
      }
      for (const { id, want, seenFence, enqueue } of asked) {
        const isFirst = line.every(one => !writes(one.want)) && (line.length === 0 || !writes(want));
        if (!enqueue && !known(id) && mayEnter(want) && isFirst) enter(id, want, seenFence);
      }
    },
  };
}

test('given any requests, crashes and silences, then the lock does what a naive one does, and never what a lock may not', () => {
  fc.assert(
    fc.property(steps, all => {
      const naive = createNaiveLock();
      const serials = new Map(RUNS.map(run => [run, 0]));
      const idOf = (run: string): string => `${run}-${serials.get(run)}`;
      let state: LockState = lockState();
      for (const { moves: drawn, gone, silent } of all) {
        const operations = [...new Map(drawn.map(move => [move.run, move])).values()].map((move): LockOperation => {
          const id = idOf(move.run);
          switch (move.kind) {
            case 'acquire':
              return { ...acquisition(move.run, move.want), ...move, kind: 'acquire', id };
            case 'publish':
              return { kind: 'publish', id, commits: [commit(move.digit)], bytes: 1 };
            default:
              return { kind: move.kind, id };
          }
        });
        const heard = new Set(operations.map(one => (one.kind === 'sweep' ? '' : one.id)));
        const silentIds = new Set(silent.map(idOf));
        const applied = apply(
          state,
          operations,
          observation({
            gone: new Set(gone.map(run => `pod-uid-${run}`)),
            silentMs: id => (silentIds.has(id) ? 10_000_000 : WAITER_SILENCE_MS - 1),
          }),
        );

        for (const operation of operations) naive.hear(operation);
        for (const run of gone) naive.leave(idOf(run));
        for (const id of silentIds) if (!heard.has(id)) naive.leave(id);
        naive.askAll(operations.filter(one => one.kind === 'acquire'));
        expect(applied.state.holders.map(one => `${one.id} ${one.mode} ${one.fence}`)).toEqual(naive.inside());
        expect(applied.state.queue.map(one => one.id)).toEqual(naive.line());
        expect(applied.state.fence).toBe(naive.fence());
        expect(applied.state.published?.fence).toBe(naive.published());

        const { holders, fence } = applied.state;
        expect(holders.some(one => one.mode === 'write') && holders.length > 1).toBe(false);
        expect(fence).toBeGreaterThanOrEqual(state.fence);
        expect(parseState(formatState(applied.state))).toEqual({
          kind: 'state',
          state: JSON.parse(JSON.stringify(applied.state)),
        });
        for (const [index, operation] of operations.entries()) {
          if (operation.kind !== 'acquire') continue;
          const answer = applied.answers[index] as Grant | Waiting;
          expect(answer.state === 'granted').toBe(holders.some(one => one.id === operation.id));
        }
        state = applied.state;
        for (const operation of operations) {
          if (operation.kind === 'release') {
            const run = operation.id.slice(0, 1);
            serials.set(run, serials.get(run)! + 1);
          }
        }
      }
    }),
  );
});

test('given any queue whose waiters keep asking and whose holders give back, then each gets the lock in as many rounds as there are waiters', () => {
  fc.assert(
    fc.property(fc.array(wants, { minLength: 1, maxLength: 20 }), all => {
      const asked = all.map((want, index) => acquisition(`run-${index}`, want));
      let waiting = asked;
      let state = lockState({ fence: 1 });
      const order: number[] = [];
      for (let round = 0; round <= all.length && waiting.length > 0; round++) {
        state = apply(state, waiting, observation()).state;
        const held = state.holders.map(({ id }) => id);
        order.push(...held.map(id => Number(id.slice(4))));
        waiting = waiting.filter(({ id }) => !held.includes(id));
        const release = held.map((id): LockOperation => ({ kind: 'release', id }));
        state = apply(state, release, observation({ now: NOW })).state;
      }
      expect(order).toEqual(asked.map((_, index) => index));
    }),
  );
});
