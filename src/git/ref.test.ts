import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { GitError } from './errors.ts';
import { isRefName, parseRef, requireCommit } from './ref.ts';

const SHA = 'a'.repeat(40);

describe('parseRef', () => {
  test.each([
    ['nothing', undefined, { kind: 'default' }],
    ['an empty object', {}, { kind: 'default' }],
    [
      'a branch',
      { branch: 'main' },
      { kind: 'names', names: ['refs/heads/main'], shown: 'branch main', field: 'spec.ref' },
    ],
    ['a tag', { tag: 'v1' }, { kind: 'names', names: ['refs/tags/v1'], shown: 'tag v1', field: 'spec.ref' }],
    ['a commit', { commit: SHA }, { kind: 'commit', commit: SHA }],
    ['a long commit', { commit: 'b'.repeat(64) }, { kind: 'commit', commit: 'b'.repeat(64) }],
    ['a text that is a commit', SHA, { kind: 'commit', commit: SHA }],
    [
      'a full name',
      'refs/pull/1/head',
      { kind: 'names', names: ['refs/pull/1/head'], shown: 'refs/pull/1/head', field: 'spec.workflow.ref' },
    ],
    [
      'a text',
      'feature/x',
      {
        kind: 'names',
        names: ['refs/tags/feature/x', 'refs/heads/feature/x'],
        shown: 'branch or tag feature/x',
        field: 'spec.workflow.ref',
      },
    ],
  ] as const)('given %s, then it is understood', (_, ref, expected) => {
    expect(parseRef(ref)).toEqual(expected);
  });

  test.each([
    ['an option', '--upload-pack=touch /tmp/x'],
    ['an option as a branch', { branch: '-x' }],
    ['a range', { tag: 'a..b' }],
    ['a pattern', { branch: 'rel*' }],
    ['a refspec', 'main:refs/heads/x'],
    ['an empty name', { branch: '' }],
    ['a NUL', 'a\0b'],
    ['a short commit', { commit: 'abcdef0' }],
    ['an upper-case commit', { commit: 'A'.repeat(40) }],
    ['two at once', { branch: 'main', tag: 'v1' }],
  ])('given %s, then it is refused', (_, ref) => {
    expect(() => parseRef(ref)).toThrow(GitError);
  });

  test('given a text that is no commit, then requireCommit says what one looks like', () => {
    expect(() => requireCommit('HEAD')).toThrow(/full hexadecimal name/);
  });
});

describe('isRefName', () => {
  test('given any name, then git agrees that it is one whenever we do', () => {
    const part = fc.oneof(
      fc.constantFrom(
        'a',
        'main',
        '.',
        '..',
        '.lock',
        '@',
        '@{',
        '~',
        '^',
        ':',
        '?',
        '*',
        '[',
        '\\',
        ' ',
        '-',
        'v1',
        '/',
      ),
      fc.string({ maxLength: 3 }),
    );
    const names = fc.sample(
      fc.array(part, { minLength: 1, maxLength: 4 }).map(parts => parts.join('')),
      { numRuns: 150, seed: 7 },
    );
    for (const name of names.filter(candidate => isRefName(candidate))) {
      expect(() => execFileSync('git', ['check-ref-format', `refs/heads/${name}`]), JSON.stringify(name)).not.toThrow();
    }
  });

  test.each(['main', 'feature/a-b', 'v1.0.0', 'ä', 'a@b'])('given %s, then it is one', name => {
    expect(isRefName(name)).toBe(true);
  });
});
