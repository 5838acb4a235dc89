import { describe, expect, it } from 'vitest';
import { accepts, matchesSelector } from './consent.ts';

const emitter = { name: 'libs', labels: { team: 'core', 'kubernetes.io/metadata.name': 'libs' } };

describe('accepts', () => {
  it('given the same namespace, then always', () => {
    expect(accepts({ namespace: 'libs', acceptEvents: undefined }, emitter)).toBe(true);
    expect(accepts({ namespace: 'libs', acceptEvents: { namespaces: { from: 'Selector' } } }, emitter)).toBe(true);
  });

  it.each([
    ['nothing is said', undefined, false],
    ['Same', { namespaces: { from: 'Same' } }, false],
    ['All', { namespaces: { from: 'All' } }, true],
    ['a selector that fits', { namespaces: { from: 'Selector', selector: { matchLabels: { team: 'core' } } } }, true],
    ['another selector', { namespaces: { from: 'Selector', selector: { matchLabels: { team: 'apps' } } } }, false],
    ['no selector', { namespaces: { from: 'Selector' } }, false],
  ] as const)('given another namespace and %s, then %s says %s', (_what, acceptEvents, expected) => {
    expect(accepts({ namespace: 'apps', acceptEvents: structuredClone(acceptEvents) }, emitter)).toBe(expected);
  });

  it('given a selector and a namespace whose labels are not known, then no', () => {
    const acceptEvents = { namespaces: { from: 'Selector' as const, selector: { matchLabels: { team: 'core' } } } };
    expect(accepts({ namespace: 'apps', acceptEvents }, { name: 'libs' })).toBe(false);
  });
});

describe('matchesSelector', () => {
  it.each([
    ['In', ['core', 'apps'], true],
    ['In', ['apps'], false],
    ['NotIn', ['apps'], true],
    ['NotIn', ['core'], false],
    ['Exists', undefined, true],
    ['DoesNotExist', undefined, false],
  ] as const)('given team=core and the requirement %s %j, then %s', (operator, values, expected) => {
    const selector = { matchExpressions: [{ key: 'team', operator, ...(values && { values: [...values] }) }] };
    expect(matchesSelector(selector, emitter.labels)).toBe(expected);
  });

  it.each([
    ['In', false],
    ['NotIn', true],
    ['Exists', false],
    ['DoesNotExist', true],
  ] as const)('given no such label and the requirement %s, then %s', (operator, expected) => {
    const selector = { matchExpressions: [{ key: 'absent', operator, values: ['x'] }] };
    expect(matchesSelector(selector, emitter.labels)).toBe(expected);
  });

  it('given a key that every object inherits, then only a real label counts', () => {
    expect(matchesSelector({ matchExpressions: [{ key: 'constructor', operator: 'Exists' }] }, {})).toBe(false);
  });

  it('given several requirements, then all must hold, and an empty selector selects all', () => {
    const both = {
      matchLabels: { team: 'core' },
      matchExpressions: [{ key: 'team', operator: 'NotIn' as const, values: ['core'] }],
    };
    expect(matchesSelector(both, emitter.labels)).toBe(false);
    expect(matchesSelector({}, {})).toBe(true);
  });
});
