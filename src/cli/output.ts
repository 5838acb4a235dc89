/** How a command's result is written. */
export const OUTPUTS = ['table', 'json'] as const;

/**
 * Columns as kubectl aligns them: three blanks between, none at the end of a line. Control characters, which a name that comes from
 * elsewhere may hold, are shown as `?`: they would move the cursor.
 */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [header, ...rows].map(row => row.map(cell => cell.replace(/\p{Cc}/gu, '?')));
  const widths = header.map((_, column) => Math.max(...cells.map(row => row[column]!.length)));
  return cells
    .map(
      row =>
        `${row
          .map((cell, column) => cell.padEnd(widths[column]! + 3))
          .join('')
          .trimEnd()}\n`,
    )
    .join('');
}

/** One document. */
export function json(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

const UNITS = ['B', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi'];

/** `512B`, `1.5Ki`, `10Gi`: three figures at most, in the units that Kubernetes' quantities have. */
export function bytes(count: number): string {
  let value = count;
  let unit = 0;
  // From 999.5 on it would be shown with four figures.
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1_024;
    unit++;
  }
  const figures = value >= 9.95 || Number.isInteger(value) ? String(Math.round(value)) : value.toFixed(1);
  return `${figures}${UNITS[unit]}`;
}

/** How long ago, as kubectl's AGE: `42s`, `5m`, `3h`, `12d`. A time in the future, by another clock, is `0s`. */
export function age(time: string, now: Date): string {
  const seconds = Math.max(0, Math.floor((now.getTime() - Date.parse(time)) / 1_000));
  if (Number.isNaN(seconds)) return '<unknown>';
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 2 * 3_600) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 48 * 3_600) return `${Math.floor(seconds / 3_600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}
