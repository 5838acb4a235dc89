import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EventInput } from './event-record.ts';
import { cutUtf8, fingerprint, toKubeEvent } from './event-record.ts';

const reporter = { reportingController: 'example.com/controller', reportingInstance: 'pod-1' };
const now = new Date('2026-01-01T00:00:00.123Z');

function input(
  fields: Partial<EventInput> = {},
  meta: { name?: string; namespace?: string | undefined } = {},
): EventInput {
  const { name = 'a', namespace = 'n' } = meta;
  return {
    regarding: {
      apiVersion: 'example.com/v1',
      kind: 'Thing',
      metadata: { name, namespace, uid: 'u', resourceVersion: '7', creationTimestamp: '2026-01-01T00:00:00Z' },
    },
    type: 'Normal',
    reason: 'Started',
    action: 'Start',
    note: 'it runs',
    ...fields,
  };
}

describe('toKubeEvent', () => {
  it('given an event, then it lives beside its object and says all that the API wants', () => {
    const related = { kind: 'Pod', name: 'p', uid: 'v' };
    expect(toKubeEvent(input({ related }), reporter, '00ff', now)).toEqual({
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { name: 'a.00ff', namespace: 'n' },
      eventTime: '2026-01-01T00:00:00.123000Z',
      type: 'Normal',
      reason: 'Started',
      action: 'Start',
      note: 'it runs',
      regarding: {
        apiVersion: 'example.com/v1',
        kind: 'Thing',
        name: 'a',
        uid: 'u',
        resourceVersion: '7',
        namespace: 'n',
      },
      related,
      ...reporter,
    });
  });

  it('given a cluster-scoped object, then its events are in default', () => {
    const { regarding, ...rest } = input();
    const { namespace: _, ...metadata } = regarding.metadata;
    const event = toKubeEvent({ ...rest, regarding: { ...regarding, metadata } }, reporter, 'x', now);
    expect([event.metadata.namespace, event.regarding?.namespace]).toEqual(['default', undefined]);
  });

  it('given words and names that are too long, then they are cut to what the API takes', () => {
    const long = 'x'.repeat(2_000);
    const event = toKubeEvent(
      input({ reason: long, action: long, note: long }, { name: `${'y'.repeat(235)}.-${'z'.repeat(16)}` }),
      reporter,
      '0123456789abcdef',
      now,
    );
    expect([event.reason.length, event.action.length, Buffer.byteLength(event.note!)]).toEqual([128, 128, 1_024]);
    expect(event.metadata.name).toBe(`${'y'.repeat(235)}.0123456789abcdef`);
  });
});

describe('fingerprint', () => {
  it('given the same words about the same object, then it is the same, else another', () => {
    const newer = input();
    newer.regarding.metadata.resourceVersion = '8';
    expect(fingerprint(newer)).toBe(fingerprint(input()));
    const others = [
      input({ note: 'x' }),
      input({ reason: 'x' }),
      input({ action: 'x' }),
      input({ type: 'Warning' }),
      input({ related: { uid: 'x' } }),
    ];
    expect(new Set([input(), ...others].map(fingerprint)).size).toBe(6);
  });
});

describe('cutUtf8', () => {
  it('given any text, then it has at most so many bytes, is valid, and is the beginning of the text', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 60 }).filter(text => text.isWellFormed()),
        fc.integer({ min: 3, max: 80 }),
        (text, bytes) => {
          const cut = cutUtf8(text, bytes);
          expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(bytes);
          if (cut === text) return;
          expect(Buffer.byteLength(text)).toBeGreaterThan(bytes);
          expect(cut.endsWith('…')).toBe(true);
          expect(text.startsWith(cut.slice(0, -1))).toBe(true);
        },
      ),
    );
  });
});
