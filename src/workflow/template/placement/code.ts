import { HOLE_CHARACTER, ShellSyntaxError } from '../shell/cursor.ts';
import type { HolePart, Word } from '../shell/syntax.ts';
import type { Placement } from './placement.ts';
import { type Placing, place, refusing } from './placing.ts';
import { codeSyntaxRefusal, REFUSALS, type Refusal } from './refusals.ts';
import { placeHoles } from './script.ts';
import { placeWord, quotedForm } from './words.ts';

type CodeWord = Pick<Word, 'parts'>;

/**
 * Places the holes of words that together are code which a shell parses again (`eval`, `sh -c`). Accepted is a value from `shell_quote` that
 * stands unquoted in code without other expansions; otherwise nobody can say what the quotes around the value would mean. `always`
 * refuses all of them.
 */
export function placeCode(placing: Placing, words: readonly CodeWord[], always?: Refusal): void {
  const refusal = always ?? (placing.inCode || placing.wrapped ? REFUSALS.substitutedCode : undefined);
  const joined = refusal === undefined ? joinWords(words) : undefined;
  if (joined === undefined) {
    for (const word of words) placeWord(refusing(placing, refusal ?? REFUSALS.codeWithExpansion), word, 'word');
    return;
  }
  const { text, holes } = joined;
  if (holes.size === 0) return;
  const inner = placeInner(text, [...holes.keys()]);
  for (const [at, part] of holes) place(placing, part.offset, outerPlacement(inner(at), part));
}

/** The code as the inner shell sees it, a hole's character for each value; undefined when something in it is expanded. */
function joinWords(words: readonly CodeWord[]): { text: string; holes: Map<number, HolePart> } | undefined {
  let text = '';
  const holes = new Map<number, HolePart>();
  for (const [index, word] of words.entries()) {
    if (index > 0) text += ' ';
    for (const part of word.parts) {
      if (part.kind === 'literal') text += part.text;
      else if (part.kind === 'hole') {
        holes.set(text.length, part);
        text += HOLE_CHARACTER;
      } else return undefined;
    }
  }
  return { text, holes };
}

function placeInner(text: string, offsets: readonly number[]): (offset: number) => Placement | undefined {
  try {
    const placements = placeHoles(text, offsets, { inCode: true });
    return offset => placements.get(offset);
  } catch (error) {
    if (!(error instanceof ShellSyntaxError)) throw error;
    const refusal = codeSyntaxRefusal(error.message);
    return () => ({ kind: 'refused', refusal });
  }
}

function outerPlacement(inner: Placement | undefined, part: HolePart): Placement {
  if (inner?.kind === 'refused') return inner;
  const unquoted = inner?.form.kind === 'word' || inner?.form.kind === 'split';
  if (!unquoted) return { kind: 'refused', refusal: REFUSALS.codeInQuotes };
  return { kind: 'accepted', form: quotedForm(part), code: true };
}
