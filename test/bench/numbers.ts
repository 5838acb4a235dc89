/** The mean of measurements, rounded as they are. */
export function mean(values: readonly number[]): number {
  return round(values.reduce((sum, value) => sum + value, 0) / values.length);
}

/** To a tenth of a thousandth: of seconds that is more than a measurement tells. */
export function round(value: number): number {
  return Math.round(value * 10_000) / 10_000;
}

/** How long it takes, seconds. */
export async function wallTime(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return round((performance.now() - start) / 1_000);
}
