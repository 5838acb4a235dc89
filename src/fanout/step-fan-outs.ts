import { LABELS } from '../api/meta.ts';
import { fanOutRunName, type NamedRun } from './names.ts';
import type { RunObject } from './objects.ts';

/**
 * How many fan-outs one step of a run may have, one after the other. A later attempt that sends the same event finds the fan-out of an
 * earlier one; with another event it cancels that and makes the next.
 */
export const MAX_GENERATIONS = 64;

/** The fan-outs of a run that count: of each step the last one. Those before were canceled, and nobody waits for them. */
export function currentFanOuts<Run extends RunObject>(run: NamedRun, fanOuts: readonly Run[]): readonly Run[] {
  const byStep = Map.groupBy(fanOuts, ({ spec }) => spec.parent?.step ?? '');
  if (byStep.size === fanOuts.length) return fanOuts;
  return [...byStep].map(([step, all]) => (all.length === 1 ? all[0]! : latest(run, step, all)));
}

function latest<Run extends RunObject>(run: NamedRun, step: string, all: readonly Run[]): Run {
  const byName = new Map(all.map(fanOut => [fanOut.metadata.name, fanOut]));
  for (let generation = MAX_GENERATIONS - 1; generation > 0; generation -= 1) {
    const found = byName.get(fanOutRunName(run, step, generation));
    if (found !== undefined) return found;
  }
  return byName.get(fanOutRunName(run, step)) ?? all[0]!;
}

/** Whether a fan-out was made by an earlier attempt of its run than `attempt`. One that does not say which is of the first. */
export function isOfEarlierAttempt({ metadata }: RunObject, attempt: number): boolean {
  return Number(metadata.labels?.[LABELS.attempt] ?? 1) < attempt;
}

/** Whether a later attempt has to look for another fan-out: this one was canceled, by an attempt in between or a person. */
export function isAbandoned(fanOut: RunObject, attempt: number): boolean {
  return fanOut.spec.cancel === true && isOfEarlierAttempt(fanOut, attempt);
}
