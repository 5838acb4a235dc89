import { describe, expect, test } from 'vitest';
import { apply } from './apply.ts';
import { MAX_ENTRIES, MAX_RELEASED, WAITER_REFRESH_MS, WAITER_SILENCE_MS } from './limits.ts';
import { commit } from './testing/builders.ts';
import { acquisition, holder, lockState, NOW, observation, waiter } from './testing/states.ts';
import type { LockOperation, LockState } from './types.ts';

const step = (state: LockState, ...operations: LockOperation[]) => apply(state, operations, observation());
const ids = (list: readonly { id: string }[]): string[] => list.map(one => one.id);
const published = { fence: 3, commits: [commit('a')], bytes: 1, at: NOW.toISOString() };

describe('asking for a lock', () => {
  test('given a free lock, then the first writer has it and the others wait behind each other', () => {
    const { state, answers } = step(
      lockState(),
      acquisition('a', 'write'),
      acquisition('b', 'write'),
      acquisition('c', 'read'),
    );
    expect([ids(state.holders), ids(state.queue)]).toEqual([['a'], ['b', 'c']]);
    expect(answers).toMatchObject([
      { state: 'granted', mode: 'write', fence: 2 },
      { state: 'waiting', reason: 'the cached copy is written by run a' },
      { state: 'waiting', reason: 'the cached copy is written by run a, 1 request is ahead' },
    ]);
  });

  test('given a reader, then readers join it until a writer waits', () => {
    const { state } = step(
      lockState({ holders: [holder('a', 'read')] }),
      acquisition('b', 'read'),
      acquisition('c', 'write'),
      acquisition('d', 'read'),
    );
    expect([ids(state.holders), ids(state.queue)]).toEqual([
      ['a', 'b'],
      ['c', 'd'],
    ]);
  });

  test('given a commit that is published, then whoever needs it reads it; one that is not is written by the first', () => {
    const state = lockState({ fence: 3, published });
    expect(step(state, acquisition('a', { commit: commit('a') })).answers).toMatchObject([
      { mode: 'read', fence: 3, published },
    ]);
    expect(
      step(state, acquisition('a', { commit: commit('b') }), acquisition('b', { commit: commit('b') })).answers,
    ).toMatchObject([{ mode: 'write', fence: 4, published }, { state: 'waiting' }]);
  });

  test('given a repeated request, then the answer is the same and nothing changes', () => {
    const first = step(lockState(), acquisition('a', 'write'));
    const second = step(first.state, acquisition('a', 'write'));
    expect(second.state).toBe(first.state);
    expect(second.answers).toEqual(first.answers);
    expect(second.events).toEqual([]);
  });

  test('given one that only tries, then it gets what is free, and otherwise leaves no trace', () => {
    const tried = acquisition('a', 'write', { enqueue: false });
    expect(step(lockState(), tried).answers).toMatchObject([{ state: 'granted' }]);
    const held = lockState({ holders: [holder('b', 'read')] });
    const { state, answers } = step(held, tried);
    expect(state).toBe(held);
    expect(answers).toMatchObject([{ state: 'waiting' }]);
    // Not before those that wait.
    expect(
      step(lockState({ queue: [waiter('w', 'write')] }), acquisition('r', 'read', { enqueue: false })).answers,
    ).toMatchObject([{ state: 'waiting' }]);
  });

  test('given a higher generation on the volume than the Lease knows, then the fence is above it', () => {
    expect(step(lockState(), acquisition('a', 'write', { seenFence: 41 })).state.fence).toBe(42);
    expect(step(lockState({ fence: 50 }), acquisition('a', 'write', { seenFence: 41 })).state.fence).toBe(51);
  });

  test('given a waiter that does not ask now, then nobody passes it but readers a reader, and it keeps its place', () => {
    const state = lockState({ queue: [waiter('gone', 'read')] });
    const after = step(state, acquisition('r', 'read'), acquisition('w', 'write')).state;
    expect([ids(after.holders), ids(after.queue)]).toEqual([['r'], ['gone', 'w']]);
    expect(ids(step(lockState({ queue: [waiter('gone', 'write')] }), acquisition('r', 'read')).state.holders)).toEqual(
      [],
    );
  });

  test('given as many as fit, then another is told to wait without a place', () => {
    const queue = Array.from({ length: MAX_ENTRIES - 1 }, (_, index) => waiter(`w${index}`, 'read'));
    const full = lockState({ holders: [holder('a', 'write')], queue });
    const { state, answers } = step(full, acquisition('late', 'read'));
    expect(state).toBe(full);
    expect(answers).toMatchObject([
      { state: 'waiting', reason: expect.stringContaining(`${MAX_ENTRIES - 1} requests are ahead`) },
    ]);
  });

  test('given a waiter in hand, then it is refreshed when others have not heard of it for a while', () => {
    const state = lockState({
      holders: [holder('a', 'write')],
      queue: [waiter('b', 'read', { seen: '2026-01-01T11:00:00.000Z' })],
    });
    const after = (silentMs: number) =>
      apply(state, [acquisition('b', 'read')], observation({ silentMs: () => silentMs })).state.queue[0]?.seen;
    expect(after(WAITER_REFRESH_MS - 1)).toBe('2026-01-01T11:00:00.000Z');
    expect(after(WAITER_REFRESH_MS)).toBe(NOW.toISOString());
  });
});

