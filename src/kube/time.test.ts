import { describe, expect, it } from 'vitest';
import { formatMicroTime } from './time.ts';

describe('times as the API server parses them', () => {
  it('given a date, then MicroTime has six digits', () => {
    expect(formatMicroTime(new Date('2026-03-01T12:00:00.120Z'))).toBe('2026-03-01T12:00:00.120000Z');
  });
});
