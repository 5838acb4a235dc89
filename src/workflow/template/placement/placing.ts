import type { Word } from '../shell/syntax.ts';
import type { Placement } from './placement.ts';
import type { Refusal } from './refusals.ts';

/** What is known while a script's holes are placed. */
export interface Placing {
  /** By offset; every hole of the script gets one. */
  readonly placements: Map<number, Placement>;
  /** Offsets of the holes in a piece of the script. */
  readonly holesBetween: (from: number, to: number) => readonly number[];
  /** Assignments that hold holes: whether they are accepted depends on declarations anywhere in the script. */
  readonly assignments: { readonly name: string; readonly holes: readonly number[] }[];
  /** Variables that are declared as integers, arrays or references. */
  readonly attributed: Set<string>;
  /** Within `$( )`: an unquoted argument is one word. */
  readonly inSubstitution: boolean;
  /** The command is run by another one (sudo, xargs, ...). */
  readonly wrapped: boolean;
  /** The script is code within a script (`eval "..."`). */
  readonly inCode: boolean;
  /** Everything here is refused, however deep. */
  readonly refusal?: Refusal;
}

export function place(placing: Placing, offset: number, placement: Placement): void {
  const { refusal } = placing;
  placing.placements.set(offset, refusal === undefined ? placement : { kind: 'refused', refusal });
}

export function refuse(placing: Placing, offsets: readonly number[], refusal: Refusal): void {
  for (const offset of offsets) place(placing, offset, { kind: 'refused', refusal });
}

export function refuseWord(placing: Placing, word: Word, refusal: Refusal): void {
  refuse(placing, placing.holesBetween(word.start, word.end), refusal);
}

export function refuseWords(placing: Placing, words: readonly Word[], refusal: Refusal): void {
  for (const word of words) refuseWord(placing, word, refusal);
}

export function hasHoles(placing: Placing, word: Word): boolean {
  return placing.holesBetween(word.start, word.end).length > 0;
}

/** Refuses everything below, for one reason; a reason from further out stays. */
export function refusing(placing: Placing, refusal: Refusal): Placing {
  return placing.refusal === undefined ? { ...placing, refusal } : placing;
}

/** Remembers an assignment: it is refused when a declaration gives the variable attributes. */
export function recordAssignment(placing: Placing, name: string, word: Pick<Word, 'start' | 'end'>): void {
  const holes = placing.holesBetween(word.start, word.end);
  if (holes.length > 0) placing.assignments.push({ name, holes });
}
