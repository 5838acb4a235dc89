/** Milliseconds in each unit that Go's `time.ParseDuration` knows. */
const UNITS = new Map([
  ['ns', 1e-6],
  ['us', 1e-3],
  ['µs', 1e-3],
  ['μs', 1e-3],
  ['ms', 1],
  ['s', 1_000],
  ['m', 60_000],
  ['h', 3_600_000],
]);

const PART = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g;
const MAX_TEXT = 64;

/** A year: longer than any run may wait. */
export const MAX_DURATION_MS = 365 * 24 * 3_600_000;

export type DurationResult = { ok: true; ms: number } | { ok: false; message: string };

export interface DurationBounds {
  /** Milliseconds. Default 0. */
  min?: number;
  /** Milliseconds. Default `MAX_DURATION_MS`. */
  max?: number;
}

/**
 * Reads a duration as Go writes it: `30s`, `2h`, `1h30m`, `1.5h`, `250ms`, and `0`. Never negative.
 * The result is rounded to whole milliseconds. The message of a failure is complete but for the place.
 */
export function parseDuration(text: string, bounds: DurationBounds = {}): DurationResult {
  const { min = 0, max = MAX_DURATION_MS } = bounds;
  const ms = text.length > MAX_TEXT ? undefined : sumOfParts(text);
  if (ms === undefined) {
    return {
      ok: false,
      message: `expected a duration such as 30s, 2h or 1h30m, got ${JSON.stringify(text.slice(0, MAX_TEXT))}`,
    };
  }
  const rounded = Math.round(ms);
  if (rounded < min) return { ok: false, message: `expected at least ${formatDuration(min)}, got ${text}` };
  if (rounded > max) return { ok: false, message: `expected at most ${formatDuration(max)}, got ${text}` };
  return { ok: true, ms: rounded };
}

function sumOfParts(text: string): number | undefined {
  if (text === '0') return 0;
  const parts = [...text.matchAll(PART)];
  const read = parts.reduce((length, part) => length + part[0].length, 0);
  if (parts.length === 0 || read !== text.length) return undefined;
  return parts.reduce((ms, [, count, unit]) => ms + Number(count) * UNITS.get(unit!)!, 0);
}

/** Whole milliseconds as a text that `parseDuration` reads back: `1h30m`, `1m30s`, `1.5s`, `250ms`, `0s`. */
export function formatDuration(ms: number): string {
  const hours = Math.floor(ms / 3_600_000);
  const minutes = Math.floor((ms % 3_600_000) / 60_000);
  const rest = Math.round(ms % 60_000);
  if (hours === 0 && minutes === 0 && rest > 0 && rest < 1_000) return `${rest}ms`;
  const text = `${hours > 0 ? `${hours}h` : ''}${minutes > 0 ? `${minutes}m` : ''}${rest > 0 ? `${rest / 1_000}s` : ''}`;
  return text === '' ? '0s' : text;
}