describe('holding a lock', () => {
  const writing = lockState({
    fence: 7,
    holders: [holder('w', 'write', { fence: 7 })],
    queue: [waiter('r', { commit: commit('a') })],
  });

  test('given a writer that publishes, then it reads its generation, and who waits for the commit reads it in the same step', () => {
    const publish = { kind: 'publish', id: 'w', commits: [commit('a')], bytes: 9 } as const;
    const { state, answers, events } = step(writing, publish, acquisition('r', { commit: commit('a') }));
    expect(state.published).toEqual({ fence: 7, commits: [commit('a')], bytes: 9, at: NOW.toISOString() });
    expect(state.holders).toMatchObject([
      { id: 'w', mode: 'read', fence: 7 },
      { id: 'r', mode: 'read', fence: 7 },
    ]);
    expect(answers).toMatchObject([
      { held: true, published: { fence: 7 } },
      { state: 'granted', mode: 'read', fence: 7 },
    ]);
    expect(events.map(({ kind }) => kind)).toEqual(['ended', 'published', 'granted']);
    // Its answer got lost.
    expect(step(state, publish)).toMatchObject({
      state,
      answers: [{ held: true, published: { fence: 7 } }],
      events: [],
    });
    expect(step(state, { ...publish, commits: [commit('b')] }).answers).toEqual([{ held: false }]);
  });

  test('given one that is not a holder any more, then it may neither publish nor evict nor renew', () => {
    const { state, answers } = step(
      writing,
      { kind: 'publish', id: 'x', commits: [commit('a')], bytes: 9 },
      { kind: 'evict', id: 'x' },
      { kind: 'renew', id: 'x' },
    );
    expect(state).toBe(writing);
    expect(answers).toEqual([{ held: false }, { held: false }, { held: false }]);
  });

  test('given a writer that evicts, then nothing is published and it stays; a reader may not', () => {
    const state = lockState({ fence: 7, published, holders: [holder('w', 'write', { fence: 7 })] });
    const evicted = step(state, { kind: 'evict', id: 'w' });
    expect(evicted.answers).toEqual([{ held: true }]);
    expect(evicted.state.published).toBeUndefined();
    expect(ids(evicted.state.holders)).toEqual(['w']);
    expect(step(evicted.state, { kind: 'evict', id: 'w' })).toMatchObject({
      state: evicted.state,
      answers: [{ held: true }],
    });
    expect(step(lockState({ holders: [holder('r', 'read')] }), { kind: 'evict', id: 'r' }).answers).toEqual([
      { held: false },
    ]);
  });

  test('given a renewal, then the holder has its whole time again', () => {
    const state = lockState({ holders: [holder('r', 'read', { seconds: 60, renewed: '2026-01-01T11:00:00.000Z' })] });
    const renewed = step(state, { kind: 'renew', id: 'r' });
    expect(renewed.answers).toEqual([{ held: true, expires: '2026-01-01T12:01:00.000Z' }]);
    expect(renewed.state.holders).toMatchObject([{ renewed: NOW.toISOString(), expires: '2026-01-01T12:01:00.000Z' }]);
  });

  test('given one that gives the lock back, then the next has it in the same step, and a late request with the id is void', () => {
    const { state, events } = step(writing, { kind: 'release', id: 'w' }, acquisition('r', 'read'));
    expect(ids(state.holders)).toEqual(['r']);
    expect(events).toMatchObject([
      { kind: 'ended', holder: { id: 'w' } },
      { kind: 'granted', holder: { id: 'r' } },
    ]);
    expect(step(state, { kind: 'release', id: 'w' }).state).toBe(state);
    const late = step(state, acquisition('w', 'read'));
    expect(late).toMatchObject({
      state,
      answers: [{ state: 'waiting', reason: expect.stringContaining('given back') }],
    });
    expect(step(state, acquisition('w', 'read', { enqueue: false })).state).toBe(state);
  });

  test('given an id that nobody knows, when it is given back, then its request that comes later is void', () => {
    const { state } = step(lockState(), { kind: 'release', id: 'early' });
    expect(step(state, acquisition('early', 'write')).state).toBe(state);
    const others = Array.from(
      { length: MAX_RELEASED },
      (_, index): LockOperation => ({ kind: 'release', id: `o${index}` }),
    );
    expect(step(state, ...others).state.released).toHaveLength(MAX_RELEASED);
  });
});

