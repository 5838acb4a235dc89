import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_PAYLOAD_BYTES } from '../api/takorun.ts';
import {
  canonicalJson,
  checkPayload,
  compareText,
  eventFingerprint,
  fanOutFingerprint,
  MAX_PAYLOAD_DEPTH,
  sha256,
} from './fingerprint.ts';
import { buildEvent } from './testing/builders.ts';

/** The same JSON with the keys of every object in another order. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, member]) => [key, reversed(member)]);
  return Object.fromEntries(entries.reverse());
}

describe('canonicalJson', () => {
  it('given any JSON, then it reads back as that JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue(), value => {
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it('given the same JSON with its keys in another order, then it is the same text', () => {
    fc.assert(
      fc.property(fc.jsonValue(), value => {
        expect(canonicalJson(reversed(value))).toBe(canonicalJson(value));
      }),
    );
  });

  it('given the example of RFC 8785 for sorting, then keys are sorted by UTF-16 code units', () => {
    const value = { '\u20ac': 1, '\r': 2, '\ufb33': 3, '1': 4, '\ud83d\ude00': 5, '\u0080': 6, ö: 7 };
    expect(
      Object.values(JSON.parse(`[${[...canonicalJson(value).matchAll(/:(\d)/g)].map(match => match[1])}]`)),
    ).toEqual([2, 4, 6, 7, 1, 5, 3]);
  });

  it.each([
    ['a number that JSON has not', Number.NaN, 'expected a JSON value, got NaN'],
    ['a function', { run: () => 1 }, 'expected a JSON value, got a function'],
    ['a bigint', [1n], 'expected a JSON value, got a bigint'],
  ])('given %s, then it throws', (_what, value, message) => {
    expect(() => canonicalJson(value)).toThrow(message);
  });

  it('given keys without a value, then they are left out', () => {
    expect(canonicalJson({ b: undefined, a: [1, null, true, 'x'] })).toBe('{"a":[1,null,true,"x"]}');
  });
});

describe('checkPayload', () => {
  const nested = (levels: number): unknown => {
    let value: unknown = 0;
    for (let level = 0; level < levels; level += 1) value = [value];
    return value;
  };

  it('given none, then it passes', () => {
    expect(checkPayload(undefined)).toEqual({ ok: true, bytes: 0 });
  });

  it('given exactly 64 KiB of JSON, then it passes, and with one byte more it does not', () => {
    const most = 'x'.repeat(MAX_PAYLOAD_BYTES - 2);
    expect(checkPayload(most)).toMatchObject({ ok: true, bytes: MAX_PAYLOAD_BYTES });
    expect(checkPayload(`${most}x`)).toMatchObject({
      ok: false,
      message: expect.stringContaining('at most 65536 bytes of JSON, got 65537'),
    });
  });

  it('given characters of several bytes, then bytes are counted', () => {
    expect(checkPayload('€'.repeat(30_000))).toMatchObject({ ok: false });
  });

  it('given the deepest nesting, then it passes, and one level deeper does not', () => {
    expect(checkPayload(nested(MAX_PAYLOAD_DEPTH))).toMatchObject({ ok: true });
    expect(checkPayload(nested(MAX_PAYLOAD_DEPTH + 1))).toEqual({
      ok: false,
      message: 'payload: expected at most 100 levels of nesting',
    });
  });

  it('given nesting as deep as 64 KiB allow, then it is refused and the stack holds', () => {
    expect(checkPayload(JSON.parse(`${'['.repeat(30_000)}${']'.repeat(30_000)}`))).toMatchObject({ ok: false });
  });
});

describe('eventFingerprint', () => {
  it('given the same event, however its payload is ordered, then it is the same', () => {
    const one = buildEvent({ payload: { a: 1, b: { c: 2, d: 3 } } });
    const other = buildEvent({ payload: { b: { d: 3, c: 2 }, a: 1 } });
    expect(eventFingerprint(one)).toBe(eventFingerprint(other));
    expect(eventFingerprint(one)).toMatch(/^[0-9a-f]{64}$/);
  });

  it.each([
    ['type', { type: 'library_released' }],
    ['schemaVersion', { schemaVersion: '1.2.1' }],
    ['source', { source: 'acme/core-lib:other' }],
    ['payload', { payload: { version: '1.4.1' } }],
    ['id', { id: '1' }],
  ])('given another %s, then it is another one', (_field, change) => {
    expect(eventFingerprint(buildEvent(change))).not.toBe(eventFingerprint(buildEvent()));
  });

  it('given no payload and a payload of null, then they differ', () => {
    const { payload: _, ...bare } = buildEvent();
    expect(eventFingerprint(bare)).not.toBe(eventFingerprint({ ...bare, payload: null }));
  });
});

describe('fanOutFingerprint', () => {
  const spec = { event: buildEvent(), waitForChildren: true };

  it('given another place in the tree, then it is the same', () => {
    const root = { namespace: 'team', name: 'root', uid: '1' };
    expect(fanOutFingerprint({ ...spec, parent: { run: root, root, depth: 3 } })).toBe(fanOutFingerprint(spec));
  });

  it('given a change that a user may make later, then it is the same', () => {
    expect(fanOutFingerprint({ ...spec, cancel: true, suspend: true })).toBe(fanOutFingerprint(spec));
  });

  it.each([
    [{ waitForChildren: false }],
    [{ concurrencyLimit: 2 }],
    [{ timeout: '2h' }],
    [{ idempotent: true }],
    [{ event: buildEvent({ payload: {} }) }],
  ])('given %o, then it is another one', change => {
    expect(fanOutFingerprint({ ...spec, ...change })).not.toBe(fanOutFingerprint(spec));
  });

  it('given a workflow run, then it throws', () => {
    expect(() => fanOutFingerprint({ workflow: { repositoryRef: { name: 'a' }, name: 'ci' } })).toThrow(
      'expected the spec of a TakoRun with an event',
    );
  });
});

describe('sha256 and compareText', () => {
  it('given the text of the standard, then its digest is the known one', () => {
    expect(sha256('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  });

  it('given texts, then they are ordered whatever the locale', () => {
    expect(['b', 'ä', 'a', 'Z'].sort(compareText)).toEqual(['Z', 'a', 'b', 'ä']);
    expect(compareText('a', 'a')).toBe(0);
  });
});
