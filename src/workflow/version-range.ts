import Range from 'semver/classes/range.js';
import compare from 'semver/functions/compare.js';
import parse from 'semver/functions/parse.js';

/**
 * A set of schema versions. `interval` is Tako's own spelling, `npm` the npm package manager's; both are plain JSON.
 */
export type VersionRange =
  | { kind: 'interval'; text: string; lower?: Bound; upper?: Bound }
  | { kind: 'npm'; text: string };

/** One end of an interval. */
export interface Bound {
  /** x.y.z */
  version: string;
  inclusive: boolean;
}

export type VersionRangeResult = { ok: true; range: VersionRange } | { ok: false; message: string };

const INTERVAL = /^([[(])\s*(.*?)\s*\.\.\.\s*(.*?)\s*([\])])$/s;
const VERSION = /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)$/;
/** npm's own bound for a range; Tako's interval fits into it with room to spare. */
const MAX_TEXT = 256;

/** A schema version: three numbers without leading zeros, nothing else. */
export function isSchemaVersion(text: string): boolean {
  return VERSION.test(text) && parse(text) !== null;
}

/**
 * Reads a range: `(1.1.0...2.0.0]` (`(` excludes its end, `[` includes it; an end may be left out, `[1.1.0...)`),
 * `^1.2.0`, `~1.2`, `>=1.0.0 <2.0.0`, `1.2.0` and the other npm forms. An interval that nothing can be in is refused.
 */
export function parseVersionRange(text: string): VersionRangeResult {
  const trimmed = text.trim();
  if (trimmed === '' || trimmed.length > MAX_TEXT) return invalid(trimmed);
  const interval = INTERVAL.exec(trimmed);
  if (interval === null) return parseNpmRange(trimmed);
  const [, open, from, to, close] = interval;
  return parseInterval(trimmed, bound(from!, open === '['), bound(to!, close === ']'));
}

function bound(version: string, inclusive: boolean): Bound | undefined {
  return version === '' ? undefined : { version, inclusive };
}

function parseInterval(text: string, lower: Bound | undefined, upper: Bound | undefined): VersionRangeResult {
  for (const end of [lower, upper]) {
    if (end !== undefined && !isSchemaVersion(end.version)) {
      return {
        ok: false,
        message: `expected both ends of ${text} to be versions like 1.2.0, got ${JSON.stringify(end.version)}`,
      };
    }
  }
  if (lower === undefined && upper === undefined) return invalid(text);
  if (lower !== undefined && upper !== undefined) {
    const order = compare(lower.version, upper.version);
    if (order > 0)
      return { ok: false, message: `the range ${text} is empty: ${lower.version} is above ${upper.version}` };
    if (order === 0 && !(lower.inclusive && upper.inclusive)) {
      return {
        ok: false,
        message: `the range ${text} is empty: write [${lower.version}...${upper.version}] for that one version`,
      };
    }
  }
  return { ok: true, range: { kind: 'interval', text, ...(lower && { lower }), ...(upper && { upper }) } };
}

function parseNpmRange(text: string): VersionRangeResult {
  return npmRange(text) === undefined ? invalid(text) : { ok: true, range: { kind: 'npm', text } };
}

function npmRange(text: string): Range | undefined {
  try {
    return new Range(text);
  } catch {
    return undefined;
  }
}

function invalid(text: string): VersionRangeResult {
  const shown = JSON.stringify(text.slice(0, 60));
  return {
    ok: false,
    message: `expected a version range such as ^1.2.0, ~1.2, ">=1.0.0 <2.0.0", "(1.1.0...2.0.0]" or 1.2.0, got ${shown}`,
  };
}

/**
 * Whether a version lies in a range. What is no version lies in none. Pre-releases follow npm's rule in npm ranges,
 * plain order in intervals.
 */
export function satisfies(version: string, range: VersionRange): boolean {
  const parsed = version.length > MAX_TEXT ? null : parse(version);
  if (parsed === null) return false;
  if (range.kind === 'npm') return npmRange(range.text)?.test(parsed) ?? false;
  return isAbove(parsed.version, range.lower) && isBelow(parsed.version, range.upper);
}

function isAbove(version: string, lower: Bound | undefined): boolean {
  if (lower === undefined) return true;
  const order = compare(version, lower.version);
  return lower.inclusive ? order >= 0 : order > 0;
}

function isBelow(version: string, upper: Bound | undefined): boolean {
  if (upper === undefined) return true;
  const order = compare(version, upper.version);
  return upper.inclusive ? order <= 0 : order < 0;
}
