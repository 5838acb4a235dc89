import type { HolePart, OpaqueReason, ParameterPart, Part, Word } from '../shell/syntax.ts';
import { placeList } from './lists.ts';
import type { Form } from './placement.ts';
import { type Placing, place, refuse } from './placing.ts';
import { REFUSALS, type Refusal } from './refusals.ts';

/** What an unquoted value becomes: words, or one word whatever blanks it holds. */
export type Bare = 'split' | 'word';

const WORD: Form = { kind: 'word' };
const BRACED: Form = { kind: 'braced' };
const INTERRUPTED: Form = { kind: 'interrupted' };

/** Places the holes of a word that the shell treats as data. */
export function placeWord(placing: Placing, word: Pick<Word, 'parts'>, bare: Bare): void {
  const { parts } = word;
  const alone = parts.every(part => part.kind === 'hole' && part.quoting === 'none');
  for (const [index, part] of parts.entries()) {
    if (part.kind !== 'hole' || part.quoting !== 'none') {
      placePart(placing, part);
      continue;
    }
    const refusal = bareRefusal(parts, index);
    if (refusal !== undefined) {
      refuse(placing, [part.offset], refusal);
      continue;
    }
    const next = parts[index + 1];
    const textFollows = next !== undefined && next.kind !== 'hole';
    place(placing, part.offset, {
      kind: 'accepted',
      form: bare === 'word' ? WORD : { kind: 'split', alone, textFollows },
    });
  }
}

/** Places the holes of an unquoted here-document. */
export function placeDocument(placing: Placing, parts: readonly Part[]): void {
  for (const part of parts) placePart(placing, part);
}

function placePart(placing: Placing, part: Part): void {
  switch (part.kind) {
    case 'literal':
      break;
    case 'hole':
      place(placing, part.offset, { kind: 'accepted', form: quotedForm(part) });
      break;
    case 'opaque':
      refuse(placing, part.holes, REFUSALS[part.reason satisfies OpaqueReason]);
      break;
    case 'command':
      placeList({ ...placing, inSubstitution: true, wrapped: false }, part.list);
      break;
    case 'parameter':
      placeParameter(placing, part);
  }
}

export function quotedForm({ quoting }: HolePart): Form {
  switch (quoting) {
    case 'none':
      return WORD;
    case 'single':
      return INTERRUPTED;
    case 'double':
    case 'document':
      return BRACED;
  }
}

/** `${x-word}` and its like. `${x#"${V}"}` keeps a pattern's characters from matching, in quotes and out of them. */
function placeParameter(placing: Placing, { word, operator, quoting }: ParameterPart): void {
  if (word === undefined || operator === undefined) return;
  const pattern = operator.startsWith('#') || operator.startsWith('%');
  const assigns = operator.endsWith('=');
  for (const part of word) {
    if (part.kind !== 'hole') placePart(placing, part);
    else if (pattern && quoting === 'document') refuse(placing, [part.offset], REFUSALS.hereDocumentPattern);
    else if (assigns && quoting === 'none') refuse(placing, [part.offset], REFUSALS.unquotedAssignment);
    else
      place(placing, part.offset, {
        kind: 'accepted',
        form: pattern && part.quoting !== 'single' ? WORD : quotedForm(part),
      });
  }
}

/** Why an unquoted value cannot stand at this place of its word, apart from what the word is. */
function bareRefusal(parts: readonly Part[], index: number): Refusal | undefined {
  const before = parts[index - 1];
  if (
    before?.kind === 'literal' &&
    before.quoting === 'none' &&
    !before.escaped &&
    /(?:^|[=:])~[^/]*$/.test(before.text)
  ) {
    return REFUSALS.tilde;
  }
  return bracesAround(parts.slice(0, index)) ? REFUSALS.brace : undefined;
}

function bracesAround(before: readonly Part[]): boolean {
  let depth = 0;
  for (const part of before) {
    if (part.kind !== 'literal' || part.quoting !== 'none' || part.escaped) continue;
    for (const char of part.text) {
      if (char === '{') depth++;
      if (char === '}' && depth > 0) depth--;
    }
  }
  return depth > 0;
}
