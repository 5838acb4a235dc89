import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatState, parseState } from './state.ts';
import { commit } from './testing/builders.ts';
import { holder, lockState, NOW, waiter } from './testing/states.ts';
import type { LockState } from './types.ts';

const state = lockState({
  fence: 3,
  holders: [holder('a', 'read', { fence: 2 })],
  queue: [waiter('b', 'write'), waiter('c', { commit: commit('c') })],
  published: { fence: 2, commits: [commit('a')], bytes: 7, at: NOW.toISOString() },
  released: ['d'],
});

describe('the annotation of a lock', () => {
  test('given what was formatted, then the same is read', () => {
    expect(parseState(formatState(state))).toEqual({ kind: 'state', state });
  });

  test('given a field of a later version, then it does no harm', () => {
    expect(parseState(JSON.stringify({ ...state, later: 1 }))).toEqual({ kind: 'state', state });
  });

  const broken: [string, string, RegExp][] = [
    ['nothing', '', /not JSON/],
    ['half of it', formatState(state).slice(0, 100), /not JSON/],
    ['another kind of JSON', '[]', /expected object/],
    ['a missing list', JSON.stringify({ ...state, holders: undefined }), /^holders: /],
    [
      'two writers',
      text({ holders: [holder('a', 'write'), holder('x', 'write')] }),
      /a writer is beside another holder/,
    ],
    ['a writer beside a reader', text({ holders: [holder('a', 'read'), holder('x', 'write')] }), /a writer is beside/],
    ['one that holds and waits', text({ queue: [waiter('a', 'read')] }), /same id/],
    ['a fence that was lowered', text({ fence: 1 }), /higher fence/],
    ['a generation from nowhere', text({ fence: 2, published: { ...state.published!, fence: 9 } }), /never granted/],
    ['a negative fence', text({ fence: -1 }), /^fence: /],
    ['a fence that no Lease can count', text({ fence: 2 ** 31 }), /^fence: /],
    ['a holder for ever', text({ holders: [holder('a', 'read', { seconds: 10_000_000 })] }), /^holders.0.seconds: /],
    ['a time that is none', text({ used: 'yesterday' }), /^used: /],
  ];
  test.each(broken)('given %s, then it says what is wrong', (_what, annotation, problem) => {
    expect(parseState(annotation)).toEqual({ kind: 'broken', problem: expect.stringMatching(problem) });
  });

  test('given anything at all, then it is read or refused, and what is read has no writer beside another holder', () => {
    const part = fc.record(
      {
        url: fc.string(),
        fence: fc.oneof(fc.integer(), fc.double()),
        holders: fc.array(
          fc.oneof(fc.anything(), fc.constantFrom(holder('a', 'write'), holder('b', 'read'), holder('c', 'write'))),
        ),
        queue: fc.array(fc.oneof(fc.anything(), fc.constant(waiter('d', 'read')))),
        published: fc.anything(),
        released: fc.array(fc.oneof(fc.string(), fc.anything())),
        used: fc.constantFrom(NOW.toISOString(), ''),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          part.map(one => JSON.stringify({ ...state, ...one })),
        ),
        annotation => {
          const parsed = parseState(annotation);
          if (parsed.kind === 'broken') return;
          const { holders } = parsed.state;
          expect(holders.length <= 1 || holders.every(one => one.mode === 'read')).toBe(true);
        },
      ),
    );
  });
});

function text(part: Partial<LockState>): string {
  return formatState({ ...state, ...part });
}
