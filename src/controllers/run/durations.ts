import { parseDuration } from '../../workflow/duration.ts';

/** A duration of a spec in milliseconds; `fallback` when it is absent. The CRD's pattern has checked its form. */
export function milliseconds(text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback;
  const parsed = parseDuration(text);
  return parsed.ok ? parsed.ms : fallback;
}
