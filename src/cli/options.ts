import { parseQuantity } from '../controllers/run/quantity.ts';
import { parseDuration } from '../workflow/duration.ts';
import { CliError, EXIT } from './exit.ts';

const DAY_MS = 24 * 3_600_000;

/** Reads the value of an option that is an age: `7d`, `2w`, or a duration such as `12h` or `1h30m`. Milliseconds. */
export function ageOption(name: string, text: string): number {
  const [, count, unit] = /^(\d{1,5})(d|w)$/.exec(text) ?? [];
  if (count !== undefined) return Number(count) * (unit === 'w' ? 7 : 1) * DAY_MS;
  const parsed = parseDuration(text);
  if (parsed.ok) return parsed.ms;
  throw new CliError(`--${name}: expected an age such as 7d, 12h or 1h30m, got ${JSON.stringify(text)}`, EXIT.usage);
}

/** Reads the value of an option that is a size: `10Gi`, `500M`, `0`. Bytes. */
export function sizeOption(name: string, text: string): number {
  const size = parseQuantity(text);
  if (size !== undefined && size >= 0) return Math.floor(size);
  throw new CliError(`--${name}: expected a size such as 10Gi or 500Mi, got ${JSON.stringify(text)}`, EXIT.usage);
}
