import { describe, expect, it } from 'vitest';
import { toTimestamp } from './timestamp.ts';

describe('times as metav1.Time', () => {
  it('given milliseconds, then whole seconds and never later', () => {
    expect(toTimestamp(1_999)).toBe('1970-01-01T00:00:01Z');
    expect(toTimestamp(Date.parse('2026-01-02T03:04:05.999Z'))).toBe('2026-01-02T03:04:05Z');
  });
});
