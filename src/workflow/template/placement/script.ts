import { offsetsBetween } from '../shell/offsets.ts';
import { parseScript } from '../shell/parse.ts';
import { placeList } from './lists.ts';
import type { Placement } from './placement.ts';
import { type Placing, place, refuse } from './placing.ts';
import { REFUSALS } from './refusals.ts';

/**
 * Finds out where each hole of a script stands and what becomes of it there. `text` has one character for each hole, at `offsets`; ascending; what
 * the holes hold plays no part. `inCode`: the script is code within a script. Throws a ShellSyntaxError.
 */
export function placeHoles(
  text: string,
  offsets: readonly number[],
  options: { readonly inCode: boolean },
): ReadonlyMap<number, Placement> {
  const { list, commentHoles } = parseScript(text, offsets);
  const placing: Placing = {
    placements: new Map(),
    holesBetween: (from, to) => offsetsBetween(offsets, from, to),
    assignments: [],
    attributed: new Set(),
    inSubstitution: false,
    wrapped: false,
    inCode: options.inCode,
  };
  placeList(placing, list);
  for (const { name, holes } of placing.assignments) {
    if (placing.attributed.has(name)) refuse(placing, holes, REFUSALS.declared);
  }
  for (const offset of commentHoles) place(placing, offset, { kind: 'accepted', form: { kind: 'comment' } });
  return placing.placements;
}

const SHELL_NAMES = /(?:^|[\s/])(?:ba|da|a|k|mk|z|)sh\b/;

/** Whether the first line names an interpreter that is no shell. */
export function hasForeignShebang(text: string): boolean {
  const line = /^#!(.*)/.exec(text)?.[1];
  return line !== undefined && !SHELL_NAMES.test(line);
}
