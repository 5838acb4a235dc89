/** What is kept of a coverage run: percentages, 0 to 100, rounded to hundredths. */
export interface HighWaterMark {
  /** Lines of src, all files together. */
  readonly total: number;
  /** `file function` to the share of its statements that ran. */
  readonly functions: Readonly<Record<string, number>>;
}

/** How far coverage may fall below the mark, percentage points. */
export const ALLOWED_FALL = { total: 1, function: 10 } as const;
/** The least that the project asks for. */
export const REQUIRED_TOTAL = 80;

/** What is wrong with a coverage run; empty when nothing is. Functions that are gone are no fall, new ones have no mark yet. */
export function compareCoverage(current: HighWaterMark, mark: HighWaterMark): string[] {
  const problems: string[] = [];
  if (current.total < REQUIRED_TOTAL) {
    problems.push(`line coverage of src is ${current.total} %, at least ${REQUIRED_TOTAL} % is required`);
  }
  if (current.total < mark.total - ALLOWED_FALL.total) {
    problems.push(
      `line coverage of src fell from ${mark.total} % to ${current.total} %: more than ${ALLOWED_FALL.total} point`,
    );
  }
  for (const [name, before] of Object.entries(mark.functions)) {
    const now = current.functions[name];
    if (now !== undefined && now < before - ALLOWED_FALL.function) {
      problems.push(`coverage of ${name} fell from ${before} % to ${now} %: more than ${ALLOWED_FALL.function} points`);
    }
  }
  return problems;
}

/** The higher of both, function by function; functions that are gone are dropped. */
export function raiseMark(current: HighWaterMark, mark: HighWaterMark): HighWaterMark {
  const functions = Object.entries(current.functions).map(([name, now]): [string, number] => [
    name,
    Math.max(now, mark.functions[name] ?? 0),
  ]);
  return {
    total: Math.max(current.total, mark.total),
    functions: Object.fromEntries(functions.sort(([a], [b]) => (a < b ? -1 : 1))),
  };
}
