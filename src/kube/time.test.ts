import { describe, expect, it } from 'vitest';
import { formatMicroTime, formatTime } from './time.ts';

describe('times as the API server parses them', () => {
  it('given a date, then MicroTime has six digits and Time none', () => {
    const date = new Date('2026-03-01T12:00:00.120Z');
    expect([formatMicroTime(date), formatTime(date)]).toEqual(['2026-03-01T12:00:00.120000Z', '2026-03-01T12:00:00Z']);
  });
});
