import { describe, expect, test } from 'vitest';
import { anyOf } from './signals.ts';

describe('anyOf', () => {
  test('given several signals, then it is aborted with the first of them, for its reason', () => {
    const [one, other] = [new AbortController(), new AbortController()];
    const signal = anyOf(one.signal, undefined, other.signal);
    expect(signal.aborted).toBe(false);
    other.abort('other');
    one.abort('one');
    expect(signal.reason).toBe('other');
  });

  test('given two that are aborted already, then the reason is that of the one that stands first', () => {
    expect(anyOf(AbortSignal.abort('one'), AbortSignal.abort('other')).reason).toBe('one');
  });

  test('given one signal that is there, then it is that one; given none, then there is none', () => {
    const { signal } = new AbortController();
    expect(anyOf(undefined, signal)).toBe(signal);
    expect(anyOf(signal, undefined)).toBe(signal);
    expect(anyOf(undefined, undefined)).toBeUndefined();
  });
});
