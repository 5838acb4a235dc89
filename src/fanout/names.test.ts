import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { childName, fanOutRunName, podName, resultName, sanitiseName, shortHash } from './names.ts';

const DNS_LABEL = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/;
const run = { name: 'release', uid: '7f3c' };
const child = {
  namespace: 'team',
  repository: 'app-one',
  slug: 'acme/app-one',
  workflow: 'ci',
  inputs: { version: '1.4.0' },
};

describe('sanitiseName', () => {
  it('given any text, then it is part of a DNS label of at most 40 characters', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), text => {
        const name = sanitiseName(text);
        expect(name).toMatch(DNS_LABEL);
        expect(name.length).toBeLessThanOrEqual(40);
      }),
    );
  });

  it('given a name that fits, then it stays', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z0-9]([a-z0-9]|-[a-z0-9]){0,19}$/), text => {
        expect(sanitiseName(text)).toBe(text);
      }),
    );
  });

  it.each([
    ['Integration_Test', 'integration-test'],
    ['--a..b--', 'a-b'],
    ['日本', 'run'],
    ['', 'run'],
    [`${'a'.repeat(39)}-b`, 'a'.repeat(39)],
    [`-${'a'.repeat(50)}`, 'a'.repeat(40)],
  ])('given %j, then it is %s', (text, name) => {
    expect(sanitiseName(text)).toBe(name);
  });
});

describe('shortHash', () => {
  it('given different lists of texts, then the hashes differ, wherever one text ends', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), fc.array(fc.string()), (one, other) => {
        expect(shortHash(...one) === shortHash(...other)).toBe(JSON.stringify(one) === JSON.stringify(other));
      }),
    );
    expect(shortHash('ab', 'c')).not.toBe(shortHash('a', 'bc'));
    expect(shortHash('a')).toMatch(/^[0-9a-f]{16}$/);
  });
});

describe('names of what a run owns', () => {
  it('given the same owner, then they are the same, and differ by kind, owner and detail', () => {
    const names = [
      podName(run, 1),
      podName(run, 2),
      podName({ ...run, uid: '7f3d' }, 1),
      fanOutRunName(run, 'publish'),
      fanOutRunName(run, 'other'),
      fanOutRunName(run, '1'),
      resultName(run, '1'),
      resultName(run, '2'),
    ];
    expect(new Set(names).size).toBe(names.length);
    expect(podName(run, 1)).toBe(podName({ ...run }, 1));
    expect(podName(run, 1)).toMatch(/^release-[0-9a-f]{16}$/);
    expect(fanOutRunName(run, 'publish')).toMatch(/^release-publish-[0-9a-f]{16}$/);
  });

  it('given a run that Tako named, then its own hash is not repeated', () => {
    const name = childName('1', child);
    expect(podName({ name, uid: '2' }, 1)).toMatch(/^app-one-ci-[0-9a-f]{16}$/);
    expect(fanOutRunName({ name, uid: '2' }, 'publish')).toMatch(/^app-one-ci-publish-[0-9a-f]{16}$/);
  });

  it('given the longest names, then they fit a label with room for a suffix', () => {
    const long = { name: 'r'.repeat(253), uid: 'u'.repeat(64) };
    const names = [podName(long, 64), fanOutRunName(long, 's'.repeat(128)), resultName(long, 'p')];
    expect(names.map(name => name.length)).toEqual([57, 57, 57]);
  });
});

describe('childName', () => {
  it('given the same parent, repository, workflow and inputs, then it is the same, whatever the order of the inputs', () => {
    const one = childName('1', { ...child, inputs: { a: '1', b: '2' } });
    expect(one).toBe(childName('1', { ...child, inputs: { b: '2', a: '1' } }));
    expect(one).toMatch(/^app-one-ci-[0-9a-f]{16}$/);
  });

  it.each([
    ['parent', '2', {}],
    ['namespace', '1', { namespace: 'other' }],
    ['repository', '1', { repository: 'app-two' }],
    ['workflow', '1', { workflow: 'deploy' }],
    ['inputs', '1', { inputs: { version: '1.4.1' } }],
  ])('given another %s, then it is another one', (_what, parent, change) => {
    expect(childName(parent, { ...child, ...change })).not.toBe(childName('1', child));
  });
});