describe('losing a lock', () => {
  const state = lockState({
    holders: [holder('w', 'write', { seconds: 60 })],
    queue: [waiter('n', 'write'), waiter('m', 'read')],
  });

  test('given a holder whose Pod is over, then the next one in the queue that asks has the lock', () => {
    const gone = new Set(['pod-uid-w']);
    const { state: after, events } = apply(state, [acquisition('n', 'write')], observation({ gone }));
    expect(after.holders).toMatchObject([{ id: 'n', fence: 2 }]);
    expect(events).toMatchObject([{ kind: 'takenOver', cause: 'gone' }, { kind: 'granted' }]);
  });

  test.each([
    [59_999, ['w']],
    [60_000, ['n']],
  ])('given a holder of 60 s that was silent for %i ms, then the holder is %j', (silent, expected) => {
    const silentMs = (id: string) => (id === 'w' ? silent : 0);
    expect(ids(apply(state, [acquisition('n', 'write')], observation({ silentMs })).state.holders)).toEqual(expected);
  });

  test('given a silent holder that gives a sign just now, then it keeps the lock', () => {
    const silentMs = (id: string) => (id === 'w' ? 60_000 : 0);
    const { state: after } = apply(
      state,
      [{ kind: 'renew', id: 'w' }, acquisition('n', 'write')],
      observation({ silentMs }),
    );
    expect(ids(after.holders)).toEqual(['w']);
  });

  test('given a waiter that nobody has in hand for a minute, then it leaves the queue, unless it asks now', () => {
    const silentMs = (id: string) => (id === 'n' ? WAITER_SILENCE_MS : 0);
    expect(ids(apply(state, [acquisition('m', 'read')], observation({ silentMs })).state.queue)).toEqual(['m']);
    expect(ids(apply(state, [acquisition('n', 'write')], observation({ silentMs })).state.queue)).toEqual(['n', 'm']);
  });

  test('given a sweep, then those that are gone go, and nobody comes', () => {
    const { state: after, answers } = apply(
      state,
      [{ kind: 'sweep' }],
      observation({ gone: new Set(['pod-uid-w', 'pod-uid-m']) }),
    );
    expect([ids(after.holders), ids(after.queue), answers]).toEqual([[], ['n'], [{}]]);
  });

  test('given a holder without a Pod, then only silence takes its lock', () => {
    const alone = lockState({ holders: [holder('w', 'write', { podUid: '' })] });
    expect(apply(alone, [{ kind: 'sweep' }], observation({ gone: new Set(['']) })).state).toBe(alone);
  });
});
