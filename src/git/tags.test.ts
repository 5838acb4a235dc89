import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { chooseTag, describeWithoutHistory, parseDescription } from './tags.ts';

const light = (name: string) => ({ name, annotated: false });
const annotated = (name: string) => ({ name, annotated: true });

describe('describeWithoutHistory', () => {
  test.each([
    ['a tag on the commit', ['here'], { tag: 'v1', commitsSinceTag: 0, describe: 'v1' }],
    ['no tag at all', [], {}],
    ['tags elsewhere only, one of which may be the nearest', ['there'], undefined],
  ])('given %s, then it says %3$j', (_, commits, expected) => {
    expect(describeWithoutHistory('here', new Map(commits.map(commit => [commit, [light('v1')]])))).toEqual(expected);
  });
});

describe('chooseTag', () => {
  test.each([
    ['none', [], undefined],
    ['one', [light('v1')], 'v1'],
    ['an annotated and a higher lightweight one', [light('v2.0.0'), annotated('v1.0.0')], 'v1.0.0'],
    ['two versions', [light('v1.9.0'), light('v1.10.0')], 'v1.10.0'],
    ['a release and its candidate', [light('v1.2.0-rc.1'), light('v1.2.0')], 'v1.2.0'],
    ['two candidates', [light('v1.2.0-rc.2'), light('v1.2.0-rc.10')], 'v1.2.0-rc.10'],
    ['a candidate of a higher release', [light('v1.2.0'), light('v1.3.0-rc.1')], 'v1.3.0-rc.1'],
  ])('given %s, then %s wins', (_, tags, expected) => {
    expect(chooseTag(tags)?.name).toBe(expected);
  });

  test('given the same tags in any order, then the same one wins', () => {
    const tag = fc.record({
      name: fc.stringMatching(/^v?[0-9]{1,2}(\.[0-9]{1,2}){0,2}(-rc\.[0-9])?$/),
      annotated: fc.boolean(),
    });
    const tags = fc.uniqueArray(tag, { selector: item => item.name, minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(
        tags.chain(list => fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length }))),
        ([list, shuffled]) => {
          expect(chooseTag(shuffled)).toEqual(chooseTag(list));
        },
      ),
    );
  });
});

describe('parseDescription', () => {
  test('given what git prints, then name, distance and commit come apart, dashes in the name or not', () => {
    expect(parseDescription('v1.2.0-3-gabcdef0\n')).toEqual({ tag: 'v1.2.0', commitsSince: 3, commit: 'abcdef0' });
    expect(parseDescription('rel-1-2-g1-0-g1234567')).toEqual({
      tag: 'rel-1-2-g1',
      commitsSince: 0,
      commit: '1234567',
    });
  });

  test('given another text, then there is nothing', () => {
    expect(parseDescription('v1.2.0')).toBeUndefined();
  });
});
