import { describe, expect, test } from 'vitest';
import { entry, holder, lockState, waiter } from '../testing/entries.ts';
import { entriesTable, entryJson, isThere, sorted, useOf } from './entries.ts';

const now = new Date('2026-05-01T12:05:00Z');

describe('the table of cached repositories', () => {
  test('given entries in use and not, then each line says what is there, how large it is, and who uses it', () => {
    const text = entriesTable(
      [
        entry({ holders: [holder('app-one'), holder('app-two')], queue: [waiter('docs')] }),
        entry({
          url: 'https://git.example.com/acme/new.git',
          published: undefined,
          holders: [holder('first', 'write')],
        }),
      ],
      now,
      false,
    );
    expect(text).toBe(
      [
        'REPOSITORY                                  GENERATION   COMMITS   SIZE   LAST USED   IN USE',
        'https://git.example.com/acme/core-lib.git   3            2         10Mi   5m ago      read by app-one, app-two; 1 waits',
        'https://git.example.com/acme/new.git        -            -         -      5m ago      written by first',
        '',
      ].join('\n'),
    );
  });

  test('given all namespaces, then each line begins with its own', () => {
    const lines = entriesTable([entry({}, 'team-b')], now, true).split('\n');
    expect(lines[0]).toMatch(/^NAMESPACE {3}REPOSITORY /);
    expect(lines[1]).toMatch(/^team-b {6}https:/);
  });
});

describe('who uses an entry', () => {
  test.each([
    [[], [], '-'],
    [[holder('a')], [], 'read by a'],
    [[holder('a', 'write')], [waiter('b'), waiter('c')], 'written by a; 2 wait'],
    [['a', 'b', 'c', 'd', 'e'].map(run => holder(run)), [], 'read by a, b, c, 2 more'],
    [[], [waiter('b')], '1 waits'],
  ])('given holders and waiters, then it is said in few words (%#)', (holders, queue, words) => {
    expect(useOf({ holders, queue })).toBe(words);
  });
});

describe('what is listed', () => {
  test('given an entry that was removed, then only its Lease is left, and it is not listed', () => {
    expect(isThere(entry({ published: undefined }))).toBe(false);
    expect(isThere(entry({ published: undefined, queue: [waiter('a')] }))).toBe(true);
    expect(isThere(entry())).toBe(true);
  });

  test('given entries of several namespaces, then they come by namespace and repository', () => {
    const [a, b, c] = [
      entry({ url: 'https://b' }, 'one'),
      entry({ url: 'https://a' }, 'two'),
      entry({ url: 'https://a' }, 'one'),
    ];
    expect(sorted([a!, b!, c!])).toEqual([c, a, b]);
  });

  test('given an entry as JSON, then it has what the table shows, in full', () => {
    const state = lockState({ holders: [holder('app-one')], queue: [waiter('docs')] });
    expect(entryJson({ namespace: 'team-a', lease: 'tako-cache-0', state })).toEqual({
      namespace: 'team-a',
      repository: state.url,
      lease: 'tako-cache-0',
      generation: 3,
      commits: state.published?.commits,
      bytes: 10_485_760,
      publishedAt: state.used,
      lastUsed: state.used,
      holders: [
        {
          ...{ run: 'app-one', pod: 'app-one-pod', mode: 'read' },
          ...{ acquired: state.used, renewed: state.used, expires: state.used },
        },
      ],
      waiting: [{ run: 'docs', pod: 'docs-pod', want: { mode: 'write' }, since: state.used }],
    });
  });
});
